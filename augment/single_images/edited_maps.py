"""Edited label maps: saved by a paint program, or edited by label names ("trousers->skirt").

A map has one label number per pixel, or the colours of our labels. A paint program may reorder a
palette, convert a map to RGB, or soften borders. So colours take precedence over numbers, and a few
pixels of mixed colour take an adjacent label.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from augment.images import untrusted
from generators.body.parsing import COLOURS, LABELS

FORMATS = ("PNG", "BMP", "TIFF")  # lossless
SNAPPED = 0.02  # share of pixels of unknown colour up to which these are read as softened borders
_REACH_PX = 2  # largest distance of such a pixel from its label


def read(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """Read labels of generators.body.parsing, uint8 [H, W], from a PNG (or BMP, TIFF).

    Args:
        size: the (height, width) that the map must have.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If the file is not an image, has another size, or holds unknown labels or
            colours.
    """
    image = untrusted.read(path, FORMATS)
    if size is not None and (image.height, image.width) != tuple(size):
        raise ValueError(
            f"{path}: is {image.height} x {image.width} px; its image is {size[0]} x {size[1]}"
        )
    colours = np.asarray(image)
    labels = _of_colours(colours)
    try:
        numbers = untrusted.read_labels(path)
    except ValueError:  # an image with one colour per pixel
        return _softened(path, colours, labels)
    if numbers.dtype != np.uint8:  # 16 bits have no palette
        return _checked(path, numbers)
    if (labels >= 0).all():
        return labels.astype(np.uint8)
    # In a palette with our colours, in any order, most pixels other than black are known; in a grey
    # map none are.
    coloured = colours.any(2)
    return (
        _softened(path, colours, labels)
        if (labels >= 0)[coloured].mean() > 0.5
        else _checked(path, numbers)
    )


def _checked(path: Path, labels: np.ndarray) -> np.ndarray:
    if (highest := int(labels.max(initial=0))) >= len(LABELS):
        y, x = np.argwhere(labels == highest)[0]
        raise ValueError(
            f"{path}: holds label {highest}, at row {y} column {x}; labels are 0 ({LABELS[0]}) to {len(LABELS) - 1} "
            f"({LABELS[-1]})"
        )
    return labels.astype(np.uint8)


def _of_colours(colours: np.ndarray) -> np.ndarray:
    """The label of each pixel's colour, int8 [H, W]; -1 for unknown colours."""
    labels = np.full(colours.shape[:2], -1, np.int8)
    for label, colour in enumerate(COLOURS):
        labels[(colours == colour).all(2)] = label
    return labels


def _softened(path: Path, colours: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Resolve a few pixels of unknown colour.

    Each takes the label with the nearest colour among the labels within two pixels.
    """
    unknown = np.argwhere(labels < 0)
    palette = np.array(COLOURS)
    resolved = labels.copy()
    lost = [] if len(unknown) <= SNAPPED * labels.size else unknown[:1].tolist()
    for y, x in [] if lost else unknown:
        near = labels[
            max(y - _REACH_PX, 0) : y + _REACH_PX + 1, max(x - _REACH_PX, 0) : x + _REACH_PX + 1
        ]
        near = np.unique(near[near >= 0])
        if not len(near):
            lost.append([y, x])
            continue
        resolved[y, x] = near[np.abs(palette[near] - colours[y, x]).sum(1).argmin()]
    if lost:
        y, x = lost[0]
        red, green, blue = colours[y, x].tolist()
        raise ValueError(
            f"{path}: {len(unknown):,} of {labels.size:,} pixels have a colour of no label, e.g. ({red}, {green}, {blue}) "
            f"at row {y} column {x}. Draw with a hard brush in these colours: "
            + ", ".join(f"{name} {colour}" for name, colour in zip(LABELS, COLOURS, strict=True))
            + f". Up to {SNAPPED:.0%} may be softened borders"
        )
    return resolved.astype(np.uint8)


def resized(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Labels [H, W] at another size, by nearest neighbour."""
    return np.asarray(Image.fromarray(labels).resize((size[1], size[0]), Image.Resampling.NEAREST))


def parse_edits(texts: Sequence[str]) -> dict[int, int]:
    """Label -> the label it becomes, from texts such as "trousers->skirt".

    Raises:
        ValueError: If a text is not an edit, a label is unknown, or a label is edited twice.
    """
    edits: dict[int, int] = {}
    for text in texts:
        names = [name.strip() for name in text.split("->")]
        if len(names) != 2:
            raise ValueError(
                f"--edit {text!r}: expected FROM->TO, such as 'trousers->skirt' (in quotes, for the shell)"
            )
        for name in names:
            if name not in LABELS:
                raise ValueError(
                    f"--edit {text!r}: unknown label {name!r}; available: {', '.join(LABELS)}"
                )
        old, new = map(LABELS.index, names)
        if old in edits:
            raise ValueError(
                f"--edit {text!r}: {names[0]} is edited already; each label can become one other"
            )
        edits[old] = new
    return edits


def relabelled(labels: np.ndarray, edits: dict[int, int]) -> np.ndarray:
    """Labels uint8 [H, W] after all edits at once.

    Raises:
        ValueError: If the map does not show a label that is edited.
    """
    for old in edits:
        if not (labels == old).any():
            shown = ", ".join(LABELS[label] for label in np.unique(labels))
            raise ValueError(f"--edit: the map shows no {LABELS[old]}; it shows {shown}")
    table = np.arange(len(LABELS), dtype=np.uint8)
    for old, new in edits.items():
        table[old] = new
    return table[labels]
