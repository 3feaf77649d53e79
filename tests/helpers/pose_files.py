"""Keypoint files in other tools' forms, each written by a function; keypoints are name -> [18, 2]
as (y, x), -1 missing.
"""

import json
from pathlib import Path

import numpy as np
from scipy.io import savemat

# Joint j of COCO is joint TO_COCO[j] of OpenPose-18.
TO_COCO = (0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10)
BODY_25 = (0, 1, 2, 3, 4, 5, 6, 7, None, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, *[None] * 6)
LSP = (10, 9, 8, 11, 12, 13, 4, 3, 2, 5, 6, 7, 1)


def triples(points: np.ndarray, order=range(18), score: float = 0.9) -> list[float]:
    """x, y, c of each joint of `order`; of a joint that is None an arbitrary place."""
    found: list[float] = []
    for joint in order:
        if joint is None:
            found += [7.0, 9.0, score]
        elif points[joint][0] == -1:
            found += [0, 0, 0]
        else:
            found += [float(points[joint][1]), float(points[joint][0]), score]
    return found


def openpose(folder: Path, keypoints: dict, order=range(18)) -> Path:
    for name, points in keypoints.items():
        file = folder / f"{Path(name).with_suffix('')}_keypoints.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            json.dumps({"version": 1.3, "people": [{"pose_keypoints_2d": triples(points, order)}]})
        )
    return folder


def coco_results(file: Path, keypoints: dict) -> Path:
    rows = [
        {"image_id": name, "category_id": 1, "keypoints": triples(points, TO_COCO), "score": 0.8}
        for name, points in keypoints.items()
    ]
    return dumped(file, rows)


def coco_annotations(file: Path, keypoints: dict) -> Path:
    images = [{"id": number, "file_name": name} for number, name in enumerate(keypoints)]
    rows = [
        {"image_id": number, "category_id": 1, "keypoints": triples(points, TO_COCO, score=2)}
        for number, points in enumerate(keypoints.values())
    ]
    return dumped(
        file, {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "person"}]}
    )


def instance(points: np.ndarray, more: int = 0) -> dict:
    values = np.array(triples(points, TO_COCO)).reshape(-1, 3)
    extra = [[1.0, 2.0]] * more
    return {
        "keypoints": [*values[:, :2].tolist(), *extra],
        "keypoint_scores": [*values[:, 2].tolist(), *[0.7] * more],
        "bbox": [[0, 0, 64, 128]],
    }


def mmpose_folder(folder: Path, keypoints: dict, more: int = 0) -> Path:
    for name, points in keypoints.items():
        file = (folder / name).with_suffix(".json")
        file.parent.mkdir(parents=True, exist_ok=True)
        dumped(file, [instance(points, more)])
    return folder


def mmpose_file(file: Path, keypoints: dict) -> Path:
    entries = [
        {"image": name, "instances": [instance(points)]} for name, points in keypoints.items()
    ]
    return dumped(file, {"meta_info": {"dataset_name": "coco"}, "instance_info": entries})


def mat14(file: Path, keypoints: dict, shape: str = "N14C", compressed: bool = True) -> Path:
    points = np.array(
        [[*one[list(LSP)], (3, 3)] for one in map(np.asarray, keypoints.values())], float
    )[..., ::-1]
    axes = {"N14C": (0, 1, 2), "14CN": (1, 2, 0), "C14N": (2, 1, 0)}[shape]
    names = np.array([*keypoints, None], dtype=object)[:-1]
    savemat(file, {"joints": points.transpose(axes), "names": names}, do_compression=compressed)
    return file


def dumped(file: Path, value) -> Path:
    file.write_text(json.dumps(value))
    return file
