"""Keypoint files. A stand-in that knows the PATN form alone."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from augment import keypoints


@dataclass(frozen=True)
class Imported:
    keypoints: dict[str, np.ndarray]
    format: str
    derived: tuple[str, ...]


def read(file: Path) -> Imported:
    found = keypoints.read(file, (10**6, 10**6))
    return Imported({name: points.astype(np.float64) for name, points in found.items()}, "PATN CSV", ())
