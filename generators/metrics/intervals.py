"""Means with confidence intervals, by bootstrap over identities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Interval:
    """A mean and the ends of its 95% interval; all NaN if no row counts."""

    value: float
    low: float
    high: float


def mean_interval(
    values: ArrayLike,
    groups: ArrayLike,
    weights: ArrayLike | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Interval:
    """The mean of values and its 95% percentile interval.

    Rows of one person are not independent, so a draw resamples whole groups: as many as there are,
    with replacement, and all rows of each. Rows whose value or weight is NaN are left out. A draw
    in which all weights are 0 does not count.

    Args:
        values: [N].
        groups: The group of each row, e.g. its identity, [N].
        weights: [N]; with weights the mean is the ratio values.sum() / weights.sum().
        draws: Number of bootstrap draws.
        seed: Random seed of the draws.

    Raises:
        ValueError: If the arrays differ in shape or are not one-dimensional.
    """
    values = np.asarray(values, dtype=np.float64)
    weights = np.ones_like(values) if weights is None else np.asarray(weights, dtype=np.float64)
    groups = np.asarray(groups)
    if not values.shape == weights.shape == groups.shape or values.ndim != 1:
        raise ValueError(
            f"values, weights and groups must be [N], got {values.shape}, {weights.shape} and {groups.shape}"
        )
    known = ~(np.isnan(values) | np.isnan(weights))
    if not weights[known].sum() > 0:
        return Interval(np.nan, np.nan, np.nan)
    names, place = np.unique(groups[known], return_inverse=True)
    # [groups, 2]: what each group adds to numerator and denominator. How often each is drawn is
    # multinomial.
    sums = np.stack(
        [np.bincount(place, column[known], len(names)) for column in (values, weights)], 1
    )
    times = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=draws
    )
    numerators, denominators = (times @ sums).T
    valid = denominators > 0
    low, high = np.quantile(numerators[valid] / denominators[valid], [0.025, 0.975])
    return Interval(float(values[known].sum() / weights[known].sum()), float(low), float(high))
