"""What every importer gives."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Imported:
    """Keypoints of a file from elsewhere.

    keypoints: image name as the file has it (with `/`; without suffix where the file has none) ->
        float64 [18, 2] as (y, x) px of the original image, in the order of generators.pose; -1 in
        both columns for a missing joint
    format: key of `FORMATS`
    derived: what the file does not hold and was made of what it does, or left out, a sentence each
    notes: what was counted, a sentence each
    """

    keypoints: dict[str, np.ndarray]
    format: str
    derived: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
