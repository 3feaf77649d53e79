"""The result of every importer."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Imported:
    """Keypoints of an imported file.

    keypoints: image name as in the file (with `/`; without suffix if the file has none) -> float64
        [18, 2] as (y, x) px of the original image, in OpenPose-18 order; -1 in both columns for a
        missing joint
    format: one of FORMATS
    derived: sentences on what was derived from the file's content, or left out
    notes: sentences on what was counted
    """

    keypoints: dict[str, np.ndarray]
    format: str
    derived: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
