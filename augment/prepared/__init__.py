"""data/prepared, which the later stages read: any data set in one layout and at one image size.

dataset.json holds the size of its images, and whether its cameras are known.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from augment import files, paths
from augment.prepared import keypoints

FILE = "dataset.json"
KEYPOINTS = "keypoints.csv"
# Caveat for results on such a data set.
CAMERAS_UNKNOWN = "cameras are not known: gallery images of the query's own camera count"


@dataclass(frozen=True)
class About:
    """Facts about the prepared data set.

    name: dataset.name of params.yaml
    image_size: (height, width) in px of every image
    cameras_known: False if the images' cameras are unknown, or all the same; re-ID scores are then
        computed without the same-camera rule
    """

    name: str
    image_size: tuple[int, int]
    cameras_known: bool


def about() -> About:
    """Read dataset.json.

    Raises:
        FileNotFoundError: If prepare has not run.
        ValueError: If another version of it has written the file.
    """
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
    """Keypoints by image name: int64 [18, 2] as (y, x) px at `size`.

    Images without a row are absent.
    """
    return keypoints.read(paths.PREPARED / KEYPOINTS, size())
