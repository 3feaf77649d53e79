"""Arrays of numbers and texts in .mat files of MATLAB 5 to 7, safe against hostile files.

(scipy's reader is not used because some damaged files make it end the process.) The layout is
MATLAB's, "MAT-File Format", level 5: a header of 128 bytes, then elements: a type and a number of
bytes, 4 bytes each, then the data, padded to 8 bytes. A small element has both numbers in its first
4 bytes and its data in the next 4. An array is an element of elements: flags with its class, its
dimensions, its name, and its contents, which are numbers or characters with the first dimension
running fastest, or the arrays in a cell.
"""

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

MAX_INFLATED = 256 * 2**20  # bytes of all variables, unpacked
MAX_DEPTH = 3  # a list of names is a cell of texts, or of cells of one text
HDF5 = b"\x89HDF\r\n\x1a\n"
MATRIX, COMPRESSED, COMPLEX = 14, 15, 0x08
CLASSES = {
    1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 6: "double", 7: "single",
    8: "int8", 9: "uint8", 10: "int16", 11: "uint16", 12: "int32", 13: "uint32", 14: "int64",
    15: "uint64",
}  # fmt: skip
NUMERIC = tuple(CLASSES[number] for number in range(6, 16))
# Types of numbers in the file, which may be smaller than their class.
STORED = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
LETTERS = {
    1: "latin-1", 2: "latin-1", 3: "utf-16", 4: "utf-16", 16: "utf-8", 17: "utf-16",
    18: "utf-32",
}  # fmt: skip


Order = Literal["little", "big"]


@dataclass(frozen=True)
class Array:
    """A variable.

    kind: a value of CLASSES
    contents: the bytes after its name
    order: byte order
    """

    kind: str
    shape: tuple[int, ...]
    is_complex: bool
    contents: memoryview
    order: Order


def is_mat(head: bytes) -> bool:
    return head.startswith((b"MATLAB", HDF5))


def variables(file: Path) -> dict[str, Array]:
    """All variables by name. Their contents are not read yet.

    Raises:
        ValueError: If the file is from MATLAB 7.3, not of level 5, damaged, or too large when
            unpacked; the message does not name it.
    """
    raw = memoryview(file.read_bytes())
    if bytes(raw[:10]).startswith((HDF5, b"MATLAB 7.3")) or raw[512:520] == HDF5:
        raise ValueError(
            "is a MATLAB 7.3 file, which is HDF5; in MATLAB, save it again with `save(..., '-v7')`"
        )
    if raw[:6] != b"MATLAB" or raw[126:128] not in (b"IM", b"MI"):
        raise ValueError("is not a .mat file of MATLAB 5 to 7")
    order: Order = "little" if raw[126:128] == b"IM" else "big"
    arrays, budget = {}, MAX_INFLATED
    for kind, data, _ in _elements(raw[128:], order):
        if kind == COMPRESSED:
            inside = _inflate(data, budget)
            budget -= len(inside)
            kind, data, _ = _first(inside, order)
        if kind == MATRIX:
            name, array = _array(data, order)
            arrays[name] = array
    return arrays


def numbers(array: Array) -> np.ndarray:
    """The numbers of an array, float64.

    Raises:
        ValueError: If it holds something else, or not as many numbers as it declares.
    """
    if array.kind not in NUMERIC or array.is_complex:
        raise ValueError(
            f"is of type {'complex' if array.is_complex else array.kind}; expected numbers"
        )
    kind, data, _ = _first(array.contents, array.order)
    if kind not in STORED:
        raise ValueError("is damaged: it has no numbers")
    values = np.frombuffer(
        data,
        ("<" if array.order == "little" else ">") + STORED[kind],
        len(data) // int(STORED[kind][1]),
    )
    if len(values) != math.prod(array.shape):
        raise ValueError(
            f"is damaged: it has {len(values):,} numbers and declares {math.prod(array.shape):,}"
        )
    return values.astype(np.float64).reshape(array.shape, order="F")


def texts(array: Array, depth: int = 1) -> list[str]:
    """The texts in a cell, or the rows of a char matrix, stripped.

    Raises:
        ValueError: If the array is neither.
    """
    if array.kind == "char":
        return _rows(array)
    if array.kind != "cell":
        raise ValueError(
            f"is of type {array.kind}; expected a cell array or a char matrix of image names"
        )
    if depth > MAX_DEPTH:
        raise ValueError("holds arrays in arrays in arrays; expected a cell array of texts")
    cells = []
    for kind, data, _ in _elements(array.contents, array.order):
        inside = texts(_array(data, array.order)[1], depth + 1) if kind == MATRIX else []
        if len(inside) != 1:
            raise ValueError("holds a cell that is not a single text")
        cells += inside
    if len(cells) != math.prod(array.shape):
        raise ValueError(
            f"is damaged: it has {len(cells):,} cells and declares {math.prod(array.shape):,}"
        )
    return cells


def _rows(array: Array) -> list[str]:
    kind, data, _ = _first(array.contents, array.order)
    if kind not in LETTERS or len(array.shape) != 2:
        raise ValueError("is damaged: it has no text")
    code = LETTERS[kind] + (
        "" if LETTERS[kind] in ("utf-8", "latin-1") else "-le" if array.order == "little" else "-be"
    )
    letters = bytes(data).decode(code, errors="replace")
    rows, columns = array.shape
    if rows == 1:
        return [letters.strip()]
    if len(letters) != rows * columns or not letters:
        raise ValueError(
            f"is damaged: it has {len(letters):,} characters and declares {rows * columns:,}"
        )
    return [letters[row::rows].strip() for row in range(rows)]


def _elements(data: memoryview, order: Order) -> Iterator[tuple[int, memoryview, int]]:
    """Type and data of each element, and where the next one begins.

    Raises:
        ValueError: If an element reaches beyond the end.
    """
    at = 0
    while at + 8 <= len(data):
        kind, length = (
            int.from_bytes(data[at + place : at + place + 4], order) for place in (0, 4)
        )
        is_small = kind >> 16 > 0
        if is_small:
            kind, length = kind & 0xFFFF, kind >> 16
        start = at + (4 if is_small else 8)
        if start + length > (at + 8 if is_small else len(data)):
            raise ValueError("is damaged: an element reaches beyond its end")
        # Compressed elements are not padded.
        following = (
            at + 8
            if is_small
            else start + (length if kind == COMPRESSED else (length + 7) // 8 * 8)
        )
        yield kind, data[start : start + length], following
        at = following


def _first(data: memoryview, order: Order) -> tuple[int, memoryview, int]:
    return next(_elements(data, order), (0, memoryview(b""), 0))


def _array(data: memoryview, order: Order) -> tuple[str, Array]:
    """Name and array in the data of a MATRIX element."""
    heads = [element for element, _ in zip(_elements(data, order), range(3), strict=False)]
    if len(heads) < 3:
        raise ValueError("is damaged: a variable without class, dimensions or name")
    (_, flags, _), (_, sizes, _), (_, name, end) = heads
    word = int.from_bytes(flags[:4], order)
    shape = tuple(
        int.from_bytes(sizes[at : at + 4], order, signed=True) for at in range(0, len(sizes), 4)
    )
    if word & 0xFF not in CLASSES or not 2 <= len(shape) <= 8 or min(shape) < 0:
        raise ValueError("is damaged: a variable of no known class, or with impossible dimensions")
    return bytes(name).decode("latin-1"), Array(
        CLASSES[word & 0xFF], shape, bool(word >> 8 & COMPLEX), data[end:], order
    )


def _inflate(data: memoryview, max_bytes: int) -> memoryview:
    unpacker = zlib.decompressobj()
    try:
        inside = unpacker.decompress(data, max_bytes + 1)
    except zlib.error as error:
        raise ValueError(f"is damaged ({error})") from None
    if len(inside) > max_bytes:
        raise ValueError(f"unpacks to more than {MAX_INFLATED:,} bytes")
    return memoryview(inside)
