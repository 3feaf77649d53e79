"""What is wrong with keypoints as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Finding:
    kind: str
    fatal: bool
    message: str

    def __str__(self) -> str:
        return self.message


def check(keypoints: Mapping[str, np.ndarray], sizes: Mapping[str, tuple[int, int]]) -> list[Finding]:
    """keypoints: name -> [18, 2] (y, x) px, -1 missing; sizes: name -> (height, width) of its image."""
    outside = [name for name, points in keypoints.items() if name in sizes and (points >= sizes[name]).any()]
    if 2 * len(outside) <= len(keypoints):
        return []
    return [Finding("scale", True, f"{len(outside):,} of {len(keypoints):,} have joints outside their image, as {outside[0]}")]
