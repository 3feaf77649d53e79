import math

import numpy as np
import pytest
import torch
import upright
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.body.pose import (
    draw_skeleton,
    flip,
    has_torso,
    limb_distances,
    pose_maps,
    pose_masks,
    rescale,
    visible,
)
from generators.body.skeleton import JOINTS, LIMBS, MIRROR

joint = st.one_of(
    st.just((-1.0, -1.0)), st.tuples(st.integers(0, 127).map(float), st.integers(0, 63).map(float))
)
people = st.lists(st.lists(joint, min_size=18, max_size=18), min_size=1, max_size=3).map(
    torch.tensor
)


def test_mirror_exchanges_left_and_right():
    for here, there in enumerate(MIRROR):
        assert JOINTS[there] == JOINTS[here].replace("right", "LEFT").replace(
            "left", "right"
        ).replace("LEFT", "left")


def test_mirroring_limbs_gives_the_same_limbs():
    assert {frozenset((MIRROR[a], MIRROR[b])) for a, b in LIMBS} == {
        frozenset(limb) for limb in LIMBS
    }


@settings(deadline=None, max_examples=50)
@given(people)
def test_flip_is_its_own_inverse_and_keeps_missing_joints(keypoints):
    turned = flip(keypoints, 64)
    assert torch.equal(flip(turned, 64), keypoints)
    assert torch.equal(visible(turned), visible(keypoints)[:, list(MIRROR)])


@settings(deadline=None, max_examples=50)
@given(people)
def test_maps_of_flipped_keypoints_are_flipped_maps(keypoints):
    direct = pose_maps(flip(keypoints, 64), (128, 64), 6.0)
    assert torch.allclose(
        direct, pose_maps(keypoints, (128, 64), 6.0)[:, list(MIRROR)].flip(-1), atol=1e-6
    )


@settings(deadline=None, max_examples=50)
@given(people, st.sampled_from([(64, 32), (256, 128), (144, 56), (100, 37)]))
def test_rescale_there_and_back(keypoints, size):
    moved = rescale(keypoints, (128, 64), size)
    assert torch.equal(visible(moved), visible(keypoints))
    assert torch.allclose(rescale(moved, size, (128, 64)), keypoints, atol=1e-4)


def test_rescale_keeps_pixel_centres():
    keypoints = torch.full((1, 18, 2), -1.0)
    keypoints[0, 0], keypoints[0, 1] = torch.tensor([0.0, 63.0]), torch.tensor([127.0, 0.0])
    moved = rescale(keypoints, (128, 64), (64, 32))
    # The centre of the top left of four pixels lies a quarter of the new pixel before its centre.
    assert moved[0, 0].tolist() == [-0.25, 31.25] and moved[0, 1].tolist() == [63.25, -0.25]
    assert visible(moved)[0, :2].all() and moved[0, 2].tolist() == [-1.0, -1.0]


@settings(deadline=None, max_examples=20)
@given(people, st.floats(0.5, 8.0))
def test_maps_against_the_formula(keypoints, sigma_px):
    maps = pose_maps(keypoints, (16, 8), sigma_px)
    assert maps.shape == (len(keypoints), 18, 16, 8) and maps.dtype == torch.float32
    for joint in range(18):
        y, x = keypoints[0, joint].tolist()
        for row, column in ((0, 0), (5, 7), (15, 3)):
            wanted = (
                math.exp(-((row - y) ** 2 + (column - x) ** 2) / (2 * sigma_px**2))
                if y >= 0
                else 0.0
            )
            assert maps[0, joint, row, column].item() == pytest.approx(wanted, abs=1e-6)


def test_has_torso_needs_both_shoulders_and_hips():
    keypoints = torch.ones(6, 18, 2)
    for row, joint in enumerate((2, 5, 8, 11)):
        keypoints[row, joint] = -1
    keypoints[4, [0, 1, 3, 4, 6, 7, 9, 10, 12, 13, 14, 15, 16, 17]] = -1
    assert has_torso(keypoints).tolist() == [False, False, False, False, True, True]


@settings(deadline=None, max_examples=20)
@given(people)
def test_limb_distances_against_points_along_the_limb(keypoints):
    distances = limb_distances(keypoints, (16, 8))
    assert distances.shape == (len(keypoints), len(LIMBS), 16, 8)
    shares = torch.linspace(0, 1, 2001)[:, None]
    for limb, (a, b) in enumerate(LIMBS):
        here, there = keypoints[0, a], keypoints[0, b]
        for pixel in ((0, 0), (9, 5)):
            if visible(keypoints)[0, [a, b]].all():
                points = here + shares * (there - here)
                wanted = (points - torch.tensor(pixel)).norm(dim=1).min().item()
                assert distances[0, limb, *pixel].item() == pytest.approx(wanted, abs=0.05)
            else:
                assert distances[0, limb, *pixel].item() == math.inf


def test_skeleton_is_drawn_where_the_joints_are():
    keypoints = torch.full((18, 2), -1.0)
    keypoints[2], keypoints[3] = torch.tensor([20.0, 10.0]), torch.tensor([60.0, 10.0])
    picture = draw_skeleton(keypoints, (128, 64))
    assert picture.shape == (128, 64, 3) and picture.dtype == np.uint8
    changed = (picture != picture[127, 63]).any(-1)
    assert changed[40, 10] and changed[:, :17].sum() == changed.sum() > 80
    background = np.full((128, 64, 3), 200, np.uint8)
    over = draw_skeleton(keypoints, (128, 64), background)
    assert (over[127, 63] == 200).all() and (over[40, 10] != 200).any()
    empty = draw_skeleton(torch.full((18, 2), -1.0), (128, 64))
    assert (empty == empty[0, 0]).all()


def test_pose_masks_cover_visible_limbs():
    keypoints, size = torch.tensor(upright.UPRIGHT, dtype=torch.float32)[None], (128, 64)
    mask = pose_masks(keypoints, size)
    assert mask.shape == (1, 1, *size) and set(mask.unique().tolist()) == {0.0, 1.0}
    assert all(mask[0, 0, int(y), int(x)] == 1 for y, x in keypoints[0])
    without = keypoints.clone()
    without[0, 4] = -1.0
    y, x = keypoints[0, 4].int().tolist()
    assert mask[0, 0, y, x] == 1 and pose_masks(without, size)[0, 0, y, x] == 0
    assert not pose_masks(torch.full((1, 18, 2), -1.0), size).any()
