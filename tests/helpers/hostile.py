"""Files as nobody should send them, each written by a function that returns its path."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

PICTURE = np.random.default_rng(0).integers(0, 256, (128, 64, 3), dtype=np.uint8)


def png_header(path: Path, height: int, width: int) -> Path:
    """A PNG of a few bytes whose header promises height x width px."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"")), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(data))
    return path


def truncated(path: Path) -> Path:
    Image.fromarray(PICTURE).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def gif(path: Path) -> Path:
    Image.fromarray(PICTURE).save(path, "GIF")
    return path


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def link(path: Path, to: Path) -> Path:
    path.symlink_to(to)
    return path


def cmyk(path: Path) -> Path:
    Image.fromarray(PICTURE).convert("CMYK").save(path, "JPEG", quality=95)
    return path


def sixteen_bits(path: Path) -> Path:
    """Grey, from black at the left to white at the right."""
    Image.fromarray(np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (128, 1))).save(
        path, "PNG"
    )
    return path


def rotated(path: Path) -> Path:
    """128 high and 64 wide as it is meant to be seen, by EXIF's orientation 6; red at its top."""
    upright = np.zeros((128, 64, 3), np.uint8)
    upright[:32, :, 0] = 255
    exif = Image.Exif()
    exif[0x0112] = (
        6  # the camera was held turned: a viewer turns the stored picture by 90 degrees clockwise
    )
    Image.fromarray(np.rot90(upright)).save(path, "JPEG", exif=exif, quality=95)
    return path


def with_newline(folder: Path) -> Path:
    path = folder / "0001_c1s1_000001\n_01.jpg"
    Image.fromarray(PICTURE).save(path, "JPEG")
    return path


def with_foreign_bytes(folder: Path) -> Path:
    path = folder / os.fsdecode(b"0001_c1s1_\xff_01.jpg")
    Image.fromarray(PICTURE).save(path, "JPEG")
    return path


class _Code:
    """Pickled, it makes the folder `mark` where it is unpickled."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def malicious_checkpoint(path: Path, mark: Path, zipped: bool = True) -> Path:
    """A file of torch that makes the folder `mark` if its pickle is run; returns `mark`."""
    import torch

    contents = {"format": _Code(mark), "model.stream1_down.1.weight": torch.zeros(2)}
    torch.save(contents, path, _use_new_zipfile_serialization=zipped)
    return mark


def malicious_array(path: Path, mark: Path) -> Path:
    """A .npy file that makes the folder `mark` if its pickle is run; returns `mark`."""
    array = np.empty(1, object)
    array[0] = _Code(mark)
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=True)
    return mark
