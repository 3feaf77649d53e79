import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.metrics.pckh import pckh


def naive(predicted: list, true: list, alpha: float, rule: str) -> tuple[int, int]:
    """PCKh of one person, joint by joint."""

    def missing(point):
        return min(point) <= -0.5

    head = [true[joint] for joint in (0, 1, 14, 15, 16, 17) if not missing(true[joint])]
    if len(head) < 2:
        return 0, 0
    height = max(y for y, _ in head) - min(y for y, _ in head)
    width = max(x for _, x in head) - min(x for _, x in head)
    right = counted = 0
    for place, wanted in zip(predicted, true, strict=True):
        if missing(wanted):
            continue
        counted += 1
        if missing(place):
            continue
        dy, dx = abs(place[0] - wanted[0]), abs(place[1] - wanted[1])
        if rule == "axes":
            right += dy < alpha * height and dx < alpha * width
        else:
            right += (dy**2 + dx**2) ** 0.5 < alpha * (height**2 + width**2) ** 0.5
    return right, counted


coordinates = st.tuples(st.integers(0, 40), st.integers(0, 20))
points = st.lists(st.one_of(coordinates, st.just((-1, -1))), min_size=18, max_size=18)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(points, points), min_size=1, max_size=4),
    st.sampled_from([0.25, 0.5]),
    st.sampled_from(["axes", "euclidean"]),
)
def test_pckh_is_that_of_a_naive_loop(pairs, alpha, rule):
    predicted, true = (torch.tensor(one, dtype=torch.float64) for one in zip(*pairs, strict=True))
    right, counted = pckh(predicted, true, alpha, rule)
    wanted = [naive(*pair, alpha, rule) for pair in pairs]
    assert list(zip(right.tolist(), counted.tolist(), strict=True)) == wanted
    assert right.dtype == counted.dtype == torch.int64


def test_pckh_of_many_near_people_is_that_of_a_naive_loop():
    rng = np.random.default_rng(0)
    true = rng.uniform(0, [128, 64], (300, 18, 2))
    predicted = true + rng.normal(size=true.shape) * 20
    true[rng.random((300, 18)) < 0.2] = -1
    predicted[rng.random((300, 18)) < 0.1] = -1
    for rule in ("axes", "euclidean"):
        right, counted = pckh(torch.from_numpy(predicted), torch.from_numpy(true), rule=rule)
        wanted = np.array(
            [
                naive(*pair, 0.5, rule)
                for pair in zip(predicted.tolist(), true.tolist(), strict=True)
            ]
        )
        assert np.array_equal(torch.stack([right, counted], 1).numpy(), wanted)
        assert 0.3 < right.sum() / counted.sum() < 0.95


def test_pckh_by_hand():
    true = torch.full((1, 18, 2), -1.0)
    for joint, place in {0: (10.0, 10.0), 1: (18.0, 14.0), 2: (18.0, 4.0), 5: (18.0, 24.0)}.items():
        true[0, joint] = torch.tensor(place)
    predicted = true.clone()
    assert pckh(predicted, true) == (torch.tensor([4]), torch.tensor([4]))
    # The box is 8 x 4 px, which allows errors of 4 and 2 px on the axes, or a distance of 4.47 px.
    predicted[0, 2] += torch.tensor([3.9, 1.9])
    assert pckh(predicted, true)[0] == 4 and pckh(predicted, true, rule="euclidean")[0] == 4
    predicted[0, 2, 1] += 0.2
    assert pckh(predicted, true)[0] == 3 and pckh(predicted, true, rule="euclidean")[0] == 4
    predicted[0, 2, 1] += 0.2
    assert pckh(predicted, true, rule="euclidean")[0] == 3
    predicted[0, 5] = -1
    assert pckh(predicted, true)[0] == 2


def test_a_person_without_a_head_does_not_count():
    true = torch.full((2, 18, 2), -1.0)
    true[:, 2] = 5.0
    true[0, 0], true[0, 1] = torch.tensor([1.0, 1.0]), torch.tensor([5.0, 5.0])
    for rule in ("axes", "euclidean"):
        right, counted = pckh(true, true, rule=rule)
        assert right.tolist() == counted.tolist() == [3, 0]


def test_an_unknown_rule_is_rejected():
    with pytest.raises(ValueError, match="PCKh has no rule 'box'; its rules are axes, euclidean"):
        pckh(torch.zeros(1, 18, 2), torch.zeros(1, 18, 2), rule="box")
