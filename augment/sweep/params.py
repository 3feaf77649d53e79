"""Section `sweep` of params.yaml: the arms of the experiment."""

from dataclasses import asdict, dataclass
from itertools import product

from augment.arms import BUDGETS
from augment.augmentations import NONE, Augmentation, check_set, parse
from augment.results.report_card.names import UNTRAINED
from generators.registry import GENERATORS


@dataclass(frozen=True)
class SweepParams:
    """Section `sweep`.

    portions: portions of real images that are kept, without augmentation; 1.0 is the real set
    augmented_portions: those portions at which `augmentations` are compared. At 1.0 nothing is
        removed, so only augmentations that put nothing on disk (classic, puppet-online) have a cell
    augmentations: names of augmentations.py
    ratios: 2 and 3, the extended sets: all real images, and one or two generated ones for each
    extended: augmentations of the extended sets
    models: keys of the section `reid`
    budgets: iterations, epochs: the quantity that is the same for all sets
    seeds: random seeds of the re-ID models
    cards: generators that get a report card: patn; patn-leak_free, one per augmented portion; and
        the untrained puppet-pose, puppet, copy_source and mean_image
    """

    portions: tuple[float, ...]
    augmented_portions: tuple[float, ...]
    augmentations: tuple[str, ...]
    ratios: tuple[int, ...]
    extended: tuple[str, ...]
    models: tuple[str, ...]
    budgets: tuple[str, ...]
    seeds: tuple[int, ...]
    cards: tuple[str, ...]

    def __post_init__(self):
        for key, values in asdict(self).items():
            if len(set(values)) < len(values):
                raise ValueError(f"sweep.{key}: names an entry twice")
        for portion in self.portions:
            if not 0 < portion <= 1:
                raise ValueError(f"sweep.portions: {portion} does not lie in (0, 1]")
        if 1.0 not in self.portions:
            raise ValueError(
                "sweep.portions: 1.0 is missing; without the real set no gap is closed"
            )
        if extra := set(self.augmented_portions) - set(self.portions):
            raise ValueError(f"sweep.augmented_portions: {min(extra)} is not among sweep.portions")
        if unknown := set(self.budgets) - set(BUDGETS):
            raise ValueError(f"sweep.budgets: {min(unknown)!r} is not one of {', '.join(BUDGETS)}")
        for name in (*self.augmentations, *self.extended):
            augmentation = parse(name)
            if augmentation.name == NONE:
                raise ValueError("sweep.augmentations: none always has its cells; leave it out")
            _check_generator(augmentation.generator, "sweep.augmentations")
        for name, ratio in product(self.extended, self.ratios):
            check_set(parse(name), 1.0, ratio)
        for name in self.cards:
            if name not in UNTRAINED:
                _check_generator(carded(name).generator, "sweep.cards")


def _check_generator(name: str | None, key: str) -> None:
    if name is not None and name not in GENERATORS:
        raise ValueError(f"{key}: unknown generator {name!r}; available: {', '.join(GENERATORS)}")


def carded(name: str) -> Augmentation:
    """The augmentation whose generator a card of this name scores.

    Raises:
        ValueError: If no card can have this name.
    """
    augmentation = parse(name)
    if name not in (augmentation.generator, f"{augmentation.generator}-leak_free"):
        raise ValueError(
            f"sweep.cards: {name!r} is not a generator, GENERATOR-leak_free or one of {', '.join(UNTRAINED)}"
        )
    return augmentation
