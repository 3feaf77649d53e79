"""The validation split: held-out training identities, so that no choice is made on the test set.

A re-ID model is trained on the images of the other identities, real and generated, and scored on
all real training images of the held-out ones.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class ValidationParams:
    """Section `validation`.

    identities: share of the training identities that is held out, in (0, 1)
    seed: random seed for choosing them, and their queries
    """

    identities: float
    seed: int

    def __post_init__(self):
        if not 0 < self.identities < 1:
            raise ValueError(f"validation.identities must lie in (0, 1), got {self.identities}")


def held_out(pids: np.ndarray, params: ValidationParams) -> np.ndarray:
    """The held-out identities among `pids` [N] of the training images, ascending.

    They are the same for all portions and augmentations.

    Raises:
        ValueError: If the share leaves too few identities on either side.
    """
    known = np.unique(pids)
    number = round(params.identities * len(known))
    if not 0 < number < len(known) - 1:
        raise ValueError(
            f"validation.identities {params.identities} holds out {number} of {len(known)} training identities: "
            "at least one must be held out and two stay"
        )
    return np.sort(np.random.default_rng(params.seed).permutation(known)[:number])


def queries_and_gallery(rows: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One random query per identity and camera; all other index rows are the gallery."""
    shuffled = rows.iloc[np.random.default_rng(seed).permutation(len(rows))]
    is_query = ~shuffled.duplicated(["pid", "camid"])
    return shuffled[is_query].sort_index(), shuffled[~is_query].sort_index()
