"""Label maps that people have edited: one number a pixel, or the colours of our labels, as any
paint program saves them.

A paint program may reorder a palette, turn a map into RGB, or soften borders. So colours count
before numbers, and a few pixels of mixed colour take a label that stands beside them.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from augment.images import untrusted
from generators.body.parsing import COLOURS, LABELS

FORMATS = ("PNG", "BMP", "TIFF")  # without loss
SNAPPED = 0.02  # share of pixels of unknown colour that are still read as softened borders
_REACH_PX = 2  # how far from such a pixel its label must stand


def read(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """Labels of generators.parsing, uint8 [H, W], of a label or colour PNG (or BMP, TIFF).

    size: what the map must measure.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no picture, of another size, or holds labels or colours that are none of
            ours.
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
    except ValueError:  # a picture, with a colour a pixel
        return _softened(path, colours, labels)
    if numbers.dtype != np.uint8:  # 16 bits have no palette
        return _checked(path, numbers)
    if (labels >= 0).all():
        return labels.astype(np.uint8)
    # Of a palette in our colours, whatever their order, most that is not black is known; of a grey
    # map nothing is.
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
    """The label of each pixel's colour, int8 [H, W]; -1 for colours that are none of ours."""
    found = np.full(colours.shape[:2], -1, np.int8)
    for label, colour in enumerate(COLOURS):
        found[(colours == colour).all(2)] = label
    return found


def _softened(path: Path, colours: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Labels with few unknown colours: each takes, of the labels within two pixels, that of the
    nearest colour.
    """
    unknown = np.argwhere(labels < 0)
    palette = np.array(COLOURS)
    found = labels.copy()
    lost = [] if len(unknown) <= SNAPPED * labels.size else unknown[:1].tolist()
    for y, x in [] if lost else unknown:
        beside = labels[
            max(y - _REACH_PX, 0) : y + _REACH_PX + 1, max(x - _REACH_PX, 0) : x + _REACH_PX + 1
        ]
        beside = np.unique(beside[beside >= 0])
        if not len(beside):
            lost.append([y, x])
            continue
        found[y, x] = beside[np.abs(palette[beside] - colours[y, x]).sum(1).argmin()]
    if lost:
        y, x = lost[0]
        red, green, blue = colours[y, x].tolist()
        raise ValueError(
            f"{path}: {len(unknown):,} of {labels.size:,} pixels have a colour of no label, as ({red}, {green}, {blue}) at row "
            f"{y} column {x}. Draw with a hard brush in these colours: "
            + ", ".join(f"{name} {colour}" for name, colour in zip(LABELS, COLOURS, strict=True))
            + f". Up to {SNAPPED:.0%} may be softened borders"
        )
    return found.astype(np.uint8)


def resized(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Labels [H, W] at another size, each pixel that of the nearest."""
    return np.asarray(Image.fromarray(labels).resize(size[::-1], Image.Resampling.NEAREST))


def picture(labels: np.ndarray) -> Image.Image:
    """Labels uint8 [H, W] as a palette picture in the labels' colours."""
    image = Image.fromarray(labels)
    image.putpalette(np.array(COLOURS, np.uint8).tobytes())
    return image
