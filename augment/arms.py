"""An arm of the experiment: one re-ID model, trained on one set, with one budget and one seed."""

from dataclasses import dataclass

BUDGETS = ("iterations", "epochs")


@dataclass(frozen=True)
class Arm:
    """
    model: key under `reid` in params.yaml
    augmentation: name, as augmentations.py lists them
    portion: of the real training images, in (0, 1]
    ratio: 1; or 2 and 3, the extended sets M x2 and M x3: images of the set for each real one, at
        portion 1
    budget: what all sets have in common: the number of `iterations`, or of `epochs`, where larger
        sets get more updates
    seed: of weights and batches
    """

    model: str
    augmentation: str
    portion: float
    ratio: int
    budget: str
    seed: int

    def __str__(self) -> str:
        return f"{self.model} {self.augmentation} {set_name(self.portion, self.ratio)} {self.budget} seed {self.seed}"


def set_name(portion: float, ratio: int) -> str:
    """The folder's name: 0.3, 1.0x2."""
    return f"{portion}" if ratio == 1 else f"{portion}x{ratio}"
