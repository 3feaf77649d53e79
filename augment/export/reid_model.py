"""Loads a trained re-ID model.

weights.pt holds tensors only; the model's settings are in its section of params.yaml.
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
    """A trained re-ID model.

    model: in eval mode, on the CPU
    settings: its section of params.yaml
    about: plain values that describe it and the use of its features
    """

    model: ReidModel
    settings: ReidParams
    about: dict[str, Any]


def of_arm(arm: Arm) -> Loaded:
    """The model of a finished arm.

    Raises:
        FileNotFoundError, ValueError: As `of_file`.
    """
    file = paths.reid_model(arm) / "weights.pt"
    if not file.is_file():
        augmentation = (
            "" if arm.augmentation.is_plain else f" --augmentation {arm.augmentation.name}"
        )
        train = f"augment train-reid --model {arm.model} --portion {arm.portion}{augmentation}"
        raise FileNotFoundError(f"{file}: not found; run `{train}` first, or use --weights FILE")
    return of_file(
        arm.model,
        file,
        trained_on=f"{arm.augmentation.name}, portion {arm.portion}, ratio {arm.ratio}",
    )


def of_file(name: str, file: Path, trained_on: str = "unknown") -> Loaded:
    """The model `name` of params.yaml with the weights in `file`.

    The file is read without running any code in it.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is damaged or holds something else, or its weights do not fit the model of
            params.yaml.
    """
    settings = params.load(ReidParams, f"reid.{name}")
    state = _read(file)
    # The number of identities in the training set is the number of the classifier's rows.
    classes = {
        len(value)
        for key, value in state.items()
        if key == "head.classifier.weight" and value.ndim == 2
    }
    if not classes:
        raise ValueError(
            f"{file}: does not hold the weights of a re-ID model (no head.classifier.weight)"
        )
    # Pretrained weights would be downloaded only to be replaced.
    network = build(
        settings.backbone, classes.pop(), dataclasses.replace(settings.network, pretrained=False)
    )
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    stored = {key: tuple(value.shape) for key, value in state.items()}
    if wrong := sorted(
        key for key in expected.keys() | stored.keys() if expected.get(key) != stored.get(key)
    ):
        in_file, in_params = (shapes.get(wrong[0], "absent") for shapes in (stored, expected))
        raise ValueError(
            f"{file}: does not fit params.yaml: reid.{name}: {len(wrong)} weights differ, e.g. {wrong[0]}: {in_file} in the "
            f"file, {in_params} by params.yaml; set this section as it was in training"
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
            f"{file}: is damaged or holds more than tensors, which is not loaded because it could run code; "
            "pass the weights.pt of a re-ID model"
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(value, torch.Tensor) for value in state.values()
    ):
        raise ValueError(
            f"{file}: holds something other than tensors; pass the weights.pt of a re-ID model"
        )
    return state
