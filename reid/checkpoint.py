"""The checkpoint of a training run; only the same training resumes from it."""

import json
import logging
import os
import pickle
from pathlib import Path
from typing import Any

import torch

log = logging.getLogger(__name__)


def save(file: Path, about: str, contents: dict[str, Any]) -> None:
    """Write a checkpoint; an interruption leaves the previous one.

    Args:
        file: The checkpoint file.
        about: JSON of everything that determines the training.
        contents: Plain values and tensors.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    torch.save({"about": about, **contents}, partial)
    os.replace(partial, file)


def load(file: Path, about: str, device: torch.device) -> dict[str, Any] | None:
    """Read a checkpoint.

    Returns:
        Its contents. None if the file does not exist. None, with a warning in the log, if it cannot
        be read or belongs to a training with another `about`.
    """
    if not file.is_file():
        return None
    try:
        stored = torch.load(file, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        log.warning("%s cannot be read (%s): training starts afresh", file, error)
        return None
    theirs, ours = json.loads(stored["about"]), json.loads(about)
    differing = sorted(
        key for key in theirs.keys() | ours.keys() if theirs.get(key) != ours.get(key)
    )
    if differing:
        log.warning("%s differs in %s: training starts afresh", file, ", ".join(differing))
        return None
    return stored
