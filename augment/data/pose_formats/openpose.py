"""OpenPose JSON: one file per image, <image name without suffix>_keypoints.json.

A single file or a folder of them can be read.

    {"version": 1.3, "people": [{"pose_keypoints_2d": [x0, y0, c0, x1, ...]}]}

54 numbers are 18 joints (COCO), 75 are BODY_25; older versions call the key `pose_keypoints`. c is a
confidence in [0, 1]; a missing joint has c = x = y = 0. (OpenPose's documentation,
doc/02_output.md.)
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from augment.data.pose_formats import document
from augment.data.pose_formats.imported import Imported
from generators.body import joint_orders

SUFFIX = "_keypoints"


def read_all(files: dict[str, Path], threshold: float) -> Imported:
    """Read one file per image; use the person with the highest summed confidence.

    Args:
        files: image name without suffix -> file.
    """
    keypoints, counts = {}, Counter()
    for name, file in files.items():
        keypoints[name.removesuffix(SUFFIX)] = _read_person(
            document.read_json(file), file, threshold, counts
        )
    derived = (joint_orders.BODY_25_DERIVED,) if counts["body_25"] else ()
    notes = (
        (
            f"{counts['others']:,} further people are left out: the one with the highest score is used in each image",
        )
        if counts["others"]
        else ()
    )
    return Imported(keypoints, "openpose", derived, notes)


def _read_person(value: Any, file: Path, threshold: float, counts: Counter) -> np.ndarray:
    people = document.as_list(document.field(value, "people", f"{file}: it"), f"{file}: people")
    best, most = joint_orders.none(), -1.0
    for row, person in enumerate(people):
        where = f"{file}: people[{row}]"
        is_old = (
            isinstance(person, dict)
            and "pose_keypoints_2d" not in person
            and "pose_keypoints" in person
        )
        key = "pose_keypoints" if is_old else "pose_keypoints_2d"
        values = document.numbers(
            document.field(person, key, where), f"{where}.{key}", (54, 75)
        ).reshape(-1, 3)
        order = tuple(range(18)) if len(values) == 18 else joint_orders.FROM_BODY_25
        counts["body_25"] += len(values) == 25
        if (total := values[:, 2].sum()) > most:
            seen = (values[:, 2] > 0) & (values[:, 2] >= threshold)
            best, most = joint_orders.picked(values[:, 1::-1], seen, order), total
    counts["others"] += max(0, len(people) - 1)
    return best
