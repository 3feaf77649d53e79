"""14-point .mat files: LSP's joints, as pose annotations of Market-1501 were shared by several groups.

Variables, by any of these names:

    joints, keypoints, keypoint, coords, pose    numbers [N, 14, C], [14, C, N] or [C, 14, N]: C = 2 or 3, (x, y) and a score
                                                (what fits the first form and another is read as the first)
    names, image_names, name, images, imgs, files, filenames, img_names    N texts, as a cell array or a char matrix

The order is LSP's: right ankle, knee, hip; left hip, knee, ankle; right wrist, elbow, shoulder; left shoulder, elbow, wrist;
neck; top of the head. A joint is missing where x or y is NaN or below 0, or both are 0, or its score is below the threshold; a
third column of zeros and ones alone is LSP's visibility, whose sense differs between its releases, and is not used. Files of
MATLAB 7.3 are HDF5 and refused: save with -v7.
"""

from pathlib import Path

import numpy as np

from augment.pose_formats import document, joints, mat_file
from augment.pose_formats.imported import Imported

POINT_NAMES = ("joints", "keypoints", "keypoint", "coords", "pose")
LIST_NAMES = ("names", "image_names", "name", "images", "imgs", "files", "filenames", "img_names")
NUMERIC = ("double", "single", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


def read(file: Path, threshold: float) -> Imported:
    """
    Raises:
        ValueError: no such variables, of other shapes or types, too large unpacked, or a file of MATLAB 7.3.
    """
    from scipy.io import loadmat, whosmat

    document.check_size(file)
    mat_file.check(file)
    try:
        variables = {name: (shape, kind) for name, shape, kind in whosmat(file)}
    except Exception as error:  # scipy raises whatever its reader stumbles over
        raise ValueError(f"{file}: is no readable .mat file ({str(error)[:120]})") from None
    points_name, names_name = _choose(variables, POINT_NAMES, file), _choose(variables, LIST_NAMES, file)
    shape, kind = variables[points_name]
    _axes(shape, None, f"{file}: {points_name}")
    if kind not in NUMERIC:
        raise ValueError(f"{file}: {points_name} is of type {kind}; expected numbers")
    if (kind := variables[names_name][1]) not in ("cell", "char"):
        raise ValueError(f"{file}: {names_name} is of type {kind}; expected a cell array or a char matrix of image names")
    try:
        loaded = loadmat(file, variable_names=[points_name, names_name])
        names = [_text(one) for one in np.asarray(loaded[names_name]).ravel()]
        values = np.asarray(loaded[points_name])
    except Exception as error:
        raise ValueError(f"{file}: is no readable .mat file ({str(error)[:120]})") from None
    if np.iscomplexobj(values):
        raise ValueError(f"{file}: {points_name} holds complex numbers")
    values = values.astype(np.float64).transpose(_axes(values.shape, len(names), f"{file}: {points_name}"))  # [N, 14, C]
    return _imported(values, names, threshold, file)


def _imported(values: np.ndarray, names: list[str], threshold: float, file: Path) -> Imported:
    points, derived = values[:, :, 1::-1], joints.LSP_DERIVED
    huge = (np.abs(points) > document.MAX_PX).any((1, 2))  # False for NaN
    if huge.any():
        row = int(np.flatnonzero(huge)[0])
        worst = np.nanmax(np.abs(points[row]))
        raise ValueError(f"{file}: image {row + 1} has a joint at {worst:g}; no image has more than {document.MAX_PX:,} px")
    seen = (points >= 0).all(-1) & (points != 0).any(-1)  # comparisons with NaN are False
    seen &= ~np.isnan(points).any(-1)
    if values.shape[2] == 3:
        if np.isin(values[:, :, 2], (0, 1)).all():
            derived = (*derived, "the third column, zeros and ones, is not used: its sense differs between releases")
        else:
            seen &= values[:, :, 2] >= threshold
    found = {}
    for row, name in enumerate(names):
        name = document.image_name(name, f"{file}: image {row + 1}")
        if name in found:
            raise ValueError(f"{file}: image {row + 1}: {name!r} is there already")
        found[name] = joints.picked(np.nan_to_num(points[row]), seen[row], joints.FROM_LSP)
    return Imported(found, "mat14", derived)


def _choose(variables: dict, wanted: tuple[str, ...], file: Path) -> str:
    chosen = [name for name in wanted if name in variables]
    if not chosen:
        raise ValueError(f"{file}: has no variable {' or '.join(wanted)}; it has {', '.join(variables)[:200] or 'none'}")
    return chosen[0]


def _axes(shape: tuple[int, ...], number: int | None, where: str) -> tuple[int, int, int]:
    """Which axes of `shape` are image, joint and coordinate; number: of images, where it is known."""
    for axes in ((0, 1, 2), (2, 0, 1), (2, 1, 0)):
        if len(shape) == 3 and shape[axes[1]] == 14 and shape[axes[2]] in (2, 3) and number in (None, shape[axes[0]]):
            return axes
    names = "" if number is None else f"; there are {number:,} names"
    raise ValueError(f"{where} is {' x '.join(map(str, shape))}; expected N x 14 x 2 (or 3), 14 x 2 x N or 2 x 14 x N{names}")


def _text(value: np.ndarray | str) -> str:
    """A name in a cell is an array of one text, or a cell of one."""
    while isinstance(value, np.ndarray):
        if value.size != 1:
            raise ValueError("a cell of image names holds no single text")
        value = value.ravel()[0]
    if not isinstance(value, str):
        raise ValueError("a cell of image names holds no text")
    return value.strip()
