import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.metrics.intervals import Interval, mean_interval


def naive(values, groups, weights, draws, seed):
    """The same bootstrap in Python loops; draws of the same generator are expanded into rows."""
    names = sorted(
        {
            group
            for value, weight, group in zip(values, weights, groups, strict=True)
            if value == value
        }
    )
    times = np.random.default_rng(seed).multinomial(
        len(names), [1 / len(names)] * len(names), size=draws
    )
    means = []
    for draw in times.tolist():
        above = below = 0.0
        for name, repeated in zip(names, draw, strict=True):
            for value, weight, group in zip(values, weights, groups, strict=True):
                if group == name and value == value:
                    above += repeated * value
                    below += repeated * weight
        if below > 0:
            means.append(above / below)
    return np.percentile(means, 2.5), np.percentile(means, 97.5)


numbered = st.tuples(
    st.integers(-9, 9), st.integers(1, 4), st.sampled_from("abcd")
)  # value, weight, group


@settings(max_examples=20, deadline=None)
@given(st.lists(numbered, min_size=1, max_size=9), st.booleans())
def test_the_interval_is_that_of_a_naive_loop(rows, weighted):
    values, weights, groups = (list(column) for column in zip(*rows, strict=True))
    values[0] = values[0] if len(values) == 1 else float("nan")
    interval = mean_interval(values, groups, weights if weighted else None, draws=40, seed=3)
    weights = weights if weighted else [1] * len(values)
    assert (interval.low, interval.high) == pytest.approx(
        naive(values, groups, weights, 40, 3), abs=1e-9
    )
    kept = [row for row, value in enumerate(values) if value == value]
    wanted = sum(values[row] for row in kept) / sum(weights[row] for row in kept)
    assert interval.value == pytest.approx(wanted)


def test_the_interval_of_independent_people_is_the_normal_one():
    rng = np.random.default_rng(0)
    values, groups = rng.normal(5, 2, 900), np.arange(900)
    interval = mean_interval(values, groups, draws=4000)
    assert interval.value == pytest.approx(values.mean())
    half = 1.96 * values.std() / 30
    assert interval.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_rows_of_one_person_do_not_narrow_the_interval():
    rng = np.random.default_rng(0)
    person = rng.normal(size=100)
    once = mean_interval(person, np.arange(100))
    often = mean_interval(np.repeat(person, 20), np.repeat(np.arange(100), 20))
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_limits():
    assert mean_interval([2.0, 2.0, 2.0], ["a", "a", "b"]) == Interval(2.0, 2.0, 2.0)
    assert mean_interval([0.1, 0.4], [7, 7]) == Interval(0.25, 0.25, 0.25)
    nothing = mean_interval([float("nan")], [1])
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all()
    assert np.isnan(mean_interval([], []).value)
    # A group of weight 0 does not change a ratio, and no draw is divided by 0.
    ratio = mean_interval([3, 0], [1, 2], weights=[4, 0])
    assert ratio == Interval(0.75, 0.75, 0.75)


def test_the_seed_decides():
    values, groups = np.random.default_rng(0).normal(size=50), np.arange(50)
    assert mean_interval(values, groups, seed=1) == mean_interval(values, groups, seed=1)
    assert mean_interval(values, groups, seed=1) != mean_interval(values, groups, seed=2)


def test_columns_of_different_lengths_are_rejected():
    with pytest.raises(ValueError, match=r"must be \[N\], got \(2,\), \(2,\) and \(3,\)"):
        mean_interval([1, 2], [1, 2, 3])


def test_12000_rows_and_1000_draws_take_well_under_a_second():
    rng = np.random.default_rng(0)
    start = time.process_time()
    mean_interval(rng.normal(size=12_000), rng.integers(0, 750, 12_000))
    assert time.process_time() - start < 1
