"""Which images a batch holds. The rows of a step follow from (seed, step) alone, so that a run can
go on from anywhere.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

from reid.data import ReidSet, labels
from reid.generated import GeneratedParams
from reid.identity_batches import IdentityBatches
from reid.params import Plan, ReidParams
from reid.seeds import SHUFFLE, SHUFFLE_GENERATED, key


def batches(
    train_set: ReidSet, params: ReidParams, planned: Plan, generated: GeneratedParams, seed: int
) -> "Batches | IdentityBatches":
    """What gives the rows of `train_set` for a step, as params.sampler draws them."""
    if params.sampler == "shuffled":
        return Batches(train_set.generated, planned, generated, seed)
    label, _ = labels(train_set.pids)
    return IdentityBatches(
        label, train_set.generated, planned, params.images_per_identity, generated, seed
    )


class Batches:
    """Rows of a training set, step by step: shuffled epochs laid end to end, real images before
    generated ones.

    With `generated.share` the two kinds are shuffled apart, and every batch has the same number of
    each. Generated images join at step `start`.

    generated_rows: bool [N], which images of the set are generated
    """

    def __init__(self, generated_rows: Tensor, planned: Plan, params: GeneratedParams, seed: int):
        self.plan, self.seed = planned, seed
        self.kind = generated_rows.cpu()
        self.rows = torch.arange(planned.num_images)
        self.real, self.generated = self.rows[~self.kind], self.rows[self.kind]
        natural = len(self.generated) / planned.num_images
        self.mixed = params.share is None or not len(self.generated)
        self.num_generated = (
            0 if self.mixed else round(min(params.share, natural) * planned.batch_size)
        )
        self.start = math.ceil(params.start * planned.iterations) if len(self.generated) else 0

    def __call__(self, step: int) -> Tensor:
        """int64 [batch_size]."""
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


def shuffled(
    rows: Tensor,
    begin: int,
    number: int,
    seed: int,
    images_per_epoch: int | None = None,
    stream: int = SHUFFLE,
) -> Tensor:
    """Places begin to begin + number of `rows` [N], shuffled anew for each epoch, epochs end to
    end: int64 [number].

    images_per_epoch: so many of them are used in an epoch; None = all.
    """
    length = len(rows) if images_per_epoch is None else images_per_epoch
    position = torch.arange(begin, begin + number)
    epoch, offset = position // length, position % length
    first, last = (int(epoch[0]), int(epoch[-1])) if number else (0, 0)
    orders = torch.stack([_order(len(rows), seed, stream, one) for one in range(first, last + 1)])
    return rows[orders[epoch - first, offset]]


@lru_cache(
    maxsize=8
)  # a batch touches one epoch of each stream, or the end of one and the start of the next
def _order(number: int, seed: int, stream: int, epoch: int) -> Tensor:
    generator = torch.Generator().manual_seed(key(seed, stream, epoch))
    return torch.randperm(number, generator=generator)
