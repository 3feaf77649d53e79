"""Section `evaluation` of params.yaml."""

from dataclasses import dataclass

from augment.arms import BUDGETS, Arm
from augment.augmentations import Augmentation


@dataclass(frozen=True)
class JudgeParams:
    """The re-ID model that judges: of the pipeline's, the one of seed 0 that was trained on all
    real images, and on no other.

    model: key under `reid` in params.yaml
    budget: with which it was trained
    """

    model: str
    budget: str

    def __post_init__(self):
        if self.budget not in BUDGETS:
            raise ValueError(
                f"evaluation.judge.budget {self.budget!r} is none of {', '.join(BUDGETS)}"
            )

    @property
    def arm(self) -> Arm:
        return Arm(self.model, Augmentation(), 1.0, 1, self.budget, 0)


@dataclass(frozen=True)
class DiversityParams:
    """
    sources: images of which several are rendered; fewer where there are no more
    poses: images of each, at most, in the poses of as many other images of its person; at least 2
    """

    sources: int
    poses: int

    def __post_init__(self):
        if self.sources < 1 or self.poses < 2:
            raise ValueError(
                "evaluation.diversity: sources must be at least 1 and poses at least 2, got "
                f"{self.sources} and {self.poses}: a distance is one between two images"
            )


@dataclass(frozen=True)
class EvaluationParams:
    """
    pairs: how many of the held-out pairs are drawn; null: all of them
    seed: of all that is drawn
    image_size: (height, width) of puppets and references, px; a trained generator has its own
    draws: of the bootstrap over identities
    batch_size: images rendered and scored at a time
    """

    pairs: int | None
    seed: int
    image_size: tuple[int, int]
    judge: JudgeParams
    diversity: DiversityParams
    draws: int
    batch_size: int

    def __post_init__(self):
        for field in ("pairs", "draws", "batch_size"):
            if (value := getattr(self, field)) is not None and value < 1:
                raise ValueError(f"evaluation.{field} must be at least 1, got {value}")
