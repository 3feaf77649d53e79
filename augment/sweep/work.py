"""What a sweep consists of: its arms, and the images and models that they need.

arms      re-ID models to train
sets      generated images that these are trained on
cards     trained generators that get a report card
models    generators that draw the sets or get a card
networks  pose networks that generators are trained with, that judge images, or that score cards
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from augment import params, paths
from augment.arms import Arm, set_name
from augment.augmentations import Augmentation, parse
from augment.results.report_card.names import UNTRAINED
from augment.results.report_card.settings import JudgeParams
from augment.sweep.params import SweepParams, carded
from generators.registry import POSE_NETWORK


@dataclass(frozen=True)
class Model:
    """A generator or pose network that is trained on a portion of the real images."""

    generator: str
    portion: float

    @property
    def trained_on(self) -> str:
        return "full" if self.portion == 1 else str(self.portion)

    @property
    def folder(self) -> Path:
        return paths.generator_model(self.generator, None if self.portion == 1 else self.portion)

    @property
    def file(self) -> Path:
        return self.folder / "generator.pt"


@dataclass(frozen=True)
class GeneratedSet:
    """The generated images of one reduced or extended set."""

    augmentation: Augmentation
    portion: float
    ratio: int = 1

    @property
    def name(self) -> str:
        return f"{self.augmentation.name}-{set_name(self.portion, self.ratio)}"

    @property
    def folder(self) -> Path:
        return paths.generated(self.augmentation, self.portion, self.ratio)

    @property
    def not_recomposed(self) -> "GeneratedSet":
        return replace(self, augmentation=self.augmentation.not_recomposed)

    @property
    def model(self) -> Model | None:
        """The generator that draws the images; None for puppets, which need no training."""
        augmentation = self.augmentation
        if augmentation.generator is None or not augmentation.needs_training:
            return None
        return Model(augmentation.generator, augmentation.trained_on(self.portion) or 1.0)


def arms(sweep: SweepParams, file: Path) -> list[Arm]:
    """Every arm, and the one whose re-ID model judges report cards."""
    sets = [(Augmentation(), portion, 1) for portion in sweep.portions]
    for name, portion in product(sweep.augmentations, sweep.augmented_portions):
        # Nothing is removed at portion 1, so there are no generated images on disk.
        if portion < 1 or not parse(name).on_disk:
            sets.append((parse(name), portion, 1))
    sets += [(parse(name), 1.0, ratio) for name, ratio in product(sweep.extended, sweep.ratios)]
    swept = [
        Arm(model, augmentation, portion, ratio, budget, seed)
        for budget, model in product(sweep.budgets, sweep.models)
        for (augmentation, portion, ratio), seed in product(sets, sweep.seeds)
    ]
    judge = params.load(JudgeParams, "evaluation.judge", file).arm
    return swept if judge in swept or not sweep.cards else [*swept, judge]


def sets(sweep: SweepParams) -> list[GeneratedSet]:
    """Every set of images on disk; recomposed images are cut out of another set."""
    named = [
        GeneratedSet(parse(name), portion)
        for name, portion in product(sweep.augmentations, sweep.augmented_portions)
        if portion < 1 and parse(name).on_disk
    ]
    named += [
        GeneratedSet(parse(name), 1.0, ratio)
        for name, ratio in product(sweep.extended, sweep.ratios)
    ]
    return list(dict.fromkeys([*named, *(images.not_recomposed for images in named)]))


def cards(sweep: SweepParams) -> list[Model]:
    """Trained generators that get a report card; leak-free ones for every augmented portion."""
    models = []
    for augmentation in (carded(name) for name in sweep.cards if name not in UNTRAINED):
        assert augmentation.generator is not None  # carded sees to it
        portions = [portion for portion in sweep.augmented_portions if portion < 1]
        models += [
            Model(augmentation.generator, portion)
            for portion in (portions if augmentation.leak_free else [1.0])
        ]
    return models


def models(sets: Sequence[GeneratedSet], cards: Sequence[Model]) -> list[Model]:
    """Every generator to train, once."""
    drawn_by = [images.model for images in sets if images.model is not None]
    return list(dict.fromkeys([*cards, *drawn_by]))


def networks(
    models: Sequence[Model], judged: Sequence[Arm], has_cards: bool, file: Path
) -> list[Model]:
    """Every pose network to train, by portion; judged: arms whose gate uses one."""
    portions = {model.portion for model in models if uses_pose_network(model.generator, file)}
    portions |= {judge_network(arm).portion for arm in judged}
    portions |= {1.0} if has_cards else set()
    return [Model(POSE_NETWORK, portion) for portion in sorted(portions)]


def judge_network(arm: Arm) -> Model:
    """The pose network that judges an arm's generated images."""
    return Model(POSE_NETWORK, arm.augmentation.trained_on(arm.portion) or 1.0)


def uses_pose_network(generator: str, file: Path) -> bool:
    """The same as the generator's attribute `uses_pose_network`, without importing it."""
    section: dict[str, Any] = params.raw(f"generators.{generator}", file)
    return section.get("perceptual") == POSE_NETWORK or section.get("lambda_pose", 0) > 0
