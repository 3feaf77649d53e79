import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.body.parsing import LABELS
from generators.body.pose import pose_maps
from generators.body.skeleton import JOINTS
from generators.spgnet.params import SpatnParams
from generators.spgnet.spatn import Spatn, distance_maps, pose_features
from generators.training.phases import TrainingParams

SIZE = (32, 16)
TRAINING = TrainingParams(4, 2, 2, 1e-3, (0.5, 0.999), False, 0, "float32", 1, 4, 4)
# Neck to hips, thighs, shanks, neck to shoulders, upper arms, forearms: OpenPose's limbs without
# those of the head.
LIMBS = {
    (1, 8),
    (8, 9),
    (9, 10),
    (1, 11),
    (11, 12),
    (12, 13),
    (1, 2),
    (2, 3),
    (3, 4),
    (1, 5),
    (5, 6),
    (6, 7),
}
places = st.floats(0, 31, width=32)


def spatn(**changes) -> Spatn:
    values = {
        "input": "parsing",
        "ngf": 4,
        "blocks": 2,
        "norm": "batch",
        "dropout": 0.0,
        "lambda_ce": 1.0,
    }
    return Spatn(SpatnParams(**(values | changes), training=TRAINING))


@given(ends=st.tuples(places, places, places, places), kappa=st.floats(-2.0, -0.01))
@settings(max_examples=25, deadline=None)
def test_distance_maps_are_equations_2_and_3(ends, kappa):
    keypoints = torch.full((1, len(JOINTS), 2), -1.0)
    keypoints[0, 8], keypoints[0, 9] = torch.tensor(ends[:2]), torch.tensor(ends[2:])
    maps = distance_maps(keypoints, SIZE, kappa)
    assert maps.shape == (1, 12, *SIZE)
    points = torch.lerp(
        keypoints[0, 8], keypoints[0, 9], torch.linspace(0, 1, 2001)[:, None]
    )  # (x', y') on the skeleton
    pixels = torch.stack(torch.meshgrid(torch.arange(32.0), torch.arange(16.0), indexing="ij"), -1)
    nearest = (
        torch.cdist(pixels.view(-1, 2), points, compute_mode="donot_use_mm_for_euclid_dist")
        .amin(1)
        .view(SIZE)
    )
    shown = maps[0].flatten(1).amax(1) > 0
    assert shown.sum() == 1, "the others are out of sight"
    assert torch.allclose(maps[0, shown][0], torch.exp(kappa * nearest), atol=2e-2)


def test_twelve_limbs_of_trunk_arms_and_legs():
    found = set()
    for a in range(len(JOINTS)):
        for b in range(a):
            keypoints = torch.full((1, len(JOINTS), 2), -1.0)
            keypoints[0, [a, b]] = torch.tensor([[3.0, 4.0], [20.0, 9.0]])
            if distance_maps(keypoints, SIZE, -0.1).any():
                found.add((b, a))
    assert found == LIMBS


def test_a_pose_is_18_heat_maps_and_12_distance_maps(people):
    keypoints = people[0].keypoints[4:6]  # the second has no right wrist
    maps = pose_features(pose_maps(keypoints, SIZE, 1.5), keypoints, -0.1)
    assert maps.shape == (2, 30, *SIZE) and maps.min() >= 0 and maps.max() <= 1
    assert torch.equal(maps[:, :18], pose_maps(keypoints, SIZE, 1.5))
    assert torch.equal(maps[:, 18:], distance_maps(keypoints, SIZE, -0.1))
    assert (maps.flatten(2).amax(2) == 0).nonzero().tolist() == [[1, 4], [1, 18 + 8]]


@pytest.mark.parametrize(("kind", "channels"), [("parsing", 10), ("image", 3)])
def test_logits_of_ten_labels(kind, channels):
    network = spatn(input=kind).eval()
    source, poses = torch.rand(2, channels, *SIZE), torch.rand(2, 2, 30, *SIZE)
    logits = network(source, *poses)
    assert logits.shape == (2, len(LABELS), *SIZE) and logits.min() < 0
    predicted = network.predict(source, *poses)
    assert torch.equal(predicted.argmax(1), logits.argmax(1)) and torch.equal(
        predicted.sum(1), torch.ones(2, *SIZE)
    )


def test_both_poses_and_the_source_matter():
    network = spatn(norm="instance")
    given_maps = [torch.rand(1, 10, *SIZE), torch.rand(1, 30, *SIZE), torch.rand(1, 30, *SIZE)]
    logits = network(*given_maps)
    for number in range(3):
        other = [
            torch.rand_like(maps) if place == number else maps
            for place, maps in enumerate(given_maps)
        ]
        assert not torch.allclose(network(*other), logits)


def test_blocks_are_those_of_patn():
    network = spatn(ngf=64, blocks=3)
    sizes = [sum(p.numel() for p in block.parameters()) for block in network.blocks]
    assert [round(size / 1e6, 2) for size in sizes] == [2.36, 4.72, 4.72]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input": "pose"}, "spgnet.parser.input is 'pose'; it must be one of parsing, image"),
        ({"norm": "layer"}, "spgnet.parser.norm is 'layer'; it must be one of batch, instance"),
    ],
)
def test_senseless_params(change, message):
    with pytest.raises(ValueError, match=message):
        spatn(**change)
