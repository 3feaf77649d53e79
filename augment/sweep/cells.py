"""The cells of every stage of dvc.yaml, derived from the arms of `sweep`.

DVC can repeat a stage for every entry of a mapping, but it cannot derive one entry from another. So
an arm is written once, and what has to be trained and generated for it is worked out here:
`augmentations: [patn-leak_free]` becomes a generator, a set of images and a re-ID model for every
portion, and a pose network where the generator is trained with one.
"""

from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from augment import params, paths
from augment.arms import Arm, set_name
from augment.augmentations import CLASSIC, NONE, PUPPET, Augmentation, parse
from augment.results.report_card.names import UNTRAINED
from augment.sweep.params import SweepParams, carded
from generators.registry import POSE_NETWORK

HEAD = (
    "# The cells of dvc.yaml. Written by `augment plan` from params.yaml's section `sweep`;"
    " do not edit.\n"
)
# Fills a dependency that a cell does without: DVC takes a path twice, but no empty one.
NOTHING = str(paths.PREPARED)


def rendered(file: Path) -> str:
    """The text of sweep.yaml for a params.yaml.

    Raises:
        FileNotFoundError, ValueError: as params.load; a cell that cannot be.
    """
    cells = plan(params.load(SweepParams, "sweep", file), file)
    lines = [HEAD, "cells:\n"]
    for group, entries in cells.items():
        if not isinstance(entries, dict) or not entries:
            lines.append(f"  {_line({group: entries})}")
            continue
        lines.append(f"  {group}:\n")
        lines += [f"    {_line({name: entry})}" for name, entry in entries.items()]
    return "".join(lines)


def _line(entry: dict[str, Any]) -> str:
    """One entry of a mapping, on one line."""
    return yaml.safe_dump(entry, default_flow_style=None, sort_keys=False, width=10**6)


def plan(sweep: SweepParams, file: Path) -> dict[str, Any]:
    """Group -> name of a cell -> what dvc.yaml puts into its stage; portions are a plain list."""
    sets = list(_sets(sweep))
    arms = [arm for arm in _arms(sweep, file)]
    cards = _cards(sweep)
    models = _models([parse(name) for name, _, _ in sets], sets, cards)
    gate = params.raw("generated.gate", file)
    judged = [arm for arm in arms if parse(arm.augmentation).on_disk and gate["drop"] > 0]
    networks = {portion for name, portion in models if _uses_pose_network(name, file)}
    networks |= {1.0} if sweep.cards else set()
    networks |= {_gate_network(arm) for arm in judged if gate["pose"] > 0}
    return {
        "portions": list(sweep.portions),
        "pose_networks": {_on(one): _model(POSE_NETWORK, one) for one in sorted(networks)},
        "generators": {
            f"{name}-{_on(portion)}": _model(name, portion)
            | {
                "pose_network": _file(POSE_NETWORK, portion)
                if _uses_pose_network(name, file)
                else NOTHING
            }
            for name, portion in models
        },
        "generated": {
            f"{name}-{set_name(portion, ratio)}": _set(name, portion, ratio)
            for name, portion, ratio in sets
            if not _by_puppets(parse(name))
        },
        "puppets": {
            f"{name}-{set_name(portion, ratio)}": _set(name, portion, ratio)
            for name, portion, ratio in sets
            if _by_puppets(parse(name))
        },
        "real": {_name(arm): _arm(arm) for arm in arms if _kind(arm) == "real"},
        "augmented": {
            _name(arm): _arm(arm) | _gate(arm, gate) for arm in arms if _kind(arm) == "augmented"
        },
        "online": {_name(arm): _arm(arm) for arm in arms if _kind(arm) == "online"},
        "cards": {
            f"{name}-{_on(portion)}": _model(name, portion) | {"card": _card(name, portion)}
            for name, portion in cards
        },
        "untrained": {name: {"card": name} for name in sweep.cards if name in UNTRAINED},
    }


def _sets(sweep: SweepParams) -> Iterator[tuple[str, float, int]]:
    """(augmentation, portion, ratio) of every set of images on disk."""
    for name in sweep.augmentations:
        if parse(name).on_disk:
            yield from ((name, portion, 1) for portion in sweep.augmented_portions if portion < 1)
    yield from ((name, 1.0, ratio) for name, ratio in product(sweep.extended, sweep.ratios))
    # Recomposed images are cut out of another set.
    present = {*sweep.augmentations}
    for name in sweep.augmentations:
        base = replace(parse(name), recomposed=False).name
        if parse(name).recomposed and base not in present:
            yield from ((base, portion, 1) for portion in sweep.augmented_portions if portion < 1)
            present.add(base)


def _arms(sweep: SweepParams, file: Path) -> Iterator[Arm]:
    """Every arm, and the one that judges report cards."""
    judge = params.raw("evaluation.judge", file)
    seen = set()
    for budget, model in product(sweep.budgets, sweep.models):
        sets = [(NONE, portion, 1) for portion in sweep.portions]
        for name, portion in product(sweep.augmentations, sweep.augmented_portions):
            if portion < 1 or not parse(name).on_disk:
                sets.append((name, portion, 1))
        sets += [(name, 1.0, ratio) for name, ratio in product(sweep.extended, sweep.ratios)]
        for (name, portion, ratio), seed in product(sets, sweep.seeds):
            seen.add(arm := Arm(model, name, portion, ratio, budget, seed))
            yield arm
    judging = Arm(judge["model"], NONE, 1.0, 1, judge["budget"], 0)
    if sweep.cards and judging not in seen:
        yield judging


def _cards(sweep: SweepParams) -> list[tuple[str, float]]:
    """(generator, portion it was trained on) of the report cards of trained generators."""
    cards = []
    for name in (one for one in sweep.cards if one not in UNTRAINED):
        generator = carded(name).generator
        assert generator is not None
        reduced = [one for one in sweep.augmented_portions if one < 1]
        cards += [(generator, one) for one in (reduced if name != generator else [1.0])]
    return cards


def _models(
    augmentations: list[Augmentation],
    sets: list[tuple[str, float, int]],
    cards: list[tuple[str, float]],
) -> list[tuple[str, float]]:
    """(generator, portion it is trained on), each once."""
    models = dict.fromkeys(cards)
    for augmentation, (_, portion, _) in zip(augmentations, sets, strict=True):
        if augmentation.generator not in (None, PUPPET):
            leak_free = augmentation.protocol == "leak_free"
            models[augmentation.generator, portion if leak_free else 1.0] = None
    return list(models)


def _uses_pose_network(name: str, file: Path) -> bool:
    """As the generator's own `uses_pose_network`, without importing it."""
    section = params.raw(f"generators.{name}", file)
    return section.get("perceptual") == POSE_NETWORK or section.get("lambda_pose", 0) > 0


def _by_puppets(augmentation: Augmentation) -> bool:
    return augmentation.generator == PUPPET or augmentation.recomposed


def _kind(arm: Arm) -> str:
    augmentation = parse(arm.augmentation)
    return "online" if augmentation.online else "augmented" if augmentation.on_disk else "real"


def _on(portion: float) -> str:
    return "full" if portion == 1 else str(portion)


def _folder(name: str, portion: float) -> Path:
    return paths.generator_model(name, None if portion == 1 else portion)


def _file(name: str, portion: float) -> str:
    return str(_folder(name, portion) / "generator.pt")


def _card(name: str, portion: float) -> str:
    return name if portion == 1 else f"{name}-leak_free-{portion}"


def _model(name: str, portion: float) -> dict[str, Any]:
    on = NOTHING if portion == 1 else str(paths.reduced(portion))
    return {
        "generator": name,
        "portion": portion,
        "images": on,
        "model": str(_folder(name, portion)),
    }


def _set(name: str, portion: float, ratio: int) -> dict[str, Any]:
    augmentation = parse(name)
    source = NOTHING
    if augmentation.recomposed:
        base = replace(augmentation, recomposed=False).name
        source = str(paths.generated(base, portion, ratio))
    elif augmentation.generator != PUPPET:
        leak_free = augmentation.protocol == "leak_free"
        source = _file(augmentation.generator, portion if leak_free else 1.0)
    return {
        "augmentation": name,
        "generator": augmentation.generator,
        "portion": portion,
        "ratio": ratio,
        "source": source,
        "out": str(paths.generated(name, portion, ratio)),
    }


def _name(arm: Arm) -> str:
    cell = set_name(arm.portion, arm.ratio)
    return f"{arm.budget}-{arm.model}-{arm.augmentation}-{cell}-{arm.seed}"


def _arm(arm: Arm) -> dict[str, Any]:
    augmentation = parse(arm.augmentation)
    images = NOTHING
    if augmentation.on_disk:
        images = str(paths.generated(arm.augmentation, arm.portion, arm.ratio))
    return asdict(arm) | {
        "augment": CLASSIC if augmentation.classic else f"reid.{arm.model}.augment",
        "images": images,
        "out": str(paths.reid_model(arm)),
        "result": str(paths.reid_result(arm)),
    }


def _gate(arm: Arm, gate: dict[str, float]) -> dict[str, str]:
    """What the quality gate asks: nothing where it is off."""
    judge = replace(arm, augmentation=NONE, ratio=1)
    on = gate["drop"] > 0
    return {
        "judge": str(paths.reid_model(judge) / "weights.pt") if on else NOTHING,
        "pose_judge": _file(POSE_NETWORK, _gate_network(arm))
        if on and gate["pose"] > 0
        else NOTHING,
    }


def _gate_network(arm: Arm) -> float:
    leak_free = parse(arm.augmentation).protocol == "leak_free"
    return arm.portion if leak_free else 1.0
