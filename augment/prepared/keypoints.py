"""Keypoint files in the PATN / pose-gan form.

    name:keypoints_y:keypoints_x
    0002_c1s1_000451_03.jpg: [11, 22, ...18 integers]: [30, 31, ...18 integers]

One row per image; y before x, in pixels; -1 in both lists for a missing joint; OpenPose-18 order.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from augment.files import whole

HEADER = "name:keypoints_y:keypoints_x"
NUM_JOINTS = 18
MAX_ROW = 10_000  # characters
MAX_PX = 100_000  # larger than any image, so no joint lies beyond


def read(file: Path, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """Image name -> keypoints, int64 [18, 2] as (y, x) px.

    Args:
        size: (height, width) in px of the images.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If separator, header, a list or a range is wrong, or a name occurs twice; the
            message names file and row.
    """
    keypoints = {}
    for name, (number, points) in _rows(file).items():
        keypoints[name] = np.rint(points).astype(np.int64)
        _check_range(keypoints[name], size, f"{file}: row {number} ({name})")
    return keypoints


def parse(file: Path) -> dict[str, np.ndarray]:
    """Image name -> keypoints, float64 [18, 2] as (y, x) px, of images of unknown size.

    Raises:
        FileNotFoundError, ValueError: As `read`, except for ranges.
    """
    return {name: points for name, (_, points) in _rows(file).items()}


def write(keypoints: Mapping[str, np.ndarray], file: Path) -> None:
    """Write image name -> [18, 2] (y, x) in the same form, rounded to whole pixels."""
    with whole(file) as temporary, temporary.open("w") as out:
        out.write(HEADER + "\n")
        for name, points in keypoints.items():
            ys, xs = np.rint(points).astype(int).T.tolist()
            out.write(f"{name}: {ys}: {xs}\n")


def of_images(keypoints: Mapping[str, np.ndarray], images: Iterable[str]) -> np.ndarray:
    """Keypoints of images, float32 [N, 18, 2] as (y, x) pixels; all -1 for an image without a row.

    Args:
        images: names or paths, such as a column of index rows.
    """
    missing = np.full((NUM_JOINTS, 2), -1)
    rows = [keypoints.get(Path(image).name, missing) for image in images]
    return np.array(rows, dtype=np.float32).reshape(-1, NUM_JOINTS, 2)


def _rows(file: Path) -> dict[str, tuple[int, np.ndarray]]:
    """Image name -> (row, keypoints float64 [18, 2])."""
    if not file.is_file():
        raise FileNotFoundError(f"{file}: keypoint file not found")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file}: is not UTF-8 text ({error.reason} at byte {error.start})"
        ) from None
    header = lines[0].strip() if lines else ""
    if header != HEADER:
        raise ValueError(f"{file}: row 1: {_header_problem(header)}")
    rows: dict[str, tuple[int, np.ndarray]] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        name, points = _parse_row(line, f"{file}: row {number}")
        if name in rows:
            raise ValueError(f"{file}: row {number}: {name} has a row already")
        rows[name] = number, points
    return rows


def _header_problem(header: str) -> str:
    if header == "name:keypoints_x:keypoints_y":
        return f"x comes before y here; expected {HEADER!r}: swap the columns"
    for separator in (",", ";", "\t"):
        if separator in header:
            return f"the separator is {separator!r}; expected ':' as in {HEADER!r}"
    return f"expected the header {HEADER!r}, found {header[:60]!r}"


def _parse_row(line: str, where: str) -> tuple[str, np.ndarray]:
    if len(line) > MAX_ROW:
        raise ValueError(
            f"{where}: {len(line):,} characters; a row of {NUM_JOINTS} joints has at most {MAX_ROW:,}"
        )
    parts = line.split(":")
    if len(parts) != 3:
        raise ValueError(f"{where}: expected three fields separated by ':', found {len(parts)}")
    lists = []
    for axis, part in zip("yx", parts[1:], strict=True):
        try:
            values = json.loads(part)
        except (ValueError, RecursionError):  # not JSON, a huge integer, or deeply nested lists
            raise ValueError(
                f"{where}: keypoints_{axis} is not a list of numbers: {part.strip()[:40]!r}"
            ) from None
        is_numbers = isinstance(values, list) and all(
            type(value) in (int, float) for value in values
        )
        if not is_numbers or len(values) != NUM_JOINTS:
            raise ValueError(f"{where}: keypoints_{axis} must hold {NUM_JOINTS} numbers")
        if not all(abs(value) <= MAX_PX for value in values):
            raise ValueError(
                f"{where}: keypoints_{axis} holds {str(max(values, key=abs))[:20]}; at most {MAX_PX:,}"
            )
        lists.append(values)
    keypoints = np.array(lists, dtype=np.float64).T
    if len(joints := np.flatnonzero((keypoints == -1).sum(axis=1) == 1)):
        raise ValueError(
            f"{where}: joint {joints[0]} is missing (-1) in one list and present in the other"
        )
    return parts[0].strip(), keypoints


def _check_range(keypoints: np.ndarray, size: tuple[int, int], where: str) -> None:
    present = keypoints[keypoints[:, 0] != -1]
    height, width = size
    if ((present >= 0) & (present < (height, width))).all():
        return
    if ((present >= 0) & (present < (width, height))).all():
        raise ValueError(
            f"{where}: x and y look swapped: they fit {width} x {height}, not {height} x {width} (y first)"
        )
    raise ValueError(
        f"{where}: a joint lies outside the image of height {height} and width {width}"
    )
