"""Batches of several images of each identity, for losses that compare images (P x K: P identities,
K images of each).

The usual sampler repeats the images of an identity that has fewer than K. On a reduced set that is
most identities: at a tenth of Market-1501 about 70% of the positive pairs are then an image with
itself, and teach nothing. Here such an identity gives the images it has, and further identities
fill the batch.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from reid.generated import GeneratedParams
from reid.params import Plan
from reid.seeds import SHUFFLE_IDENTITIES, key


class IdentityBatches:
    """Rows of a training set, step by step: real images before generated ones.

    In a pass every identity, in shuffled order, gives `images_per_identity` different images, or
    all that it has; batches are cut from passes, whose incomplete ends are dropped. Where one pass
    does not fill a batch, identities give more images; only where all of them do not fill it does a
    batch hold an image twice.

    With `generated.share` at most that share of an identity's images is generated, rounded. Before
    step `start` all are real.

    label: int64 [N]; generated_rows: bool [N], which images of the set are generated
    Raises ValueError where images_per_identity is too small for the share.
    """

    def __init__(
        self,
        label: Tensor,
        generated_rows: Tensor,
        planned: Plan,
        images_per_identity: int,
        params: GeneratedParams,
        seed: int,
    ):
        self.batch_size, self.seed = planned.batch_size, seed
        self.label, self.kind = label.cpu().numpy(), generated_rows.cpu().numpy()
        self.images, self.share = images_per_identity, params.share
        self.start = math.ceil(params.start * planned.iterations) if self.kind.any() else 0
        if (
            self.share is not None
            and self.kind.any()
            and round(self.share * self.images) in (0, self.images)
        ):
            raise ValueError(
                f"generated.share {self.share} of {self.images} images per identity rounds to "
                f"{round(self.share * self.images)}; choose images_per_identity so that both kinds have a part"
            )
        self._cached_pass = lru_cache(maxsize=2)(self._pass)

    def __call__(self, step: int) -> Tensor:
        """int64 [batch_size]."""
        share = 0.0 if step < self.start else self.share
        images = self.images
        while len(order := self._cached_pass(0, images, share)) < self.batch_size and images < len(
            self.label
        ):
            images *= 2  # there are too few identities
        batches = max(1, len(order) // self.batch_size)
        order = self._cached_pass(step // batches, images, share)
        begin = step % batches * self.batch_size
        rows = order[(begin + np.arange(self.batch_size)) % len(order)]
        return torch.from_numpy(rows[np.argsort(self.kind[rows], kind="stable")])

    def degenerate_pairs(self, step: int) -> float:
        """The share of a batch's positive pairs that are an image with itself; 0 where there is no
        positive pair.
        """
        rows = self(step)
        return degenerate_share(rows, torch.from_numpy(self.label)[rows])

    def _pass(self, number: int, images: int, share: float | None) -> np.ndarray:
        """Rows of pass `number`, an identity's side by side; as many in every pass."""
        rng = np.random.default_rng(key(self.seed, SHUFFLE_IDENTITIES, number))
        turn = rng.permutation(self.label.max() + 1)[self.label]
        order = np.lexsort((rng.random(len(self.label)), turn))
        if share is not None:
            # Some of an identity's generated images, then real ones as long as there is place.
            kind = self.kind[order]
            order = order[~kind | (_place(2 * turn[order] + kind) < round(share * images))]
            order = order[np.lexsort((~self.kind[order], turn[order]))]
        return order[_place(turn[order]) < images]


def _place(values: np.ndarray) -> np.ndarray:
    """For each value how many equal ones stand before it."""
    order = np.argsort(values, kind="stable")
    place = np.empty(len(values), np.int64)
    place[order] = np.arange(len(values)) - np.searchsorted(values[order], values[order])
    return place


def degenerate_share(rows: Tensor, label: Tensor) -> float:
    """As IdentityBatches.degenerate_pairs, of rows int64 [B] and their label int64 [B]."""
    pair = torch.ones(len(rows), len(rows), dtype=torch.bool).triu(1)
    positive = pair & (label[:, None] == label)
    return ((rows[:, None] == rows) & positive).sum().item() / max(1, positive.sum().item())
