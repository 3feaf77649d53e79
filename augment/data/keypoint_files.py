"""Keypoint files of any format, matched with a data set's images and scaled to their prepared size.

Names in a file may be paths below dataset.root, bare file names if these are unique, either of them
without the suffix, or names in data/prepared (from `augment annotate`; these coordinates are pixels
of the prepared images). The rule that fits most names of a file is applied to all of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from augment.data import pose_formats
from augment.data.pose_formats import names, validator
from augment.prepared.market1501 import FOLDERS, tidy

SHOWN = 3


@dataclass(frozen=True)
class Joints:
    """Keypoints of a data set.

    keypoints: prepared name -> int64 [18, 2] (y, x) px of the prepared image, -1 missing
    notes: sentences that prepare prints
    """

    keypoints: dict[str, np.ndarray]
    notes: tuple[str, ...]


def check_files(annotations: Iterable[str]) -> list[Path]:
    """The files as paths.

    Raises:
        FileNotFoundError: If one of them is missing.
    """
    files = [Path(name) for name in annotations]
    for file in files:
        if not file.exists():  # may be a folder with one file per image
            raise FileNotFoundError(
                f"{file}: keypoint file not found (params.yaml: dataset.annotations)"
            )
    return files


def read(
    files: Sequence[Path],
    root: Path,
    rows: pd.DataFrame,
    sizes: Mapping[str, tuple[int, int]],
    size: tuple[int, int],
    strict: bool,
) -> Joints:
    """Read keypoint files of a data set.

    Args:
        rows: file, split and name of all images.
        sizes: name -> (height, width) in px of the original image; keypoints of other images are
            read and left out.
        size: (height, width) in px of the prepared images.
        strict: treat names that match no image and joints outside an image as errors, instead of
            counting them.

    Raises:
        ValueError: If nothing matches, an image has two rows, or the keypoints are implausible
            (augment.data.pose_formats.validator).
    """
    keypoints: dict[str, np.ndarray] = {}
    notes: list[str] = []
    seen: set[str] = set()
    for file in files:
        imported = pose_formats.read(file)
        image_of, are_prepared = _match(imported.keypoints, rows, strict)
        _check_strangers(file, list(imported.keypoints), image_of, root, rows, strict, notes)
        name_of: dict[str, str] = {}  # prepared name -> name in the file
        for name, image in image_of.items():
            if image in seen:
                raise ValueError(f"{file}: {name} has a row in another keypoint file already")
            if image in name_of:
                raise ValueError(f"{file}: {name} has two rows")
            name_of[image] = name
        seen |= name_of.keys()
        name_of = {image: name for image, name in name_of.items() if image in sizes}
        points_of = {name: imported.keypoints[name] for name in name_of.values()}
        size_of = {name: size if are_prepared else sizes[image] for image, name in name_of.items()}
        matched = {name: name for name in size_of}
        for finding in validator.check(points_of, size_of, matched) if matched else []:
            if finding.fatal:
                raise ValueError(f"{file}: {finding}")
            notes.append(f"{file.name}: {finding}")
        lost = 0
        for image, name in name_of.items():
            keypoints[image], outside = _scaled(points_of[name], size_of[name], size)
            if outside and strict:
                raise ValueError(
                    f"{file}: {name}: a joint lies outside the image of height {size[0]} and width {size[1]}"
                )
            lost += outside
        if lost:
            notes.append(f"{file.name}: {lost:,} joints outside their image count as missing")
        notes += [f"{file.name}: {sentence}" for sentence in imported.derived]
    return Joints(
        {image: keypoints[image] for image in rows["name"] if image in keypoints}, tuple(notes)
    )


def _match(
    keypoints: Mapping[str, np.ndarray], rows: pd.DataFrame, strict: bool
) -> tuple[dict[str, str], bool]:
    """Match the names of a file with images.

    Returns:
        Name in the file -> prepared name, in the file's order, and whether the file uses the names
        of data/prepared.
    """
    rules = names.TIDIED if strict else names.AS_WRITTEN
    files = [tidy(file) if strict else file for file in rows["file"]]
    prepared = rows["split"].map(FOLDERS) + "/" + rows["name"]
    tree, image_of = names.match_as_written(
        keypoints,
        [
            (dict(zip(rows["name"], files, strict=True)), rules),
            (dict(zip(rows["name"], prepared, strict=True)), rules[:2]),
        ],
    )
    return image_of, tree == 1


def _check_strangers(
    file: Path,
    in_file: list[str],
    image_of: dict[str, str],
    root: Path,
    rows: pd.DataFrame,
    strict: bool,
    notes: list[str],
) -> None:
    strangers = [name for name in in_file if name not in image_of]
    if not strangers:
        return
    shown = ", ".join(repr(name) for name in strangers[: 1 if strict else SHOWN])
    text = f"{len(strangers):,} of {len(in_file):,} names match no image under {root}, e.g. {shown}"
    if strict or not image_of:
        images = ", ".join(repr(name) for name in rows["file"].iloc[:SHOWN])
        raise ValueError(f"{file}: {text}; images are named {images}")
    notes.append(f"{file.name}: {text}")


def _scaled(
    points: np.ndarray, from_size: tuple[int, int], size: tuple[int, int]
) -> tuple[np.ndarray, int]:
    """Scale the keypoints of an image of `from_size` to `size`, and round them.

    Returns:
        The keypoints, and how many lay outside the image and are now missing.
    """
    inside = np.asarray(((points > -0.5) & (points < from_size)).all(axis=1))
    # Pixel centres are scaled, so that the last pixel's centre stays inside.
    scaled = np.rint((points + 0.5) * (np.array(size) / from_size) - 0.5)
    scaled = scaled.clip(0, np.array(size) - 1)
    missing = np.asarray((points == -1).all(axis=1))
    return np.where(inside[:, None], scaled, -1).astype(np.int64), int((~inside & ~missing).sum())
