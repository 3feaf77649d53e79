"""Readers of label maps from elsewhere.

These are PNGs of grey numbers or with a palette, PNGs in the colours of a known code, and .npy
arrays.
"""

from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from augment.images import untrusted
from generators.body.parsing import COLOURS, table

# Colours of LIP's and CIHP's parsers by label (label_colours of LIP_JPPNet and CIHP_PGN).
LIP_COLOURS = (
    (0, 0, 0), (128, 0, 0), (255, 0, 0), (0, 85, 0), (170, 0, 51), (255, 85, 0), (0, 0, 85),
    (0, 119, 221), (85, 85, 0), (0, 85, 85), (85, 51, 0), (52, 86, 128), (0, 128, 0),
    (0, 0, 255), (51, 170, 221), (0, 255, 255), (85, 255, 170), (170, 255, 85), (255, 255, 0),
    (255, 170, 0),
)  # fmt: skip


def read(file: Path, labels: str) -> np.ndarray:
    """Read a label map, int64 [H, W].

    Args:
        labels: ten, lip20, cihp20 or atr18, the meaning of the numbers; it decides the colour codes
            of a PNG in RGB.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not a label map, too large, or in colours of no code or of two; the
            message names the file.
    """
    if file.suffix.lower() == ".npy":
        return _read_npy(file)
    try:
        return untrusted.read_labels(file).astype(np.int64)
    except ValueError as error:
        if ": is a picture, RGB" not in str(error):
            raise
    return _of_colours(np.asarray(untrusted.read(file, ("PNG", "BMP", "TIFF"))), file, labels)


def codes(labels: str) -> dict[str, np.ndarray]:
    """Colour codes in which maps of these labels are drawn: name -> uint8 [L, 3]."""
    if labels == "ten":
        return {"ten": np.array(COLOURS, np.uint8)}
    colours = {"VOC": voc_colours(len(table(labels)))}
    if labels in ("lip20", "cihp20"):
        colours["LIP"] = np.array(LIP_COLOURS, np.uint8)
    return colours


def voc_colours(number: int) -> np.ndarray:
    """PASCAL VOC's colours, uint8 [number, 3] (Everingham et al., VOC development kit).

    Bits 0, 1 and 2 of a label are the highest bits of red, green and blue, bits 3, 4 and 5 the next
    ones, and so on.
    """
    label, colours = np.arange(number)[:, None], np.zeros((number, 3), np.uint8)
    for place in range(7, -1, -1):
        colours |= ((label >> np.arange(3)) & 1).astype(np.uint8) << place
        label = label >> 3
    return colours


def _of_colours(pixels: np.ndarray, file: Path, labels: str) -> np.ndarray:
    keys = pixels.astype(np.int64) @ (1 << 16, 1 << 8, 1)
    present = np.unique(keys)
    readings = {}
    for name, colours in codes(labels).items():
        label_of = {
            int(key): label
            for label, key in enumerate(colours.astype(np.int64) @ (1 << 16, 1 << 8, 1))
        }
        if all(int(key) in label_of for key in present):
            readings[name] = np.array([label_of[int(key)] for key in present])[
                np.searchsorted(present, keys)
            ]
    if not readings:
        raise ValueError(
            f"{file}: is a picture, RGB, with colours other than those of {labels} ({' or '.join(codes(labels))}); a label map "
            "has one number per pixel (a grey or palette PNG, or a .npy)"
        )
    first, *others = readings.values()
    if any((other != first).any() for other in others):
        raise ValueError(
            f"{file}: its colours mean different labels in the codes of {' and '.join(readings)}: save numbers, as a grey or "
            "palette PNG or a .npy"
        )
    return first


def _read_npy(file: Path) -> np.ndarray:
    """An array of integers [H, W] or [1, H, W]; its header is checked before it is loaded."""
    if not file.is_file():
        raise FileNotFoundError(f"{file}: not found")
    try:
        with file.open("rb") as opened:
            version = npy.read_magic(opened)
            header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = header(opened)
            start = opened.tell()
    except (ValueError, EOFError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"{file}: is not a readable .npy array ({str(error)[:80]})") from None
    if dtype.kind not in "iu":
        kind = "Python objects, which are not loaded" if dtype.hasobject else str(dtype)
        raise ValueError(f"{file}: holds {kind}; a label map has integers")
    if len(shape) == 3 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) != 2 or min(shape) < 1:
        raise ValueError(
            f"{file}: has the shape {' x '.join(map(str, shape))}; a label map is height x width"
        )
    if shape[0] * shape[1] > untrusted.MAX_PIXELS:
        raise ValueError(
            f"{file}: {shape[0]:,} x {shape[1]:,} labels by its header; maps have at most {untrusted.MAX_PIXELS:,}"
        )
    if file.stat().st_size != start + shape[0] * shape[1] * dtype.itemsize:
        raise ValueError(
            f"{file}: has {file.stat().st_size - start:,} bytes of labels, but its header declares another number"
        )
    labels = np.load(file, allow_pickle=False).reshape(shape)
    if labels.max() > np.iinfo(np.uint16).max or labels.min() < 0:
        raise ValueError(
            f"{file}: holds labels from {labels.min()} to {labels.max()}; labels are 0 to 65,535"
        )
    return labels.astype(np.int64)
