"""Keypoint files of any form that people have, as keypoints of ours."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from augment import keypoints

FORMATS = ("patn",)
_ANY_SIZE = (1 << 30, 1 << 30)


@dataclass(frozen=True)
class Imported:
    """keypoints: image name as in the file -> float64 [18, 2] (y, x) px of the original image, -1 missing."""

    keypoints: dict[str, np.ndarray]
    format: str
    derived: tuple[str, ...]


def read(file: Path) -> Imported:
    return Imported({name: points.astype(float) for name, points in keypoints.read(file, _ANY_SIZE).items()}, "patn", ())
