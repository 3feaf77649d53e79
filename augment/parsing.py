"""Parsing maps of index rows: imported, read beside the images, or drawn from the keypoints."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from augment import paths

if TYPE_CHECKING:
    import torch

FOLDER = "parsing"


def import_maps(root: Path, labels: str, names: Iterable[str], folder: Path) -> None:
    """Parsing maps of the images `names`, root/<name>.png with `labels` (generators.parsing.merge), into `folder`.

    Raises:
        ValueError: a file is missing or no label map, or has a label that `labels` does not.
    """
    import torch

    from generators.parsing import COLOURS, merge

    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        file = root / Path(name).with_suffix(".png").name
        try:
            with Image.open(file) as image:
                given = np.asarray(image)
        except OSError as error:
            raise ValueError(f"{file}: not a readable label map ({error}); dataset.parsing wants one of every image") from error
        if given.ndim != 2 or given.dtype != np.uint8:
            raise ValueError(f"{file}: is a picture, {image.mode}; a label map has one number a pixel (a grey or palette PNG)")
        try:
            merged = merge(torch.tensor(given)[None], labels)
        except ValueError as error:
            raise ValueError(f"{file}: {error} (params.yaml: dataset.parsing.labels)") from error
        picture = Image.fromarray(merged[0].numpy())
        picture.putpalette(np.array(COLOURS, np.uint8).tobytes())
        picture.save(folder / file.name)


def read(images: Sequence[str], size: tuple[int, int]) -> "torch.Tensor | None":
    """Labels of `generators.parsing`, uint8 [N, H, W] at `size`; None where the data set has no parsing maps.

    Raises:
        ValueError: there are parsing maps, but not of every image, or one holds other labels.
    """
    import torch

    from generators.parsing import LABELS

    folder = paths.PREPARED / FOLDER
    if not folder.is_dir():
        return None
    labels = np.empty((len(images), *size), np.uint8)
    for number, path in enumerate(images):
        file = folder / Path(path).with_suffix(".png").name
        if not file.is_file():
            raise ValueError(f"{file}: not found; other images of {paths.PREPARED} have a parsing map")
        with Image.open(file) as image:
            labels[number] = np.asarray(image.resize((size[1], size[0]), Image.Resampling.NEAREST))
        if (highest := int(labels[number].max(initial=0))) >= len(LABELS):
            raise ValueError(f"{file}: holds label {highest}; labels are 0 ({LABELS[0]}) to {len(LABELS) - 1} ({LABELS[-1]})")
    return torch.from_numpy(labels)


def of_kind(kind: str, images: Sequence[str], points: "torch.Tensor", size: tuple[int, int]) -> "torch.Tensor":
    """The parsing maps a generator asks for, uint8 [N, H, W]: `files`, or `from_keypoints` of points [N, 18, 2] at `size`.

    Raises:
        ValueError: the data set has no files; or as `read`.
    """
    from generators.parsing import from_keypoints

    if kind == "from_keypoints":
        return from_keypoints(points, size)
    labels = read(images, size)
    if labels is None:
        raise ValueError(
            f"{paths.PREPARED / FOLDER}: not found; the data set has no parsing maps: set the generator's "
            "`parsing: from_keypoints` for coarse ones"
        )
    return labels
