"""Keypoints of a file, or of the prepared set, with the images that they are meant for."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from augment import paths, prepared
from augment.annotation import picture_folder
from augment.data import pose_formats


@dataclass(frozen=True)
class Source:
    """Keypoints of one file, the folder with its images: path relative to the folder -> (height,
    width) px, and what of the folder was left alone, in words.
    """

    title: str
    imported: pose_formats.Imported
    folder: Path
    sizes: dict[str, tuple[int, int]]
    others: str = ""


def of_files(
    files: Iterable[Path], folder: Path, format: str | None, threshold: float
) -> list[Source]:
    """Raises as pose_formats.read and picture_folder.find."""
    imported = [(file, pose_formats.read(file, format, threshold)) for file in files]
    pictures = picture_folder.find(folder)
    others = f" (left alone: {pictures.others})" if pictures.others else ""
    return [Source(str(file), one, folder, pictures.sizes, others) for file, one in imported]


def of_prepared() -> list[Source]:
    """The prepared set's own keypoints. Raises FileNotFoundError where prepare has not run."""
    pictures, file = picture_folder.of_prepared(), paths.PREPARED / prepared.KEYPOINTS
    return [Source(str(file), pose_formats.read(file, "patn"), pictures.folder, pictures.sizes)]
