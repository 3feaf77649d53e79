"""A history of generated samples for a discriminator."""

import numpy as np
import torch
from torch import Tensor


class ImagePool:
    """A history of `size` generated samples (Shrivastava et al. 2017, as in the public PATN).

    Until the pool is full, samples are stored and returned unchanged. After that, each is exchanged
    for a stored one with probability one half. With size 0 every sample is returned unchanged.
    """

    def __init__(self, size: int):
        self.size = size
        self.samples: Tensor | None = None  # [n <= size, C, H, W]

    def exchange(self, samples: Tensor, draws: np.random.Generator) -> Tensor:
        """Store new samples and return N samples, some of them from earlier calls.

        Args:
            samples: New samples [N, C, H, W], without gradient.
            draws: Source of the random numbers.

        Returns:
            [N, C, H, W].
        """
        if self.size == 0:
            return samples
        held = 0 if self.samples is None else len(self.samples)
        # Track the samples by number (stored ones 0 to held - 1, new ones from held on), then move
        # all at once.
        slots, returned = list(range(held)), []
        for number in range(held, held + len(samples)):
            returned.append(number)
            if len(slots) < self.size:
                slots.append(number)
            elif draws.random() < 0.5:
                slot = int(draws.integers(self.size))
                returned[-1], slots[slot] = slots[slot], number
        touched = [slot for slot in range(held) if slots[slot] != slot]
        place = {
            number: row for row, number in enumerate([*touched, *range(held, held + len(samples))])
        }

        def rows(numbers: list[int]) -> Tensor:
            return torch.tensor(numbers, dtype=torch.int64).to(samples.device, non_blocking=True)

        if self.samples is None:
            self.samples = samples[:0]
        moving = torch.cat([self.samples[rows(touched)], samples])
        self.samples[rows(touched)] = moving[rows([place[slots[slot]] for slot in touched])]
        if len(slots) > held:
            self.samples = torch.cat(
                [self.samples, moving[rows([place[number] for number in slots[held:]])]]
            )
        return moving[rows([place[number] for number in returned])]
