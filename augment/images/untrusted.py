"""Reads images from elsewhere, which may be decompression bombs.

The header is checked before anything is decoded. All pictures that this project has not written
itself are opened here.
"""

import struct
import unicodedata
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

MAX_PIXELS = 64_000_000  # a large photograph; a crop of a person has a thousandth of that
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM")
# Recognised only to be named in the error message; never decoded.
_REFUSED = ("GIF",)
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm")
_ORIENTATION = 0x0112  # EXIF tag; 1 is upright, 5 to 8 are rotated by 90 degrees
# What Pillow raises for damaged files.
_BROKEN = (
    OSError, EOFError, SyntaxError, ValueError, LookupError, TypeError, OverflowError,
    struct.error, zlib.error,
)  # fmt: skip
# What the last bytes of a complete file hold.
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}
_TAIL_BYTES = 1024


@dataclass(frozen=True)
class Header:
    """Header of an image file.

    format: one of FORMATS
    mode: Pillow's mode, RGB for most
    size: (height, width) in px of the picture as `read` returns it
    upright: False if EXIF rotates or mirrors it
    """

    format: str
    mode: str
    size: tuple[int, int]
    upright: bool


def read(path: Path, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """Decode a picture as upright RGB.

    EXIF's rotation is applied, 16 bits are reduced to 8, CMYK and grey are converted to RGB, and
    transparent pixels become white.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is empty, not an image, of another format by its content, too large by its
            header, or truncated; the message names the file.
    """
    with _open(path, formats) as (image, kind):
        image.load()
        if _orientation(image, kind) != 1:
            image = ImageOps.exif_transpose(image)
        return _convert(image)


def check(path: Path, formats: tuple[str, ...] = FORMATS) -> Header:
    """Read a file's header; the picture is decoded only if the file looks truncated.

    Raises:
        FileNotFoundError, ValueError: As `read`.
    """
    with _open(path, formats) as (image, kind):
        turned = _orientation(image, kind)
        size = (
            (image.width, image.height) if turned in (5, 6, 7, 8) else (image.height, image.width)
        )
        header = Header(kind, image.mode, size, turned == 1)
        if not _seems_whole(path, kind):
            image.load()
    return header


def read_labels(path: Path) -> np.ndarray:
    """Read a label map, uint8 or uint16 [H, W], from a grey or palette PNG (or BMP, TIFF).

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: As `read`, or if the file is a picture in colour.
    """
    with _open(path, ("PNG", "BMP", "TIFF")) as (image, _):
        image.load()
    if image.mode not in ("L", "P", "1", "I;16", "I;16B", "I;16L", "I"):
        raise ValueError(
            f"{path}: is a picture, {image.mode}; a label map has one number per pixel (a grey or palette PNG)"
        )
    labels = np.asarray(image)
    return labels if labels.dtype == np.uint8 else labels.astype(np.uint16)


def check_inside(path: Path, root: Path) -> None:
    """Check that `path` lies inside the folder `root`.

    Raises:
        ValueError: If it leaves `root` by `..`, as an absolute path, or through a symbolic link.
    """
    if not path.resolve().is_relative_to(root.resolve()):
        is_link = ".." not in path.parts and path.absolute().is_relative_to(root.absolute())
        through = " through a symbolic link" if is_link else ""
        raise ValueError(
            f"{str(path)!r}: lies outside {root}{through}; only files inside it are read"
        )


def check_name(path: Path) -> None:
    """Check that a file's name can be written to a table.

    Raises:
        ValueError: If it is not plain text.
    """
    name = str(path)
    for letter in name:
        # Python represents bytes that are not UTF-8 as surrogates, Cs.
        if kind := {"Cc": "a control character", "Cs": "bytes that are not UTF-8"}.get(
            unicodedata.category(letter)
        ):
            raise ValueError(f"{ascii(name)}: the name holds {kind}; rename the file")


@contextmanager
def _open(path: Path, formats: tuple[str, ...]) -> Iterator[tuple[Image.Image, str]]:
    """Open a picture by reading only its header; yields the picture and its format."""
    if not path.exists():
        raise FileNotFoundError(f"{path}: not found")
    if not path.is_file():  # opening a pipe would hang
        raise ValueError(f"{path}: is a folder, pipe or device, not a file")
    if not path.stat().st_size:
        raise ValueError(f"{path}: is empty")
    try:
        with warnings.catch_warnings():
            # Warnings of bombs, for which our limit is lower, and of unreadable metadata.
            warnings.filterwarnings("ignore", module=r"PIL\.")
            with Image.open(path, formats=(*FORMATS, *_REFUSED)) as image:
                # MPO is a JPEG followed by further pictures.
                kind = "JPEG" if image.format == "MPO" else str(image.format)
                if kind not in formats:
                    raise ValueError(
                        f"{path}: is a {kind} file by its content; expected {', '.join(formats)}"
                    )
                if image.width * image.height > MAX_PIXELS:
                    raise ValueError(
                        _too_large(path, f"{image.height:,} x {image.width:,} px by its header")
                    )
                yield image, kind
    except Image.DecompressionBombError as error:
        raise ValueError(_too_large(path, "far too many pixels by its header")) from error
    except _BROKEN as error:
        if str(error).startswith(f"{path}: "):
            raise
        raise ValueError(f"{path}: cannot be decoded ({error}); restore or remove it") from error


def _orientation(image: Image.Image, kind: str) -> int:
    """EXIF orientation, 1 to 8.

    If a PNG has no EXIF data, Pillow would look for it behind the pixels and so decode the picture;
    this is avoided.
    """
    if "exif" not in image.info and kind != "TIFF":
        return 1
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except _BROKEN:
        return 1
    return orientation if orientation in range(1, 9) else 1


def _seems_whole(path: Path, kind: str) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return kind in _ENDS and _ENDS[kind] in file.read()


def _too_large(path: Path, size: str) -> str:
    return f"{path}: {size}; images have at most {MAX_PIXELS:,}"


def _convert(image: Image.Image) -> Image.Image:
    # 16 bits: keep the upper 8; Pillow's own conversion clips at 255.
    if image.mode.startswith("I"):
        image = Image.fromarray(
            (np.asarray(image).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8)
        )
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image)
        image = white
    return image.convert("RGB")
