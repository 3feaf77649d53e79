"""The cells of every stage of dvc.yaml, derived from the arms of `sweep`.

DVC can repeat a stage for every entry of a mapping, but it cannot derive one entry from another. So
an arm is written once, and this module derives what has to be trained and generated for it:
`augmentations: [patn-leak_free]` becomes a generator, a set of images and a re-ID model for every
portion, and a pose network if the generator is trained with one.
"""

from pathlib import Path
from typing import Any

import yaml

from augment import params, paths
from augment.arms import Arm, set_name
from augment.augmentations import CLASSIC
from augment.results.report_card.names import UNTRAINED
from augment.sweep import work
from augment.sweep.params import SweepParams
from augment.sweep.work import GeneratedSet, Model
from generators.registry import POSE_NETWORK

HEAD = (
    "# The cells of dvc.yaml. Written by `augment plan` from params.yaml's section `sweep`;"
    " do not edit.\n"
)
# Fills a dependency that a cell does not have: DVC accepts a path twice, but no empty one.
NOTHING = str(paths.PREPARED)
Cell = dict[str, Any]


def rendered(file: Path) -> str:
    """The text of sweep.yaml for a params.yaml.

    Raises:
        FileNotFoundError: If params.load finds no file.
        ValueError: If the section is invalid or a cell cannot exist.
    """
    lines = [HEAD, "cells:\n"]
    for group, cells in plan(params.load(SweepParams, "sweep", file), file).items():
        if isinstance(cells, dict) and cells:
            lines.append(f"  {group}:\n")
            lines += [f"    {_line({name: cell})}" for name, cell in cells.items()]
        else:
            lines.append(f"  {_line({group: cells})}")
    return "".join(lines)


def _line(entry: dict[str, Any]) -> str:
    """One entry of a mapping, on one line."""
    return yaml.safe_dump(entry, default_flow_style=None, sort_keys=False, width=10**6)


def plan(sweep: SweepParams, file: Path) -> dict[str, Any]:
    """Group -> name of a cell -> what dvc.yaml fills into its stage; portions are a plain list."""
    gate = params.raw("generated.gate", file)
    arms, sets, cards = work.arms(sweep, file), work.sets(sweep), work.cards(sweep)
    models = work.models(sets, cards)
    real = [arm for arm in arms if arm.augmentation.generator is None]
    augmented = [arm for arm in arms if arm.augmentation.on_disk]
    online = [arm for arm in arms if arm.augmentation.online]
    judged = augmented if gate["drop"] > 0 and gate["pose"] > 0 else []
    networks = work.networks(models, judged, bool(sweep.cards), file)
    return {
        "portions": list(sweep.portions),
        "pose_networks": {network.trained_on: _model(network) for network in networks},
        "generators": {_name(model): _generator(model, file) for model in models},
        "generated": {
            images.name: _set(images) for images in sets if not images.augmentation.by_puppets
        },
        "puppets": {images.name: _set(images) for images in sets if images.augmentation.by_puppets},
        "real": {_arm_name(arm): _arm(arm) for arm in real},
        "augmented": {_arm_name(arm): _arm(arm) | _gate(arm, gate) for arm in augmented},
        "online": {_arm_name(arm): _arm(arm) for arm in online},
        "cards": {_name(model): _card(model) for model in cards},
        "untrained": {name: {"card": name} for name in sweep.cards if name in UNTRAINED},
        "losses": {
            str(model.folder / paths.LOSS_CURVES): ["value"] for model in (*networks, *models)
        },
    }


def _name(model: Model) -> str:
    return f"{model.generator}-{model.trained_on}"


def _model(model: Model) -> Cell:
    return {
        "generator": model.generator,
        "portion": model.portion,
        "images": NOTHING if model.portion == 1 else str(paths.reduced(model.portion)),
        "model": str(model.folder),
    }


def _generator(model: Model, file: Path) -> Cell:
    """A cell of train_generator, with the pose network that it is trained with."""
    network = Model(POSE_NETWORK, model.portion)
    uses_network = work.uses_pose_network(model.generator, file)
    return _model(model) | {"pose_network": str(network.file) if uses_network else NOTHING}


def _card(model: Model) -> Cell:
    name = model.generator
    return _model(model) | {
        "card": name if model.portion == 1 else f"{name}-leak_free-{model.portion}"
    }


def _set(images: GeneratedSet) -> Cell:
    """A cell of generate or generate_puppets, with the model or the images that it depends on."""
    source = NOTHING if images.model is None else images.model.file
    if images.augmentation.recomposed:
        source = images.not_recomposed.folder
    return {
        "augmentation": images.augmentation.name,
        "generator": images.augmentation.generator,
        "portion": images.portion,
        "ratio": images.ratio,
        "source": str(source),
        "out": str(images.folder),
    }


def _arm_name(arm: Arm) -> str:
    cell = set_name(arm.portion, arm.ratio)
    return f"{arm.budget}-{arm.model}-{arm.augmentation.name}-{cell}-{arm.seed}"


def _arm(arm: Arm) -> Cell:
    augmentation = arm.augmentation
    images = paths.generated(augmentation, arm.portion, arm.ratio)
    return arm.as_dict() | {
        "augment": CLASSIC if augmentation.classic else f"reid.{arm.model}.augment",
        "images": str(images) if augmentation.on_disk else NOTHING,
        "out": str(paths.reid_model(arm)),
        "result": str(paths.reid_result(arm)),
    }


def _gate(arm: Arm, gate: dict[str, float]) -> Cell:
    """The models that judge the arm's generated images."""
    by_identity = gate["drop"] > 0
    by_pose = by_identity and gate["pose"] > 0
    judge = paths.reid_model(arm.baseline) / "weights.pt"
    return {
        "judge": str(judge) if by_identity else NOTHING,
        "pose_judge": str(work.judge_network(arm).file) if by_pose else NOTHING,
    }
