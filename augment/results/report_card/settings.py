"""Section `evaluation` of params.yaml."""

from dataclasses import dataclass

from augment.arms import BUDGETS, Arm
from augment.augmentations import Augmentation


@dataclass(frozen=True)
class JudgeParams:
    """The re-ID model that judges, trained on all real images.

    It is the pipeline's model of seed 0 without generated images.

    model: key under `reid` in params.yaml
    budget: its training budget
    """

    model: str
    budget: str

    def __post_init__(self):
        if self.budget not in BUDGETS:
            raise ValueError(
                f"evaluation.judge.budget {self.budget!r} is not one of {', '.join(BUDGETS)}"
            )

    @property
    def arm(self) -> Arm:
        return Arm(self.model, Augmentation(), 1.0, 1, self.budget, 0)


@dataclass(frozen=True)
class DiversityParams:
    """How diversity is measured.

    sources: source images that are rendered in several poses; fewer if the set is smaller
    poses: maximum number of outputs per source, each in the pose of another image of its person; at
        least 2
    """

    sources: int
    poses: int

    def __post_init__(self):
        if self.sources < 1 or self.poses < 2:
            raise ValueError(
                "evaluation.diversity: sources must be at least 1 and poses at least 2, got "
                f"{self.sources} and {self.poses}: a distance needs two images"
            )


@dataclass(frozen=True)
class EvaluationParams:
    """How generators are evaluated.

    pairs: number of held-out pairs; null: all of them
    seed: random seed of pairs, diversity's sources and the bootstrap
    image_size: (height, width) of puppets and references, px; a trained generator has its own
    judge: the re-ID model behind the identity metrics
    diversity: how diversity is measured
    draws: number of bootstrap draws over identities
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
