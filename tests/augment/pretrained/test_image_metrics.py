"""Pretrained metrics without their weights, and with made-up weights under the expected names."""

from dataclasses import replace
from pathlib import Path

import lpips
import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch_fidelity import FeatureExtractorInceptionV3, feature_extractor_inceptionv3
from torchvision.models import alexnet
from torchvision.models.detection import ssd300_vgg16

from augment.pretrained import image_metrics
from augment.pretrained.image_metrics import OUTSIDE, detection_scores, scores
from augment.pretrained.weights import Unavailable

PAIRED = {"lpips", "mask_lpips", "ds"}
KEYS = {"fid", "is", "mask_is"} | PAIRED
FILES = {
    "inception": "weights-inception-2015-12-05-6726825d.pth",
    "lpips": "alexnet-owt-7be5be79.pth",
    "ssd300": "ssd300_vgg16_coco-b556d3b4.pth",
}


@pytest.fixture(scope="module")
def fabricated(tmp_path_factory) -> Path:
    """Random weights of all networks."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        patch.setattr(
            feature_extractor_inceptionv3, "load_state_dict_from_url", lambda *_, **__: {}
        )
        inception = FeatureExtractorInceptionV3("any", ["2048"])
    for weight in inception.parameters():
        if (
            weight.ndim == 4
        ):  # so that what one image has in itself is still to be seen at the other end
            torch.nn.init.kaiming_normal_(weight, nonlinearity="relu")
    torch.save(inception.state_dict(), folder / FILES["inception"])
    trunk = {
        f"features.{name}": weight
        for name, weight in alexnet(weights=None).features.state_dict().items()
    }
    torch.save(trunk, folder / FILES["lpips"])
    torch.save(
        ssd300_vgg16(weights=None, weights_backbone=None).state_dict(), folder / FILES["ssd300"]
    )
    return folder


def pictures(number: int, seed: int = 0) -> torch.Tensor:
    draws = torch.Generator().manual_seed(seed)
    coarse = torch.rand(number, 3, 8, 4, generator=draws) * 255
    return (
        torch.nn.functional.interpolate(coarse, (64, 32), mode="bicubic")
        .clamp(0, 255)
        .to(torch.uint8)
    )


def half(number: int) -> torch.Tensor:
    mask = torch.zeros(number, 1, 64, 32, dtype=torch.bool)
    mask[:, :, :32] = True
    return mask


def test_with_an_empty_cache_everything_is_unavailable_and_says_why(cache):
    images = pictures(3)
    found = scores(images, images, half(3))
    assert found.keys() == KEYS
    of_key = {
        "fid": "inception",
        "is": "inception",
        "mask_is": "inception",
        "lpips": "lpips",
        "mask_lpips": "lpips",
        "ds": "ssd300",
    }
    for key, value in found.items():
        file = FILES[of_key[key]]
        url = OUTSIDE[of_key[key]].url
        assert value == Unavailable(
            f"{file} is not in torch hub's cache; download {url} and put it there",
            str(cache / file),
        )
    assert not list(cache.iterdir())


def test_the_files_are_those_of_the_libraries():
    assert OUTSIDE["inception"].url == feature_extractor_inceptionv3.URL_INCEPTION_V3
    assert {name: outside.file.name for name, outside in OUTSIDE.items()} == FILES


def test_a_library_that_is_not_installed_is_named(cache, monkeypatch):
    missing = replace(OUTSIDE["lpips"], library="no_such_library")
    monkeypatch.setitem(OUTSIDE, "lpips", missing)
    (cache / FILES["lpips"]).touch()
    found = scores(pictures(1), pictures(1), half(1))["lpips"]
    assert found.reason == "no_such_library is not installed: pip install 'reid-augment[metrics]'"


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"])
def test_a_file_that_cannot_be_read_is_unavailable(cache, content):
    for name in FILES.values():
        (cache / name).write_bytes(content)
    found = scores(pictures(1), pictures(1), half(1))
    for value in found.values():
        check_useless(value)


def test_a_file_with_other_weights_is_unavailable(cache):
    for name in ("inception", "lpips"):
        torch.save({"something": torch.zeros(2)}, cache / FILES[name])
    found = scores(pictures(1), pictures(1), half(1))
    for key in KEYS - {"ds"}:
        check_useless(found[key])


def check_useless(value: Unavailable) -> None:
    name = Path(value.file).name
    assert value.reason.startswith(
        f"{name} does not hold the weights of https://"
    ) and value.reason.endswith("download it again")


def link(cache: Path, fabricated: Path, *networks: str) -> None:
    for name in networks:
        (cache / FILES[name]).symlink_to(fabricated / FILES[name])


def test_identical_images_have_fid_0_and_images_all_alike_have_is_1(cache, fabricated):
    link(cache, fabricated, "inception")
    images = pictures(2)
    assert scores(images, images, half(2), batch=1)["fid"] == pytest.approx(0, abs=1e-6)
    alike = images[:1].expand(2, -1, -1, -1)
    found = scores(alike, images, half(2))
    assert found["is"] == pytest.approx(1, abs=1e-6) and found["mask_is"] == pytest.approx(
        1, abs=1e-6
    )
    assert (
        found["fid"] > 0.1
        and isinstance(found["lpips"], Unavailable)
        and isinstance(found["ds"], Unavailable)
    )


def test_fid_and_is_are_their_formulas(monkeypatch):
    """On a network of a few lines, of which scipy and a naive loop make the same."""
    outputs, targets, masks = pictures(60), pictures(60, seed=1), half(60)
    draws = torch.Generator().manual_seed(0)
    project = torch.randn(3 * 8 * 4, 12, generator=draws)

    def network(images):
        assert images.dtype == torch.uint8 and len(images) <= 16
        features = torch.nn.functional.avg_pool2d(images / 255, 8).flatten(1) @ project
        return features, 3 * features[:, :5]

    monkeypatch.setattr(
        image_metrics,
        "_network",
        lambda name, _: network if name == "inception" else Unavailable("", ""),
    )
    found = scores(outputs, targets, masks, batch=16)

    def through(images):
        return [
            torch.cat(column).double().numpy()
            for column in zip(*map(network, images.split(16)), strict=True)
        ]

    (made, logits), (real, _), (_, mask_logits) = map(through, (outputs, targets, outputs * masks))
    first, second = (np.cov(one, rowvar=False) for one in (made, real))
    wanted = np.square(made.mean(0) - real.mean(0)).sum() + np.trace(
        first + second - 2 * sqrtm(first @ second).real
    )
    assert found["fid"] == pytest.approx(wanted, rel=1e-5)
    assert found["is"] == pytest.approx(naive_inception_score(logits), rel=1e-5)
    assert found["mask_is"] == pytest.approx(naive_inception_score(mask_logits), rel=1e-5)
    assert 1.05 < found["mask_is"] != found["is"] > 1.05


def naive_inception_score(logits: np.ndarray, splits: int = 10) -> float:
    """exp of the mean divergence from a split's mean; torch-fidelity shuffles with this seed."""
    logits = logits[np.random.RandomState(2020).permutation(len(logits))]
    guesses = [[np.exp(one) / sum(np.exp(row)) for one in row] for row in logits]
    size, means = len(guesses) // splits, []
    for split in range(splits):
        part = guesses[split * size : (split + 1) * size]
        mean = [sum(column) / size for column in zip(*part, strict=True)]
        divergences = [
            sum(p * np.log(p / q) for p, q in zip(row, mean, strict=True)) for row in part
        ]
        means.append(np.exp(sum(divergences) / size))
    return sum(means) / splits


def test_lpips_is_0_for_the_same_image_and_masked_it_sees_nothing_outside(cache, fabricated):
    link(cache, fabricated, "lpips")
    targets, masks = pictures(5, seed=1), half(5)
    outputs = torch.cat([targets[:2], pictures(3)])
    found = scores(outputs, targets, masks, batch=2)
    for key in ("lpips", "mask_lpips"):
        assert found[key].dtype == np.float64 and found[key].shape == (5,)
        assert found[key][:2].tolist() == [0, 0] and (found[key][2:] > 1e-3).all()
    repainted = scores(torch.where(masks, outputs, 255 - outputs), targets, masks, batch=5)
    assert repainted["mask_lpips"] == pytest.approx(found["mask_lpips"], rel=1e-4)
    assert (repainted["lpips"][:2] > 1e-3).all()


def test_lpips_is_its_formula(cache, fabricated):
    """Zhang et al. 2018, eq. 1.

    Differences of unit-length features are squared, weighted by channel and averaged over places.
    """
    link(cache, fabricated, "lpips")
    outputs, targets = pictures(2), pictures(2, seed=1)
    trunk = alexnet(weights=None).features
    trunk.load_state_dict(
        {
            name.removeprefix("features."): one
            for name, one in torch.load(cache / FILES["lpips"]).items()
        }
    )
    weights = torch.load(Path(lpips.__file__).parent / "weights/v0.1/alex.pth", map_location="cpu")
    shift, scale = (
        torch.tensor(one).view(1, 3, 1, 1)
        for one in ([-0.030, -0.088, -0.188], [0.458, 0.448, 0.450])
    )
    x, y = ((images / 127.5 - 1 - shift) / scale for images in (outputs, targets))
    wanted, levels = torch.zeros(2), iter(range(5))
    for number, layer in enumerate(trunk[:12]):
        x, y = layer(x), layer(y)
        if number in (1, 4, 7, 9, 11):  # after every ReLU
            off = (x / x.norm(dim=1, keepdim=True) - y / y.norm(dim=1, keepdim=True)).square()
            wanted += (
                (off * weights[f"lin{next(levels)}.model.1.weight"]).sum(1).mean((1, 2)).detach()
            )
    assert scores(outputs, targets, half(2))["lpips"] == pytest.approx(wanted.numpy(), rel=1e-4)


def test_the_detector_runs(cache, fabricated):
    link(cache, fabricated, "ssd300")
    images = pictures(2)
    found = detection_scores(images)
    assert found.shape == (2,) and ((found >= 0) & (found <= 1)).all()


def test_the_detection_score_is_that_of_the_surest_person(cache, monkeypatch):
    answers = [
        {"labels": torch.tensor([3, 1, 1]), "scores": torch.tensor([0.9, 0.4, 0.6])},
        {"labels": torch.tensor([2]), "scores": torch.tensor([0.8])},
        {"labels": torch.empty(0, dtype=torch.int64), "scores": torch.empty(0)},
    ]
    monkeypatch.setattr(image_metrics, "_network", lambda *_: lambda images: answers[: len(images)])
    assert detection_scores(pictures(3)).tolist() == pytest.approx([0.6, 0, 0])
