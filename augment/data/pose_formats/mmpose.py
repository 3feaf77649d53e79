"""MMPose's predictions (RTMPose and others), as its inferencer and its demos save them.

    one file per image, <image name without suffix>.json, alone or in a folder: [{"keypoints": [[x, y],
        ...], "keypoint_scores": [...], "bbox": [[...]], "bbox_score": 0.9}, ...] or {"meta_info":
        {...}, "instance_info": [the same list]}
    one file for many images: {"meta_info": {...}, "instance_info": [{"image": "a.jpg", "instances":
        [the same list]}, ...]}, or the inner list alone

17 joints are COCO's; of 26 (Halpe), 133 (COCO-WholeBody) and 136 the first 17 are used. (MMPose's
documentation, "Inference with existing models".)
"""

from collections import Counter
from pathlib import Path

import numpy as np

from augment.data.pose_formats import document
from augment.data.pose_formats.coco import CUT
from augment.data.pose_formats.imported import Imported
from generators.body import joint_orders

NUMBERS = (17, 26, 133, 136)
NAME_KEYS = ("image", "file_name", "img_path", "image_path", "img_name")
DEMO_PREFIX = "results_"  # the demos save results_<image name>.json


def read_all(files: dict[str, Path], threshold: float) -> Imported:
    """Read one file per image, or files of many; use the person with the highest summed score.

    Args:
        files: image name without suffix -> file.
    """
    keypoints, counts = {}, Counter()
    for stem, file in files.items():
        value = document.read_json(file)
        if isinstance(value, dict):
            value = document.field(value, "instance_info", f"{file}: it")
        entries = document.as_list(value, f"{file}: instance_info")
        if entries and isinstance(entries[0], dict) and "instances" in entries[0]:
            images = _of_many(entries, file)
        else:
            images = {stem.removeprefix(DEMO_PREFIX): (entries, f"{file}: ")}
        for name, (people, where) in images.items():
            if name in keypoints:
                raise ValueError(f"{file}: {name!r} occurs twice")
            keypoints[name] = _best(people, where, threshold, counts)
    cut = tuple(CUT.format(number) for number in NUMBERS[1:] if counts[number])
    notes = (
        (
            f"{counts['others']:,} further people are left out: the one with the highest score is used in each image",
        )
        if counts["others"]
        else ()
    )
    return Imported(keypoints, "mmpose", (joint_orders.NECK_DERIVED, *cut), notes)


def _of_many(entries: list, file: Path) -> dict[str, tuple[list, str]]:
    images: dict[str, tuple[list, str]] = {}
    for row, entry in enumerate(entries):
        where = f"{file}: instance_info[{row}]"
        people = document.as_list(document.field(entry, "instances", where), f"{where}.instances")
        key = next((key for key in NAME_KEYS if key in entry), None)
        if key is None:
            raise ValueError(
                f"{where} has no image name ({', '.join(NAME_KEYS)}); a video's frame number is not a name"
            )
        name = document.image_name(entry[key], where)
        if name in images:
            raise ValueError(f"{where}: {name!r} occurs twice")
        images[name] = (people, f"{where}.instances")
    return images


def _best(people: list, where: str, threshold: float, counts: Counter) -> np.ndarray:
    best, most = joint_orders.none(), -np.inf
    for row, person in enumerate(people):
        here = f"{where}[{row}]"
        rows = document.as_list(document.field(person, "keypoints", here), f"{here}.keypoints")
        if len(rows) not in NUMBERS:
            raise ValueError(
                f"{here}.keypoints holds {len(rows)} joints; expected {', '.join(map(str, NUMBERS))}"
            )
        if wrong := [
            joint for joint, xy in enumerate(rows) if not isinstance(xy, list) or len(xy) != 2
        ]:
            raise ValueError(
                f"{here}.keypoints[{wrong[0]}] is not [x, y]: {str(rows[wrong[0]])[:40]!r}"
            )
        points = document.numbers(
            [number for xy in rows for number in xy], f"{here}.keypoints"
        ).reshape(-1, 2)
        scores = document.numbers(
            document.field(person, "keypoint_scores", here), f"{here}.keypoint_scores", (len(rows),)
        )
        counts[len(rows)] += 1
        if (total := scores[:17].sum()) > most:
            best, most = (
                joint_orders.from_coco(points[:, ::-1], (scores > 0) & (scores >= threshold)),
                total,
            )
    counts["others"] += max(0, len(people) - 1)
    return best
