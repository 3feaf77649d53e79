"""Images from elsewhere. They are bombs until proven otherwise: what a header promises is checked
before anything is decoded.

Every reader of pictures that this project has not written itself opens them here.
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

MAX_PIXELS = 64_000_000  # a camera's photograph; a crop of a person has a thousandth of that
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM")
# Recognised to be named in the refusal; nothing of them is decoded.
_REFUSED = ("GIF",)
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm")
_ORIENTATION = 0x0112  # of EXIF; 1 is upright, 5 to 8 lie on their side
# What Pillow raises for bytes that are not as they should be.
_BROKEN = (
    OSError, EOFError, SyntaxError, ValueError, LookupError, TypeError, OverflowError,
    struct.error, zlib.error,
)  # fmt: skip
# What the last bytes of a whole file hold.
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}
_TAIL_BYTES = 1024


@dataclass(frozen=True)
class Header:
    """What a file says of its picture.

    format: as in FORMATS
    mode: Pillow's, RGB for most
    size: (height, width) in px of the picture as `read` returns it
    upright: False where EXIF turns or mirrors it
    """

    format: str
    mode: str
    size: tuple[int, int]
    upright: bool


def read(path: Path, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """A picture as RGB, decoded whole and upright: EXIF's rotation is carried out, 16 bits become
    8, CMYK and grey become RGB, and what is transparent becomes white.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is empty, no image, of another format by its content, too large by its
            header, or cut short; the message names the file.
    """
    with _open(path, formats) as (image, kind):
        image.load()
        if _orientation(image, kind) != 1:
            image = ImageOps.exif_transpose(image)
        return _convert(image)


def check(path: Path, formats: tuple[str, ...] = FORMATS) -> Header:
    """A file's header, decoding the picture only where its end does not look as a whole file's
    does. Raises as `read`.
    """
    with _open(path, formats) as (image, kind):
        turned = _orientation(image, kind)
        size = (
            (image.width, image.height) if turned in (5, 6, 7, 8) else (image.height, image.width)
        )
        found = Header(kind, image.mode, size, turned == 1)
        if not _seems_whole(path, kind):
            image.load()
    return found


def read_labels(path: Path) -> np.ndarray:
    """A label map, uint8 or uint16 [H, W], of a grey or palette PNG (or BMP, TIFF). Raises as
    `read`, and for pictures.
    """
    with _open(path, ("PNG", "BMP", "TIFF")) as (image, _):
        image.load()
    if image.mode not in ("L", "P", "1", "I;16", "I;16B", "I;16L", "I"):
        raise ValueError(
            f"{path}: is a picture, {image.mode}; a label map has one number a pixel (a grey or palette PNG)"
        )
    labels = np.asarray(image)
    return labels if labels.dtype == np.uint8 else labels.astype(np.uint16)


def check_inside(path: Path, root: Path) -> None:
    """ValueError where `path` leaves the folder `root`: by `..`, as an absolute path, or through a
    symbolic link.
    """
    if not path.resolve().is_relative_to(root.resolve()):
        is_link = ".." not in path.parts and path.absolute().is_relative_to(root.absolute())
        through = " through a symbolic link" if is_link else ""
        raise ValueError(
            f"{str(path)!r}: lies outside {root}{through}; only files inside it are read"
        )


def check_name(path: Path) -> None:
    """Raises ValueError if a file's name is not plain text and cannot be written to a table."""
    name = str(path)
    for letter in name:
        # Python holds bytes that are not UTF-8 as surrogates, Cs.
        if kind := {"Cc": "a control character", "Cs": "bytes that are not UTF-8"}.get(
            unicodedata.category(letter)
        ):
            raise ValueError(f"{ascii(name)}: the name holds {kind}; rename the file")


@contextmanager
def _open(path: Path, formats: tuple[str, ...]) -> Iterator[tuple[Image.Image, str]]:
    """The picture, of which only the header is read, and its format."""
    if not path.exists():
        raise FileNotFoundError(f"{path}: not found")
    if not path.is_file():  # opening a pipe would wait for ever
        raise ValueError(f"{path}: is a folder, pipe or device, not a file")
    if not path.stat().st_size:
        raise ValueError(f"{path}: is empty")
    try:
        with warnings.catch_warnings():
            # Of bombs, as our own limit is lower, and of metadata that cannot be read.
            warnings.filterwarnings("ignore", module=r"PIL\.")
            with Image.open(path, formats=(*FORMATS, *_REFUSED)) as image:
                kind = (
                    "JPEG" if image.format == "MPO" else str(image.format)
                )  # MPO: a JPEG with more pictures behind it
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
    """EXIF's, 1 to 8. Asked for where there is none, a PNG's would be looked for behind the pixels,
    which decodes it.
    """
    if "exif" not in image.info and kind != "TIFF":
        return 1
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except _BROKEN:
        return 1
    return found if found in range(1, 9) else 1


def _seems_whole(path: Path, kind: str) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return kind in _ENDS and _ENDS[kind] in file.read()


def _too_large(path: Path, size: str) -> str:
    return f"{path}: {size}; images have at most {MAX_PIXELS:,}"


def _convert(image: Image.Image) -> Image.Image:
    if image.mode.startswith(
        "I"
    ):  # 16 bits: the upper 8, where Pillow's own conversion cuts at 255
        image = Image.fromarray(
            (np.asarray(image).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8)
        )
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image)
        image = white
    return image.convert("RGB")
