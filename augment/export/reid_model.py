"""A trained re-ID model. weights.pt holds tensors alone; what they belong to is the model's section
of params.yaml.
"""

import dataclasses
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from augment import params, paths
from augment.arms import Arm
from reid.models import ReidModel, build
from reid.params import ReidParams


@dataclass(frozen=True)
class Loaded:
    """
    model: in eval mode, on the CPU
    settings: of params.yaml
    about: plain values that say what it is and how its features are meant to be used
    """

    model: ReidModel
    settings: ReidParams
    about: dict[str, Any]


def of_arm(arm: Arm) -> Loaded:
    """The model of a finished arm. Raises as `of_file`."""
    file = paths.reid_model(arm) / "weights.pt"
    if not file.is_file():
        augmentation = (
            "" if arm.augmentation.is_plain else f" --augmentation {arm.augmentation.name}"
        )
        train = f"augment train-reid --model {arm.model} --portion {arm.portion}{augmentation}"
        raise FileNotFoundError(f"{file}: not found; run `{train}` first, or give --weights FILE")
    return of_file(
        arm.model,
        file,
        trained_on=f"{arm.augmentation.name}, portion {arm.portion}, ratio {arm.ratio}",
    )


def of_file(name: str, file: Path, trained_on: str = "unknown") -> Loaded:
    """The model `name` of params.yaml with the weights in `file`, which is read without running any
    code in it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or holds something else, or its weights are not of the model
            that params.yaml describes.
    """
    settings = params.load(ReidParams, f"reid.{name}")
    state = _read(file)
    # The classifier's; its rows are the identities of the training set.
    classes = {
        len(value)
        for key, value in state.items()
        if key == "head.classifier.weight" and value.ndim == 2
    }
    if not classes:
        raise ValueError(
            f"{file}: holds no weights of a re-ID model of ours (there is no head.classifier.weight)"
        )
    # Weights of its own would only be downloaded to be replaced.
    network = build(
        settings.backbone, classes.pop(), dataclasses.replace(settings.network, pretrained=False)
    )
    wanted = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in state.items()}
    if wrong := sorted(
        key for key in wanted.keys() | given.keys() if wanted.get(key) != given.get(key)
    ):
        there, here = (shapes.get(wrong[0], "absent") for shapes in (given, wanted))
        raise ValueError(
            f"{file}: does not fit params.yaml: reid.{name}: {len(wrong)} weights differ, such as {wrong[0]}, {there} in the "
            f"file and {here} by params.yaml; set that section as it was at training"
        )
    network.load_state_dict(state)
    about = {
        "model": name,
        "backbone": settings.backbone,
        "image_size": list(settings.image_size),
        "features": settings.features,
        "metric": settings.metric,
        "trained_on": trained_on,
    }
    return Loaded(network.eval(), settings, about)


def _read(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: not found")
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise ValueError(
            f"{file}: is damaged, or not a file of tensors alone, and is not opened as anything else, which could run code; "
            "give the weights.pt of a re-ID model"
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(value, torch.Tensor) for value in state.values()
    ):
        raise ValueError(
            f"{file}: holds something else than tensors; give the weights.pt of a re-ID model"
        )
    return state
