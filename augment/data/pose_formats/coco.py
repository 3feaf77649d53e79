"""COCO-17 JSON: results or annotations (cocodataset.org, "Data format" and "Results format").

    results:     [{"image_id": 42, "category_id": 1, "keypoints": [x0, y0, c0, ... 51 numbers], "score": 0.9}, ...]
    annotations: {"images": [{"id": 42, "file_name": "a.jpg"}],
                  "annotations": [{"image_id": 42, "keypoints": [x0, y0, v0, ...]}]}

An image_id that is text is the image's name (as AlphaPose writes it). In results, c is a confidence
(or the visibility); in annotations v is 0 for a missing joint, 1 for an occluded and 2 for a visible
one. Longer lists that begin with COCO's 17 (Halpe's 26 and 136, COCO-WholeBody's 133) are cut.
"""

from collections import Counter
from pathlib import Path
from typing import Any

from augment.data.pose_formats import document
from augment.data.pose_formats.imported import Imported
from generators.body import joint_orders

LENGTHS = (51, 78, 399, 408)  # 17, 26, 133 and 136 joints
CUT = "the first 17 of {} joints, COCO's, are used"


def read(value: Any, file: Path, threshold: float) -> Imported:
    """Read the person with the highest score in each image, and count the others.

    Annotations have no score; there, the person with the most joints is used.
    """
    is_results = isinstance(value, list)
    names = {} if is_results else _names(value, file)
    entries = value if is_results else document.field(value, "annotations", f"{file}: it")
    entries = document.as_list(entries, f"{file}: annotations")
    keypoints = {name: joint_orders.none() for name in names.values()}
    best, counts = {}, Counter()
    for row, entry in enumerate(entries):
        where = f"{file}: {'' if is_results else 'annotations'}[{row}]"
        name = _name(document.field(entry, "image_id", where), names, where)
        if not is_results and "keypoints" not in entry:
            counts["without"] += 1  # a box of an object, or of a person without keypoints
            continue
        values = document.numbers(
            document.field(entry, "keypoints", where), f"{where}.keypoints", LENGTHS
        ).reshape(-1, 3)
        counts[len(values)] += 1
        level = threshold if is_results else 0
        seen = (values[:, 2] > 0) & (values[:, 2] >= level)
        score = (
            document.number(entry.get("score", 0), f"{where}.score")
            if is_results
            else seen[:17].sum()
        )
        if name in best:
            counts["others"] += 1
            if score <= best[name]:
                continue
        best[name] = score
        keypoints[name] = joint_orders.from_coco(values[:, 1::-1], seen)
    cut = tuple(CUT.format(length) for length in (26, 133, 136) if counts[length])
    notes = []
    if counts["others"]:
        notes.append(
            f"{counts['others']:,} further people are left out: the one with the highest score is used in each image"
        )
    if counts["without"]:
        notes.append(f"{counts['without']:,} annotations without keypoints are left out")
    return Imported(keypoints, "coco", (joint_orders.NECK_DERIVED, *cut), tuple(notes))


def _names(value: Any, file: Path) -> dict[Any, str]:
    """Image id -> name, from the list `images`."""
    names: dict[Any, str] = {}
    for row, image in enumerate(
        document.as_list(document.field(value, "images", f"{file}: it"), f"{file}: images")
    ):
        where = f"{file}: images[{row}]"
        key = document.field(image, "id", where)
        if type(key) not in (int, str):
            raise ValueError(f"{where}: id {str(key)[:40]!r} is neither a number nor text")
        if key in names:
            raise ValueError(f"{where}: id {key!r} occurs twice")
        names[key] = document.image_name(document.field(image, "file_name", where), where)
    if len(set(names.values())) < len(names):
        twice = next(name for name, number in Counter(names.values()).items() if number > 1)
        raise ValueError(f"{file}: images: {twice!r} occurs twice")
    return names


def _name(key: Any, names: dict[Any, str], where: str) -> str:
    if type(key) not in (int, str):
        raise ValueError(f"{where}: image_id {str(key)[:40]!r} is neither a number nor text")
    if key in names:
        return names[key]
    if names:
        raise ValueError(f"{where}: image_id {str(key)[:40]!r} is not in the list `images`")
    if isinstance(key, int):
        raise ValueError(
            f"{where}: image_id {key} is a number, and the file has no list `images` that names it; write file names as "
            'image_id, or {"images": [{"id": ..., "file_name": ...}], "annotations": [...]}'
        )
    return document.image_name(key, where)
