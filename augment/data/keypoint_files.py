"""Keypoint files of any form, matched with the images of a data set and brought to their prepared
size.

Names in a file may be paths below dataset.root, bare file names where these are unique, either
without the suffix, or names in data/prepared (of `augment annotate`; these are pixels of the
prepared images). What fits most names of a file is taken.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from augment.data import pose_formats
from augment.data.pose_formats import validator
from augment.prepared.market1501 import FOLDERS, tidy

SHOWN = 3
NAMINGS = (
    "path", "file name", "path without suffix", "file name without suffix",
    "path in data/prepared", "name in data/prepared",
)  # fmt: skip
PREPARED = NAMINGS[-2:]


@dataclass(frozen=True)
class Joints:
    """keypoints: prepared name -> int64 [18, 2] (y, x) px of the prepared image, -1 missing; notes:
    sentences.
    """

    keypoints: dict[str, np.ndarray]
    notes: tuple[str, ...]


def check_files(annotations: Iterable[str]) -> list[Path]:
    """Raises FileNotFoundError for a file that is not there."""
    found = [Path(one) for one in annotations]
    for file in found:
        if not file.exists():  # a folder of files for an image each is one, too
            raise FileNotFoundError(
                f"{file}: keypoint file not found (params.yaml: dataset.annotations)"
            )
    return found


def read(
    files: Sequence[Path],
    root: Path,
    rows: pd.DataFrame,
    sizes: Mapping[str, tuple[int, int]],
    size: tuple[int, int],
    strict: bool,
) -> Joints:
    """
    Args:
        rows: file, split and name of all images.
        sizes: name -> (height, width) in px of the image as found; keypoints of others are read,
            and left out.
        size: that of the prepared ones.
        strict: names that match no image, and joints outside an image, are errors, not counted.

    Raises:
        ValueError: nothing matches, an image has two rows, or the keypoints cannot be meant so
            (augment.pose_formats).
    """
    namings, keypoints, notes, seen = _namings(rows, strict), {}, [], set()
    for file in files:
        imported = pose_formats.read(file)
        naming = max(
            NAMINGS,
            key=lambda one: sum(_key(name, strict) in namings[one] for name in imported.keypoints),
        )
        of_file = {name: namings[naming].get(_key(name, strict)) for name in imported.keypoints}
        _check_strangers(file, of_file, root, rows, strict, notes)
        matched: dict[str, str] = {}  # prepared name -> name in the file
        for name, prepared_name in of_file.items():
            if prepared_name is None:
                continue
            if prepared_name in seen:
                raise ValueError(f"{file}: {name} has a row in another keypoint file already")
            if prepared_name in matched:
                raise ValueError(f"{file}: {name} has two rows")
            matched[prepared_name] = name
        seen |= matched.keys()
        matched = {
            prepared_name: name for prepared_name, name in matched.items() if prepared_name in sizes
        }
        points_of = {name: imported.keypoints[name] for name in matched.values()}
        size_of = {
            name: size if naming in PREPARED else sizes[prepared_name]
            for prepared_name, name in matched.items()
        }
        for finding in validator.check(points_of, size_of) if matched else []:
            if finding.fatal:
                raise ValueError(f"{file}: {finding}")
            notes.append(f"{file.name}: {finding}")
        lost = 0
        for prepared_name, name in matched.items():
            keypoints[prepared_name], outside = _scaled(points_of[name], size_of[name], size)
            if outside and strict:
                raise ValueError(
                    f"{file}: {name}: a joint lies outside the image of height {size[0]} and width {size[1]}"
                )
            lost += outside
        if lost:
            notes.append(f"{file.name}: {lost:,} joints outside their image count as missing")
        notes += [f"{file.name}: {sentence}" for sentence in imported.derived]
    return Joints(
        {name: keypoints[name] for name in rows["name"] if name in keypoints}, tuple(notes)
    )


def _key(name: str, strict: bool) -> str:
    return tidy(name) if strict else name.removeprefix("./")


def _namings(rows: pd.DataFrame, strict: bool) -> dict[str, dict[str, str]]:
    """What an image may be called, by naming -> its prepared name; names that two images share are
    left out.
    """
    spelled = {
        "path": [_key(file, strict) for file in rows["file"]],
        "file name": [_key(Path(file).name, strict) for file in rows["file"]],
        "path without suffix": [Path(file).with_suffix("").as_posix() for file in rows["file"]],
        "file name without suffix": [Path(file).stem for file in rows["file"]],
        "path in data/prepared": list(rows["split"].map(FOLDERS) + "/" + rows["name"]),
        "name in data/prepared": list(rows["name"]),
    }
    found = {}
    for naming, keys in spelled.items():
        number = Counter(keys)
        found[naming] = {
            key: name for key, name in zip(keys, rows["name"], strict=True) if number[key] == 1
        }
    return found


def _check_strangers(
    file: Path,
    of_file: dict[str, str | None],
    root: Path,
    rows: pd.DataFrame,
    strict: bool,
    notes: list[str],
) -> None:
    strangers = [name for name, match in of_file.items() if match is None]
    if not strangers:
        return
    shown = ", ".join(repr(name) for name in strangers[: 1 if strict else SHOWN])
    text = (
        f"{len(strangers):,} of {len(of_file):,} names match no image under {root}, such as {shown}"
    )
    if strict or len(strangers) == len(of_file):
        theirs = ", ".join(repr(one) for one in rows["file"].iloc[:SHOWN])
        raise ValueError(f"{file}: {text}; images are called {theirs}")
    notes.append(f"{file.name}: {text}")


def _scaled(
    points: np.ndarray, found: tuple[int, int], size: tuple[int, int]
) -> tuple[np.ndarray, int]:
    """Keypoints at `size` of an image of size `found`, rounded; those outside it are missing, and
    counted.
    """
    inside = ((points > -0.5) & (points < found)).all(axis=1)
    # Places of pixels: their middles are scaled, and the last pixel's stays inside.
    scaled = np.rint((points + 0.5) * (np.array(size) / found) - 0.5).clip(0, np.array(size) - 1)
    missing = (points == -1).all(axis=1)
    return np.where(inside[:, None], scaled, -1).astype(np.int64), int((~inside & ~missing).sum())
