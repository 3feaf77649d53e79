"""The result type of every group of metrics, and the mean over pairs that all of them use."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from augment.pretrained.weights import Unavailable
from augment.results.report_card.metrics import Scorer, keys_of
from generators.metrics.intervals import Interval, mean_interval

Value = Interval | float | Unavailable


@dataclass(frozen=True)
class Measured:
    """The result of one group of metrics.

    metrics: key of metrics.METRICS -> its value
    columns: column of pairs.csv -> its values, each [P]
    """

    metrics: Mapping[str, Value]
    columns: Mapping[str, np.ndarray]

    @classmethod
    def unavailable(cls, scorer: Scorer, reason: Unavailable) -> "Measured":
        """All metrics of a group, unavailable for one reason."""
        return cls(dict.fromkeys(keys_of(scorer), reason), {})


@dataclass(frozen=True)
class Bootstrap:
    """Means with their 95% intervals, by bootstrap over identities.

    groups: [P], the identity of each pair
    draws: number of bootstrap draws
    seed: random seed of the draws
    """

    groups: np.ndarray
    draws: int
    seed: int

    def mean(
        self, values: ArrayLike, weights: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Interval:
        """The mean of values [P]; with weights [P], sum(values) / sum(weights).

        Args:
            groups: identities of the values; by default those of the pairs.
        """
        return mean_interval(
            values, self.groups if groups is None else groups, weights, self.draws, self.seed
        )
