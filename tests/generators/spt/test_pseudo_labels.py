from dataclasses import replace

import pytest
import torch
import upright
from torch.nn import functional as F

from generators.body import body_parts
from generators.body.pose import limb_distances
from generators.body.skeleton import LIMBS
from generators.spt.params import SearchParams
from generators.spt.pseudo_labels import (
    label_distances,
    part_labels,
    pose_distances,
    search,
    valid_parts,
)
from generators.training.pairs import ImageSet

SIZE = (64, 32)
SEARCH = SearchParams(candidates=500, min_pose_distance=0.05, points=(6, 4))


def persons(number: int, seed: int = 0) -> torch.Tensor:
    """Keypoints [number, 18, 2] of upright people with swinging limbs."""
    draws = torch.Generator().manual_seed(seed)
    keypoints = torch.tensor(upright.UPRIGHT, dtype=torch.float32).repeat(number, 1, 1) / 2
    keypoints[:, [3, 4, 6, 7, 9, 10, 12, 13]] += 3 * torch.randn(number, 8, 2, generator=draws)
    return keypoints


def dressed(keypoints: torch.Tensor, skirt: torch.Tensor) -> torch.Tensor:
    """Parsing maps, uint8 [N, H, W]: upper clothes above, a skirt or trousers below."""
    near = limb_distances(keypoints, SIZE)
    assert LIMBS[1] == (8, 9)
    upper, lower = near[:, 6:12].amin(1) < 2.5, near[:, [1, 2, 4, 5]].amin(1) < 2.5
    below = torch.where(skirt[:, None, None], 5, 4)
    return torch.where(lower, below, torch.where(upper, 3, 0)).to(torch.uint8)


def images_of(keypoints: torch.Tensor, skirt: torch.Tensor) -> ImageSet:
    return ImageSet(
        torch.zeros(len(keypoints), 3, *SIZE, dtype=torch.uint8),
        keypoints,
        dressed(keypoints, skirt),
    )


def test_finds_the_same_clothes():
    skirt = torch.arange(40) % 3 == 0
    pairs = search(images_of(persons(40), skirt), torch.arange(40), SEARCH, 0)
    assert pairs[:, 0].tolist() == list(range(40)) and pairs.dtype == torch.int64
    assert (skirt[pairs[:, 0]] == skirt[pairs[:, 1]]).all() and (pairs[:, 0] != pairs[:, 1]).all()


def test_is_the_least_of_equation_1_among_the_candidates():
    images, rows = images_of(persons(20), torch.arange(20) < 10), torch.arange(20)
    pairs = search(images, rows, SEARCH, 0)
    labels = part_labels(images.parsing, images.keypoints, SEARCH.points)
    for source, found in pairs.tolist():
        distance = []
        for one in range(20):
            squares = F.one_hot(labels[source].long(), 10) - F.one_hot(labels[one].long(), 10)
            distance.append(squares.square().sum(-1).float().mean(-1).mean().item())
        near = (
            pose_distances(images.keypoints[[source]], images.keypoints[None])[0]
            < SEARCH.min_pose_distance
        )
        others = [value for one, value in enumerate(distance) if one != source and not near[one]]
        assert distance[found] == pytest.approx(min(others), abs=1e-6)


def test_only_parts_that_both_show_count():
    source = torch.zeros(1, 10, 8, dtype=torch.uint8)
    candidate = torch.zeros(1, 2, 10, 8, dtype=torch.uint8)
    candidate[0, 0, 3, :4] = 7  # half of a part
    candidate[0, 1, 5] = 7
    valid, both = torch.ones(1, 10, dtype=torch.bool), torch.ones(1, 2, 10, dtype=torch.bool)
    assert label_distances(source, candidate, valid, both)[0].tolist() == pytest.approx(
        [2 * 0.5 / 10, 2 / 10]
    )
    both[0, 1, 5] = False
    valid[0, 0] = False
    assert label_distances(source, candidate, valid, both)[0].tolist() == pytest.approx([1 / 9, 0])


def test_the_affine_map_is_the_least_squares_fit_of_the_corners():
    """Eq. (2): the fit of the four corners maps points of equal (u, v) to each other."""
    one, other = (body_parts.frames(persons(1, seed), SIZE, body_parts.USUAL)[0] for seed in (1, 2))
    corners = torch.tensor([[-1.0, -1], [-1, 1], [1, 1], [1, -1]])
    for a, b in zip(one, other, strict=True):
        here, there = (frame[0] + corners @ frame[1:] for frame in (a, b))
        ones = torch.ones(4, 1)
        fit = torch.linalg.lstsq(torch.cat([here, ones], 1), there).solution
        assert torch.allclose(torch.cat([here, ones], 1) @ fit, there, atol=1e-2)
        inner = torch.tensor([[0.3, -0.6]])
        moved = torch.cat([a[0] + inner @ a[1:], torch.ones(1, 1)], 1) @ fit
        assert torch.allclose(moved, b[0] + inner @ b[1:], atol=1e-2)


def test_labels_of_parts_move_with_the_person():
    keypoints = persons(1)
    parsing = dressed(keypoints, torch.tensor([False]))
    moved = torch.zeros_like(parsing)
    moved[:, 3:, 2:] = parsing[:, :-3, :-2]
    here = part_labels(parsing, keypoints, (6, 4))
    assert (
        here.shape == (1, 10, 24)
        and here.dtype == torch.uint8
        and set(here.unique().tolist()) == {0, 3, 4}
    )
    inside = torch.ones(10, dtype=torch.bool)
    there = part_labels(moved, keypoints + torch.tensor([3.0, 2.0]), (6, 4))
    assert torch.equal(here[:, inside], there[:, inside])


def test_very_similar_poses_are_left_out():
    keypoints = persons(6)
    keypoints[3:] = keypoints[:3] + torch.tensor([1.0, -1.0])  # the same poses elsewhere
    images = images_of(keypoints, torch.zeros(6, dtype=torch.bool))
    assert (
        search(images, torch.arange(6), replace(SEARCH, min_pose_distance=0.0), 0)[:, 1]
        - torch.arange(6)
    ).abs().min() > 0
    pairs = search(images, torch.arange(6), SEARCH, 0)
    assert ((pairs[:, 0] - pairs[:, 1]) % 3 != 0).all()
    distances = pose_distances(keypoints[:1], keypoints[None])
    assert (
        distances[0, 0] == 0
        and distances[0, 3].item() == pytest.approx(0, abs=1e-5)
        and distances[0, 1] > 0.05
    )


def test_pose_distance_is_in_torso_scales_over_joints_in_sight():
    keypoints = torch.tensor(upright.UPRIGHT, dtype=torch.float32)[None]
    other = keypoints.clone()
    other[0, 4, 0] += body_parts.torso_scale(keypoints).item()
    assert pose_distances(keypoints, other[None]).item() == pytest.approx(1 / 18, rel=1e-4)
    assert pose_distances(keypoints, other[None] * 2).item() == pytest.approx(1 / 18, rel=1e-4)
    other[0, 10] = -1.0
    assert pose_distances(keypoints, other[None]).item() == pytest.approx(1 / 17, rel=1e-4)


def test_draws_are_those_of_the_seed():
    images = images_of(persons(30), torch.zeros(30, dtype=torch.bool))
    few = replace(SEARCH, candidates=3)
    first, again, other = (search(images, torch.arange(30), few, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_rows_alone_are_searched_and_those_without_torso_left_out():
    keypoints = persons(12)
    keypoints[4, 8] = -1.0
    pairs = search(
        images_of(keypoints, torch.zeros(12, dtype=torch.bool)), torch.arange(8), SEARCH, 0
    )
    assert pairs[:, 0].tolist() == [0, 1, 2, 3, 5, 6, 7] and set(pairs[:, 1].tolist()) <= {
        0,
        1,
        2,
        3,
        5,
        6,
        7,
    }


def test_parts_in_sight():
    keypoints = persons(1)
    keypoints[0, [0, 14, 15, 16, 17, 4]] = -1.0
    assert valid_parts(keypoints)[0].tolist() == [False, True, True, False] + [True] * 6


def test_errors():
    images = images_of(persons(2), torch.zeros(2, dtype=torch.bool))
    with pytest.raises(ValueError, match="needs parsing maps; set the generator's `parsing`"):
        search(replace(images, parsing=None), torch.arange(2), SEARCH, 0)
    with pytest.raises(
        ValueError, match="found none: no two images have torsos in different poses"
    ):
        search(images, torch.arange(1), SEARCH, 0)
    with pytest.raises(
        ValueError, match=r"search: candidates is 0 and points \(6, 4\); they must be at least 1"
    ):
        replace(SEARCH, candidates=0)
    with pytest.raises(
        ValueError, match="search.min_pose_distance is -0.1; it must not be negative"
    ):
        replace(SEARCH, min_pose_distance=-0.1)
