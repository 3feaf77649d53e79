"""14-point .mat files with LSP's joints.

Several groups have shared pose annotations of Market-1501 in this form.

Variables, under any of these names:

    joints, keypoints, keypoint, coords, pose    numbers [N, 14, C], [14, C, N] or [C, 14, N]: C = 2 or 3, (x, y) and a score
                                                (an array that fits several forms is read as the first)
    names, image_names, name, images, imgs, files, filenames, img_names    N texts, as a cell array or a char matrix

The order is LSP's: right ankle, knee, hip; left hip, knee, ankle; right wrist, elbow, shoulder;
left shoulder, elbow, wrist; neck; top of the head. A joint is missing if x or y is NaN or below 0,
if both are 0, or if its score is below the threshold. A third column that holds only zeros and ones
is LSP's visibility; it is ignored, because its meaning differs between releases. Files of MATLAB
7.3 are HDF5 and refused: save with -v7.
"""

from pathlib import Path

import numpy as np

from augment.data.pose_formats import document, mat_file
from augment.data.pose_formats.imported import Imported
from generators.body import joint_orders

POINT_NAMES = ("joints", "keypoints", "keypoint", "coords", "pose")
LIST_NAMES = ("names", "image_names", "name", "images", "imgs", "files", "filenames", "img_names")


def read(file: Path, threshold: float) -> Imported:
    """Read the joints of a .mat file.

    Raises:
        ValueError: If the variables are missing or have other shapes or types, or the file is too
            large when unpacked, damaged, or from MATLAB 7.3.
    """
    document.check_size(file)
    where = str(file)
    try:
        variables = mat_file.variables(file)
        points = _choose(variables, POINT_NAMES)
        names = _choose(variables, LIST_NAMES)
        where = f"{file}: {names}"
        image_names = mat_file.texts(variables[names])
        where = f"{file}: {points}"
        axes = _axes(variables[points].shape, len(image_names))
        values = mat_file.numbers(variables[points]).transpose(axes)  # [N, 14, C]
    except ValueError as error:
        raise ValueError(
            f"{where}: {error}" if where == str(file) else f"{where} {error}"
        ) from None
    return _imported(values, image_names, threshold, file)


def _imported(values: np.ndarray, names: list[str], threshold: float, file: Path) -> Imported:
    points, derived = values[:, :, 1::-1], joint_orders.LSP_DERIVED
    huge = (np.abs(points) > document.MAX_PX).any((1, 2))  # False for NaN
    if huge.any():
        row = int(np.flatnonzero(huge)[0])
        worst = np.nanmax(np.abs(points[row]))
        raise ValueError(
            f"{file}: image {row + 1} has a joint at {worst:g}; no image has more than {document.MAX_PX:,} px"
        )
    seen = (points >= 0).all(-1) & (points != 0).any(-1)  # comparisons with NaN are False
    seen &= ~np.isnan(points).any(-1)
    if values.shape[2] == 3:
        if np.isin(values[:, :, 2], (0, 1)).all():
            derived = (
                *derived,
                "the third column, zeros and ones, is ignored: its meaning differs between releases",
            )
        else:
            seen &= values[:, :, 2] >= threshold
    keypoints = {}
    for row, name in enumerate(names):
        name = document.image_name(name, f"{file}: image {row + 1}")
        if name in keypoints:
            raise ValueError(f"{file}: image {row + 1}: {name!r} occurs twice")
        keypoints[name] = joint_orders.picked(
            np.nan_to_num(points[row]), seen[row], joint_orders.FROM_LSP
        )
    return Imported(keypoints, "mat14", derived)


def _choose(variables: dict[str, mat_file.Array], names: tuple[str, ...]) -> str:
    """The first of `names` that is a variable."""
    chosen = [name for name in names if name in variables]
    if not chosen:
        raise ValueError(
            f"has no variable {' or '.join(names)}; it has {', '.join(variables)[:200] or 'none'}"
        )
    return chosen[0]


def _axes(shape: tuple[int, ...], number: int) -> tuple[int, int, int]:
    """Which axes of `shape` are image, joint and coordinate, given the number of images."""
    for axes in ((0, 1, 2), (2, 0, 1), (2, 1, 0)):
        if (
            len(shape) == 3
            and (shape[axes[0]], shape[axes[1]]) == (number, 14)
            and shape[axes[2]] in (2, 3)
        ):
            return axes
    sizes = " x ".join(map(str, shape))
    raise ValueError(
        f"is {sizes}; expected N x 14 x 2 (or 3), 14 x 2 x N or 2 x 14 x N; there are {number:,} names"
    )
