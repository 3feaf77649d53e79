"""An arm of the experiment: one re-ID model, trained on one set, with one budget and one seed."""

from dataclasses import dataclass, replace
from typing import Any

from augment.augmentations import Augmentation

BUDGETS = ("iterations", "epochs")


@dataclass(frozen=True)
class Arm:
    """An arm of the experiment.

    model: key under `reid` in params.yaml
    augmentation: what the model is trained on in addition to the reduced set
    portion: portion of the real training images that is kept, in (0, 1]
    ratio: 1; or 2 and 3 for the extended sets M x2 and M x3: images of the set per real image, at
        portion 1
    budget: the quantity that is the same for all sets: `iterations`, or `epochs`, with which larger
        sets get more updates
    seed: random seed for weights and batches
    """

    model: str
    augmentation: Augmentation
    portion: float
    ratio: int
    budget: str
    seed: int

    def __str__(self) -> str:
        cell = set_name(self.portion, self.ratio)
        return f"{self.model} {self.augmentation.name} {cell} {self.budget} seed {self.seed}"

    @property
    def baseline(self) -> "Arm":
        """The same arm on the reduced set alone."""
        return replace(self, augmentation=Augmentation(), ratio=1)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for results, tags and tables, the augmentation by its name."""
        return vars(self) | {"augmentation": self.augmentation.name}


def set_name(portion: float, ratio: int) -> str:
    """Folder name of a set: 0.3, 1.0x2."""
    return f"{portion}" if ratio == 1 else f"{portion}x{ratio}"
