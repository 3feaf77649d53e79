"""Parsing maps of index rows: imported, read beside the images, or drawn from the keypoints."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from augment import paths
from augment.images import read_labels

if TYPE_CHECKING:
    import torch

FOLDER = "parsing"


def import_maps(files: Mapping[str, Path], labels: str, size: tuple[int, int], folder: Path) -> None:
    """Parsing maps with `labels` (generators.parsing.merge), at `size`, into `folder`.

    files: name of an image in data/prepared -> its label map.

    Raises:
        ValueError: a file is no label map, or has a label that `labels` does not.
    """
    import torch

    from generators.parsing import COLOURS, merge

    folder.mkdir(parents=True, exist_ok=True)
    for name, file in files.items():
        given = torch.from_numpy(read_labels(file).astype(np.int64))[None]
        try:
            merged = merge(given, labels)
        except ValueError as error:
            raise ValueError(f"{file}: {error} (params.yaml: dataset.parsing.labels)") from error
        picture = Image.fromarray(merged[0].numpy().astype(np.uint8)).resize(size[::-1], Image.Resampling.NEAREST)
        picture.putpalette(np.array(COLOURS, np.uint8).tobytes())
        picture.save((folder / name).with_suffix(".png"))


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
