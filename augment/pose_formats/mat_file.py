"""Whether a .mat file may be handed to scipy: its kind, its size unpacked, and how deep its cells are nested.

The layout is MATLAB's: "MAT-File Format", level 5. A header of 128 bytes, then elements: a type and a number of bytes, 4 bytes
each, then the data, padded to 8 bytes. A small element has both numbers in its first 4 bytes and its data in the next 4.
"""

import zlib
from pathlib import Path

MAX_INFLATED = 256 * 2**20  # bytes of all variables, unpacked
MAX_DEPTH = 3  # a list of names is a cell of texts, or of cells of one text
HDF5 = b"\x89HDF\r\n\x1a\n"
MATRIX, COMPRESSED = 14, 15
NESTING = (1, 2, 3)  # classes of arrays that hold arrays: cell, struct, object


def is_mat(head: bytes) -> bool:
    return head.startswith((b"MATLAB", HDF5))


def check(file: Path) -> None:
    """ValueError where the file is of MATLAB 7.3, none of level 5, too large unpacked, or nested too deeply."""
    raw = file.read_bytes()
    if raw.startswith((HDF5, b"MATLAB 7.3")) or raw[512:520] == HDF5:
        raise ValueError(f"{file}: is a MATLAB 7.3 file, which is HDF5; in MATLAB, save it again with `save(..., '-v7')`")
    if not raw.startswith(b"MATLAB") or raw[126:128] not in (b"IM", b"MI"):
        raise ValueError(f"{file}: is no .mat file of MATLAB 5 to 7")
    order = "little" if raw[126:128] == b"IM" else "big"
    at, inflated = 128, 0
    while at + 8 <= len(raw):
        kind, length, start = _tag(raw, at, order)
        if kind == COMPRESSED:
            inside = _inflate(raw[start : start + length], MAX_INFLATED - inflated, file)
            inflated += len(inside)
            _check_depth(inside, order, file)
        at = start + length
    _check_depth(raw[128:], order, file)


def _tag(data: bytes, at: int, order: str) -> tuple[int, int, int]:
    """Type, bytes and start of the data of the element at `at`."""
    kind = int.from_bytes(data[at : at + 4], order)
    if kind >> 16:
        return kind & 0xFFFF, kind >> 16, at + 4
    return kind, int.from_bytes(data[at + 4 : at + 8], order), at + 8


def _inflate(data: bytes, room: int, file: Path) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        inside = unpacker.decompress(data, room + 1)
    except zlib.error as error:
        raise ValueError(f"{file}: is no readable .mat file ({error})") from None
    if len(inside) > room:
        raise ValueError(f"{file}: unpacks to more than {MAX_INFLATED:,} bytes")
    return inside


def _check_depth(data: bytes, order: str, file: Path) -> None:
    """scipy follows nested arrays by recursion in C, where too many of them end the process."""
    waiting = [(0, len(data), 0)]
    while waiting:
        at, end, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ValueError(f"{file}: arrays in arrays in arrays; a list of names is a cell array of texts")
        while at + 8 <= end:
            kind, length, start = _tag(data, at, order)
            small = start == at + 4
            flags = start + (8 if order == "little" else 11)
            if kind == MATRIX and start + 16 <= end and data[flags] in NESTING:
                waiting.append((start, min(start + length, end), depth + 1))
            at = at + 8 if small else start + (length + 7) // 8 * 8
