"""A piece of clothing: its landmarks, from a small JSON file, and its outline in the image.

    {"left_collar": [12, 40], "right_collar": [12, 24], "left_elbow": [40, 50], ..., "left_hem":
    [70, 40], "view": "front"}

Landmarks (spt_journal, section 4.4) are (y, x) in px of the clothing's image. Left and right are the
wearer's: in a picture from the front, left lies on the right. Any landmark may be left out. `view`
is front (the default) or back.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from augment import files
from augment.images import untrusted
from generators.body.skeleton import TORSO

# Landmark -> joint of OpenPose-18 that stands for it in p_c. A garment hangs from the shoulder at its
# collar, and rigid parts need shoulders and hips. The end of a sleeve stands for the wrist, the best
# guess from clothing alone.
JOINT_OF = {
    "left_collar": 5, "right_collar": 2, "left_elbow": 6, "right_elbow": 3,
    "left_sleeve_end": 7, "right_sleeve_end": 4, "left_hem": 11, "right_hem": 8,
}  # fmt: skip
NECK = 1
VIEWS = ("front", "back")
MOST_BYTES = 100_000
DISTANCE = 40.0  # RGB distance (at most 441) above which a pixel is not background
LEAST, MOST = 0.02, 0.98  # share of an image that a piece of clothing may cover


def read_landmarks(file: Path, size: tuple[int, int]) -> np.ndarray:
    """Read keypoints p_c, float64 [18, 2] as (y, x) px of a clothing's image of `size`.

    The neck lies between the collars.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If the file is not JSON, a key is unknown, a position is malformed or lies
            outside the image, or left and right look swapped.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{file}: not found")
    if file.stat().st_size > MOST_BYTES:
        raise ValueError(
            f"{file}: has {file.stat().st_size:,} bytes; eight landmarks need fewer than {MOST_BYTES:,}"
        )
    try:
        landmarks = files.read_json(file)
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{file}: not JSON ({type(error).__name__})") from error
    if not isinstance(landmarks, dict):
        raise ValueError(
            f'{file}: expected {{"left_collar": [y, x], ...}}, found a {type(landmarks).__name__}'
        )
    view = landmarks.pop("view", VIEWS[0])
    if view not in VIEWS:
        raise ValueError(f"{file}: view is {view!r}; it must be one of {', '.join(VIEWS)}")
    if unknown := sorted(landmarks.keys() - JOINT_OF.keys()):
        raise ValueError(
            f"{file}: unknown landmark {unknown[0]!r}; available: {', '.join(JOINT_OF)}"
        )
    if not landmarks:
        raise ValueError(f"{file}: holds no landmarks; available: {', '.join(JOINT_OF)}")
    keypoints = np.full((18, 2), -1.0)
    for name, value in landmarks.items():
        keypoints[JOINT_OF[name]] = _place(value, size, f"{file}: {name}")
    _check_sides(keypoints, view, file)
    if {"left_collar", "right_collar"} <= landmarks.keys():
        keypoints[NECK] = keypoints[[2, 5]].mean(0)
    return keypoints


def corners(size: tuple[int, int]) -> np.ndarray:
    """Keypoints p_c of a styled image of `size`.

    Shoulders and hips are its corners, as for a garment that fills the image.
    """
    height, width = size
    keypoints = np.full((18, 2), -1.0)
    keypoints[list(TORSO)] = [[0, 0], [0, width - 1], [height - 1, 0], [height - 1, width - 1]]
    keypoints[NECK] = 0, (width - 1) / 2
    return keypoints


def missing(keypoints: np.ndarray) -> list[str]:
    """Names of the landmarks that are missing in p_c."""
    return [name for name, joint in JOINT_OF.items() if keypoints[joint, 0] < 0]


def _place(value: Any, size: tuple[int, int], where: str) -> list[float]:
    is_position = (
        isinstance(value, list)
        and len(value) == 2
        and all(type(number) in (int, float) for number in value)
    )
    if not is_position:
        raise ValueError(f"{where}: expected [y, x], found {str(value)[:40]}")
    y, x = value
    if 0 <= y < size[0] and 0 <= x < size[1]:
        return [float(y), float(x)]
    swapped = "; y comes first" if 0 <= x < size[0] and 0 <= y < size[1] else ""
    raise ValueError(
        f"{where}: ({y}, {x}) lies outside the image, {size[0]} high and {size[1]} wide{swapped}"
    )


def _check_sides(keypoints: np.ndarray, view: str, file: Path) -> None:
    for left, right, name in ((5, 2, "collar"), (11, 8, "hem")):
        if min(keypoints[left, 0], keypoints[right, 0]) < 0:
            continue
        if (keypoints[left, 1] < keypoints[right, 1]) == (view == "front"):
            raise ValueError(
                f"{file}: left and right {name} look swapped: left is the wearer's, and lies "
                f"{'right' if view == 'front' else 'left'} in a picture from the {view}; swap them, or set "
                f'"view": "{VIEWS[1 - VIEWS.index(view)]}"'
            )


def clothing_mask(image: Image.Image, path: Path, parsing: Path | None, label: int) -> np.ndarray:
    """Mask of the clothing, bool [H, W].

    Args:
        parsing: a map that contains `label`, or any map with 0 for the background. Without a map,
            the median colour of the image's border is that of the background.

    Raises:
        ValueError: If the map has another size, or clothing and background cannot be separated.
    """
    if parsing is not None:
        labels = untrusted.read_labels(parsing)
        if labels.shape != (image.height, image.width):
            size = f"{labels.shape[0]} x {labels.shape[1]}"
            raise ValueError(f"{parsing}: is {size} px; {path} is {image.height} x {image.width}")
        mask = labels == label if (labels == label).any() else labels > 0
        if not mask.any():
            raise ValueError(f"{parsing}: shows nothing")
        return mask
    pixels = np.asarray(image).astype(np.float64)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    mask = np.sqrt(((pixels - np.median(border, 0)) ** 2).sum(2)) > DISTANCE
    if not LEAST <= mask.mean() <= MOST:
        raise ValueError(
            f"{path}: {mask.mean():.0%} of it differ from the colour of its border, so clothing and background cannot be "
            "separated; use --clothing-parsing with a label map of the clothing"
        )
    return mask
