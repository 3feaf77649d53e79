import pytest
import torch
import upright
from torch.nn import functional as F

from generators.body import parsing
from generators.pose_network.pose_network import PoseNetwork
from generators.spt.losses import describer, face_crops, grams, parsing_loss, regions, style_loss

SIZE = (64, 32)


def standing() -> torch.Tensor:
    return torch.tensor(upright.UPRIGHT, dtype=torch.float32)[None] / 2


def test_cross_entropy_is_equation_3():
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 10, 8, 4), torch.randint(0, 10, (2, 8, 4))
    mask = torch.randint(0, 2, (2, 1, 8, 4)).float()
    wanted = -(parsing.one_hot(labels) * logits.log_softmax(1) * (1 + mask)).sum() / labels.numel()
    assert parsing_loss(logits, labels, mask).item() == pytest.approx(wanted.item(), rel=1e-5)


def test_gram_matrices_of_regions():
    torch.manual_seed(0)
    maps, labels = torch.randn(2, 3, 8, 4), torch.randint(0, 4, (2, 8, 4))
    found, sizes = grams(maps, parsing.one_hot(labels))
    assert found.shape == (2, 10, 3, 3)
    for image in range(2):
        for label in range(10):
            pixels = maps[image][:, labels[image] == label]
            assert sizes[image, label] == pixels.shape[1]
            wanted = pixels @ pixels.T / max(pixels.shape[1], 1)
            assert torch.allclose(found[image, label], wanted, atol=1e-5)


def test_style_compares_regions_that_both_show():
    torch.manual_seed(0)
    maps, labels = torch.randn(1, 3, 8, 4), torch.zeros(1, 8, 4, dtype=torch.int64)
    labels[:, 4:] = 3
    other_labels = labels.clone()
    other_labels[:, :4] = 5
    where, other = parsing.one_hot(labels), parsing.one_hot(other_labels)
    assert style_loss((maps, where), (maps, where)) == 0
    turned = maps.flip(2).flip(3)  # the same textures elsewhere
    assert style_loss((maps, where), (turned, where.flip(2).flip(3))).item() == pytest.approx(
        0, abs=1e-9
    )
    changed = torch.cat([2 * maps[:, :, :4], maps[:, :, 4:]], 2)
    assert style_loss((maps, where), (changed, other)).item() == pytest.approx(0, abs=1e-9)
    one, twice = grams(maps, where)[0][0, 0], grams(changed, where)[0][0, 0]
    assert style_loss((maps, where), (changed, where)).item() == pytest.approx(
        (one - twice).square().mean().item(), rel=1e-5
    )


def test_regions_at_a_coarser_level():
    labels = torch.zeros(1, 8, 4, dtype=torch.int64)
    labels[:, 4:] = 3
    _, sizes = grams(torch.randn(1, 5, 4, 2), parsing.one_hot(labels))
    assert sizes[0, 0] == sizes[0, 3] == 4


def test_regions_of_each_kind():
    labels = torch.randint(0, 10, (1, *SIZE))
    assert torch.equal(regions("semantic", labels, standing(), SIZE), parsing.one_hot(labels))
    keypoints = standing()
    masks, patches = regions("mask", None, keypoints, SIZE), regions("patch", None, keypoints, SIZE)
    assert masks.shape == (1, 10, *SIZE) and patches.shape == (1, 18, *SIZE)
    assert (masks.sum((2, 3)) > 8).all() and (patches.sum((2, 3)) <= 36).all()
    for joint, (y, x) in enumerate(keypoints[0]):
        assert patches[0, joint, int(y), int(x)] == 1
    keypoints[0, 4] = -1.0
    assert not regions("patch", None, keypoints, SIZE)[0, 4].any()
    assert not regions("mask", None, keypoints, SIZE)[0, 3].any()  # the forearm


def test_faces_are_cut_out():
    image = torch.zeros(1, 3, *SIZE)
    y, x = (int(value) for value in standing()[0, [0, 14, 15, 16, 17]].mean(0).round())
    image[:, 1, y, x] = 1.0
    crop = face_crops(image, standing())
    assert crop.shape == (1, 3, 16, 16)
    peak = crop[0, 1].flatten().argmax().item()
    assert abs(peak // 16 - 7.5) < 2 and abs(peak % 16 - 7.5) < 2
    lost = standing()
    lost[0, [0, 14, 15, 16, 17]] = -1.0
    assert (face_crops(image, lost) == -1).all()
    assert (face_crops(image, torch.full((1, 18, 2), -1.0)) == -1).all()


def test_face_crops_move_with_the_person():
    image = torch.rand(1, 3, *SIZE)
    rolled = image.roll((3, 2), (2, 3))
    one, other = (
        face_crops(image, standing()),
        face_crops(rolled, standing() + torch.tensor([3.0, 2.0])),
    )
    assert torch.allclose(one, other, atol=1e-4)


def test_descriptions_are_the_image_and_the_asked_layers():
    torch.manual_seed(0)
    network = PoseNetwork(4, 1, (32, 16)).eval()
    images = torch.rand(2, 3, 32, 16) * 2 - 1
    maps = describer("pose_network", ("relu2_1", "rgb", "relu1_2", "relu2_1"), network)(images)
    assert set(maps) == {"rgb", "relu1_2", "relu2_1"}
    assert torch.allclose(maps["rgb"], (images + 1) / 2)
    assert maps["relu1_2"].shape == (2, 4, 32, 16) and maps["relu2_1"].shape == (2, 8, 16, 8)
    assert list(describer("none", ("rgb",), None)(images)) == ["rgb"]
    assert F.mse_loss(maps["relu1_2"], network.features(images)[0]) == 0
