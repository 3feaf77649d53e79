"""A history of generated samples for a discriminator."""

import numpy as np
import torch
from torch import Tensor


class ImagePool:
    """A history of `size` generated samples (Shrivastava et al. 2017, as in the public PATN).

    Until it is full, samples are stored and returned as they are. Then each is exchanged for a
    stored one with probability one half. Size 0 returns every sample as it is.
    """

    def __init__(self, size: int):
        self.size = size
        self.samples: Tensor | None = None  # [n <= size, C, H, W]

    def exchange(self, samples: Tensor, draws: np.random.Generator) -> Tensor:
        """Samples [N, C, H, W], some of them from earlier calls.

        Args:
            samples: New samples, without gradient.
            draws: Source of the random numbers.
        """
        if self.size == 0:
            return samples
        held = 0 if self.samples is None else len(self.samples)
        # Follow the samples by number, 0 to held - 1 the stored ones, held and up the new ones;
        # then move all at once.
        slots, given = list(range(held)), []
        for number in range(held, held + len(samples)):
            given.append(number)
            if len(slots) < self.size:
                slots.append(number)
            elif draws.random() < 0.5:
                slot = int(draws.integers(self.size))
                given[-1], slots[slot] = slots[slot], number
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
        return moving[rows([place[number] for number in given])]
