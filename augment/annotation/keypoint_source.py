"""Keypoints of a file, or of the prepared set, with their images."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from augment import paths, prepared
from augment.annotation import picture_folder
from augment.data import pose_formats


@dataclass(frozen=True)
class Source:
    """Keypoints of one file, and the folder with its images.

    sizes: path relative to the folder -> (height, width) px
    others: what of the folder was not read, in words
    """

    title: str
    imported: pose_formats.Imported
    folder: Path
    sizes: dict[str, tuple[int, int]]
    others: str = ""


def of_files(
    files: Iterable[Path], folder: Path, format: str | None, threshold: float
) -> list[Source]:
    """Read keypoint files of the images in a folder.

    Raises:
        FileNotFoundError, ValueError: As pose_formats.read and picture_folder.find.
    """
    read = [(file, pose_formats.read(file, format, threshold)) for file in files]
    pictures = picture_folder.find(folder)
    others = f" (not read: {pictures.others})" if pictures.others else ""
    return [Source(str(file), imported, folder, pictures.sizes, others) for file, imported in read]


def of_prepared() -> list[Source]:
    """The keypoints of the prepared set.

    Raises:
        FileNotFoundError: If prepare has not run.
    """
    pictures, file = picture_folder.of_prepared(), paths.PREPARED / prepared.KEYPOINTS
    return [Source(str(file), pose_formats.read(file, "patn"), pictures.folder, pictures.sizes)]
