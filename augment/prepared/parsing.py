"""Parsing maps of index rows: imported, read next to the images, or drawn from the keypoints."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from augment import paths
from augment.files import whole
from augment.prepared import label_files
from generators.body.parsing import COLOURS, LABELS, from_keypoints, merge

FOLDER = "parsing"


def import_maps(
    files: Mapping[str, Path], labels: str, size: tuple[int, int], folder: Path
) -> None:
    """Import parsing maps (label_files.py) into `folder`, resized to `size` by nearest neighbour.

    Args:
        files: image name in data/prepared -> file.
        labels: the labels of the files, as in generators.body.parsing.merge.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is not a label map, or has a label that is not one of `labels`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in tqdm(files.items(), desc="parsing maps", unit="map", disable=None):
        try:
            merged = merged_labels(label_files.read(file, labels), labels)
        except ValueError as error:
            text = str(error) if str(error).startswith(str(file)) else f"{file}: {error}"
            raise ValueError(f"{text} (params.yaml: dataset.parsing.labels is {labels})") from error
        save(merged, folder / Path(name).with_suffix(".png").name, size)


def merged_labels(label_map: np.ndarray, labels: str) -> np.ndarray:
    """Merge a parser's labels, int64 [H, W], to the ten of generators.body.parsing, uint8.

    Raises:
        ValueError: If the map has a label that is not one of `labels`.
    """
    return merge(torch.from_numpy(label_map)[None], labels)[0].numpy()


def picture(labels: np.ndarray) -> Image.Image:
    """Convert labels, uint8 [H, W], to a palette image in the labels' colours."""
    image = Image.fromarray(labels)
    image.putpalette(np.array(COLOURS, np.uint8).tobytes())
    return image


def save(labels: np.ndarray, file: Path, size: tuple[int, int] | None = None) -> None:
    """Write a map of the ten labels, uint8 [H, W], as a PNG with their palette.

    Args:
        size: (height, width) to resize the map to; by default it keeps its size.
    """
    if size is not None and size != labels.shape:
        resized = Image.fromarray(labels).resize((size[1], size[0]), Image.Resampling.NEAREST)
        labels = np.asarray(resized)
    with whole(file) as temporary:
        picture(labels).save(temporary)


def read(images: Sequence[str], size: tuple[int, int]) -> torch.Tensor | None:
    """Labels of `generators.body.parsing`, uint8 [N, H, W] at `size`.

    Returns:
        None if the data set has no parsing maps.

    Raises:
        ValueError: If some images have a parsing map and others do not, or one holds other labels.
    """
    folder = paths.PREPARED / FOLDER
    if not folder.is_dir():
        return None
    labels = np.empty((len(images), *size), np.uint8)
    for number, path in enumerate(images):
        file = folder / Path(path).with_suffix(".png").name
        if not file.is_file():
            raise ValueError(
                f"{file}: not found; other images of {paths.PREPARED} have a parsing map"
            )
        with Image.open(file) as image:
            labels[number] = np.asarray(image.resize((size[1], size[0]), Image.Resampling.NEAREST))
        if (highest := int(labels[number].max(initial=0))) >= len(LABELS):
            raise ValueError(
                f"{file}: holds label {highest}; labels are 0 ({LABELS[0]}) to {len(LABELS) - 1} ({LABELS[-1]})"
            )
    return torch.from_numpy(labels)


def of_kind(
    kind: str, images: Sequence[str], points: torch.Tensor, size: tuple[int, int]
) -> torch.Tensor:
    """The parsing maps that a generator uses, uint8 [N, H, W].

    Args:
        kind: `files`, or `from_keypoints`, drawn from `points`.
        points: keypoints [N, 18, 2] at `size`.

    Raises:
        ValueError: If `kind` is `files` and the data set has none; or as `read`.
    """
    if kind == "from_keypoints":
        return from_keypoints(points, size)
    labels = read(images, size)
    if labels is None:
        raise ValueError(
            f"{paths.PREPARED / FOLDER}: not found; the data set has no parsing maps: set the generator's "
            "`parsing: from_keypoints` for coarse ones"
        )
    return labels
