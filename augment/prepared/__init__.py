"""data/prepared, as the later stages see it: a data set of any kind in one layout and at one image
size.

dataset.json says what the folder cannot: the size of its images, and whether its cameras are known.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from augment import files, paths
from augment.prepared import keypoints

FILE = "dataset.json"
KEYPOINTS = "keypoints.csv"
# What results on such a data set must be read with.
CAMERAS_UNKNOWN = "cameras are not known: gallery images of the query's own camera count"


@dataclass(frozen=True)
class About:
    """What prepare knows of a data set.

    name: as dataset.name
    image_size: (height, width) in px of every image
    cameras_known: False where the images' cameras are not known, or all one: the same-camera rule
    of re-ID scores is then off
    """

    name: str
    image_size: tuple[int, int]
    cameras_known: bool


def about() -> About:
    """Raises FileNotFoundError where prepare has not run, ValueError where another version of it
    has."""
    file = paths.PREPARED / FILE
    if not file.is_file():
        raise FileNotFoundError(
            f"{file}: not found; run `augment prepare` first (`dvc repro` runs all)"
        )
    values = files.read_json(file)
    try:
        return About(**{**values, "image_size": tuple(values["image_size"])})
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{file}: was written by another version ({error}); run `augment prepare` again"
        ) from error


def write(about: About, folder: Path) -> None:
    files.write_json(folder / FILE, asdict(about))


def size() -> tuple[int, int]:
    """(height, width) in px of every prepared image."""
    return about().image_size


def joints() -> dict[str, np.ndarray]:
    """Image name -> keypoints, int64 [18, 2] as (y, x) px at `size`; an image without a row is
    absent.
    """
    return keypoints.read(paths.PREPARED / KEYPOINTS, size())
