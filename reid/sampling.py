"""Rows of the training set for each batch.

The rows of a step depend only on (seed, step), so that a run can resume at any step.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from reid.data import ReidSet, labels
from reid.generated import GeneratedParams
from reid.params import Plan, ReidParams
from reid.seeds import SHUFFLE, SHUFFLE_GENERATED, SHUFFLE_IDENTITIES, key


def batches(
    train_set: ReidSet, params: ReidParams, planned: Plan, generated: GeneratedParams, seed: int
) -> "Batches | IdentityBatches":
    """The sampler named by params.sampler: step -> rows of `train_set`, int64 [batch_size]."""
    if params.sampler == "shuffled":
        return Batches(train_set.generated, planned, generated, seed)
    label, _ = labels(train_set.pids)
    return IdentityBatches(
        label, train_set.generated, planned, params.images_per_identity, generated, seed
    )


class Batches:
    """Batches cut from shuffled epochs, which follow each other without a gap.

    With `params.share`, real and generated images are shuffled separately; real images come first,
    and every batch has the same number of each. Generated images join at step `start`.

    Args:
        generated_rows: Which images of the training set are generated, bool [N].
        planned: The plan of the training run.
        params: The treatment of generated images.
        seed: Random seed of the shuffles.
    """

    def __init__(self, generated_rows: Tensor, planned: Plan, params: GeneratedParams, seed: int):
        self.plan, self.seed = planned, seed
        self.kind = generated_rows.cpu()
        self.rows = torch.arange(planned.num_images)
        self.real, self.generated = self.rows[~self.kind], self.rows[self.kind]
        natural = len(self.generated) / planned.num_images
        share = params.share if len(self.generated) else None
        self.mixed = share is None
        self.num_generated = 0 if share is None else round(min(share, natural) * planned.batch_size)
        self.start = math.ceil(params.start * planned.iterations) if len(self.generated) else 0

    def __call__(self, step: int) -> Tensor:
        """Rows of the batch of a step, int64 [batch_size]."""
        size = self.plan.batch_size
        if step < self.start:
            return shuffled(self.real, step * size, size, self.seed)
        since = step - self.start
        if self.mixed:
            return shuffled(self.rows, since * size, size, self.seed, self.plan.images_per_epoch)
        num_real = size - self.num_generated
        begin = self.start * size + since * num_real
        return torch.cat(
            [
                shuffled(self.real, begin, num_real, self.seed),
                shuffled(
                    self.generated,
                    since * self.num_generated,
                    self.num_generated,
                    self.seed,
                    stream=SHUFFLE_GENERATED,
                ),
            ]
        )


class IdentityBatches:
    """Batches of several images of each identity, for losses that compare images (P x K).

    The usual sampler repeats the images of an identity that has fewer than K. On a reduced set
    these are most identities: at a tenth of Market-1501 about 70% of the positive pairs then
    consist of an image with itself, from which the model learns nothing. Here such an identity
    contributes the images it has, and further identities fill the batch.

    In a pass every identity, in shuffled order, contributes `images_per_identity` different images,
    or all that it has. Batches are cut from passes, whose incomplete ends are dropped. If one pass
    does not fill a batch, identities contribute more images. A batch contains an image twice only
    if the whole set does not fill it.

    At most `params.share` of an identity's images are generated, rounded; before step `start` all
    are real. Real images come before generated ones.

    Args:
        label: Classes of the training images, int64 [N].
        generated_rows: Which of them are generated, bool [N].
        planned: The plan of the training run.
        images_per_identity: K.
        params: The treatment of generated images.
        seed: Random seed of the passes.

    Raises:
        ValueError: If images_per_identity is too small for the share.
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
                f"{round(self.share * self.images)}; choose images_per_identity so that both kinds occur"
            )
        self._cached_pass = lru_cache(maxsize=2)(self._pass)

    def __call__(self, step: int) -> Tensor:
        """Rows of the batch of a step, int64 [batch_size]."""
        share = 0.0 if step < self.start else self.share
        images = self.images
        while len(order := self._cached_pass(0, images, share)) < self.batch_size and images < len(
            self.label
        ):
            images *= 2  # too few identities
        batches = max(1, len(order) // self.batch_size)
        order = self._cached_pass(step // batches, images, share)
        begin = step % batches * self.batch_size
        rows = order[(begin + np.arange(self.batch_size)) % len(order)]
        return torch.from_numpy(rows[np.argsort(self.kind[rows], kind="stable")])

    def degenerate_pairs(self, step: int) -> float:
        """Share of a batch's positive pairs that consist of an image with itself.

        It is 0 without positive pairs.
        """
        rows = self(step)
        return degenerate_share(rows, torch.from_numpy(self.label)[rows])

    def _pass(self, number: int, images: int, share: float | None) -> np.ndarray:
        """Rows of pass `number`, grouped by identity; every pass has the same number of rows."""
        rng = np.random.default_rng(key(self.seed, SHUFFLE_IDENTITIES, number))
        turn = rng.permutation(self.label.max() + 1)[self.label]
        order = np.lexsort((rng.random(len(self.label)), turn))
        if share is not None:
            # Some of an identity's generated images first, then real ones up to the limit.
            kind = self.kind[order]
            order = order[~kind | (_place(2 * turn[order] + kind) < round(share * images))]
            order = order[np.lexsort((~self.kind[order], turn[order]))]
        return order[_place(turn[order]) < images]


def _place(values: np.ndarray) -> np.ndarray:
    """Count the equal values before each value."""
    order = np.argsort(values, kind="stable")
    place = np.empty(len(values), np.int64)
    place[order] = np.arange(len(values)) - np.searchsorted(values[order], values[order])
    return place


def degenerate_share(rows: Tensor, label: Tensor) -> float:
    """`IdentityBatches.degenerate_pairs` of rows, int64 [B], and their labels, int64 [B]."""
    pair = torch.ones(len(rows), len(rows), dtype=torch.bool).triu(1)
    positive = pair & (label[:, None] == label)
    return ((rows[:, None] == rows) & positive).sum().item() / max(1, positive.sum().item())


def shuffled(
    rows: Tensor,
    begin: int,
    number: int,
    seed: int,
    images_per_epoch: int | None = None,
    stream: int = SHUFFLE,
) -> Tensor:
    """A slice of consecutive epochs, each a new shuffle of `rows`: int64 [number].

    Args:
        rows: The rows, [N].
        begin: First position, counted over all epochs.
        number: Number of positions.
        seed: Random seed of the shuffles.
        images_per_epoch: Number of rows used in an epoch, or None for all.
        stream: Stream of random numbers, one of seeds.py.
    """
    length = len(rows) if images_per_epoch is None else images_per_epoch
    position = torch.arange(begin, begin + number)
    epoch, offset = position // length, position % length
    first, last = (int(epoch[0]), int(epoch[-1])) if number else (0, 0)
    orders = torch.stack(
        [_order(len(rows), seed, stream, epoch_number) for epoch_number in range(first, last + 1)]
    )
    return rows[orders[epoch - first, offset]]


# A batch touches one epoch of each stream, or the end of one and the start of the next.
@lru_cache(maxsize=8)
def _order(number: int, seed: int, stream: int, epoch: int) -> Tensor:
    generator = torch.Generator().manual_seed(key(seed, stream, epoch))
    return torch.randperm(number, generator=generator)
