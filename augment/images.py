"""Images from elsewhere. They are bombs until proven otherwise: what a header promises is checked before anything is decoded.

Every reader of pictures that this project has not written itself opens them here.
"""

import unicodedata
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

MAX_PIXELS = 64_000_000  # a camera's photograph; a crop of a person has a thousandth of that
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM")
# Recognised to be named in the refusal; nothing of them is decoded.
_REFUSED = ("GIF",)
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm")


def read(path: Path, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """A picture as RGB, decoded whole and upright: EXIF's rotation is carried out, 16 bits become 8, CMYK and grey become
    RGB, and what is transparent becomes white.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is empty, no image, of another format by its content, too large by its header, or cut short; the
            message names the file.
    """
    return _convert(_decode(path, formats))


def read_labels(path: Path) -> np.ndarray:
    """A label map, uint8 or uint16 [H, W], of a grey or palette PNG (or BMP, TIFF). Raises as `read`, and for pictures."""
    image = _decode(path, ("PNG", "BMP", "TIFF"))
    if image.mode not in ("L", "P", "1", "I;16", "I;16B", "I;16L", "I"):
        raise ValueError(f"{path}: is a picture, {image.mode}; a label map has one number a pixel (a grey or palette PNG)")
    labels = np.asarray(image)
    return labels if labels.dtype == np.uint8 else labels.astype(np.uint16)


def check_inside(path: Path, root: Path) -> None:
    """ValueError where `path` leaves the folder `root`: by `..`, as an absolute path, or through a symbolic link."""
    if not path.resolve().is_relative_to(root.resolve()):
        is_link = ".." not in path.parts and path.absolute().is_relative_to(root.absolute())
        through = " through a symbolic link" if is_link else ""
        raise ValueError(f"{str(path)!r}: lies outside {root}{through}; only files inside it are read")


def check_name(path: Path) -> None:
    """ValueError where a file's name is not plain text, so that no table could hold it."""
    name = str(path)
    for letter in name:
        # Python holds bytes that are not UTF-8 as surrogates, Cs.
        if kind := {"Cc": "a control character", "Cs": "bytes that are not UTF-8"}.get(unicodedata.category(letter)):
            raise ValueError(f"{ascii(name)}: the name holds {kind}; rename the file")


def _decode(path: Path, formats: tuple[str, ...]) -> Image.Image:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not found")
    if not path.stat().st_size:
        raise ValueError(f"{path}: is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            with Image.open(path, formats=(*formats, *_REFUSED)) as image:
                if image.format not in formats:
                    raise ValueError(f"{path}: is a {image.format} file by its content; expected {', '.join(formats)}")
                if image.width * image.height > MAX_PIXELS:
                    raise ValueError(_too_large(path, f"{image.height:,} x {image.width:,} px by its header"))
                image.load()
                return image
    except Image.DecompressionBombError as error:
        raise ValueError(_too_large(path, "far too many pixels by its header")) from error
    except (OSError, SyntaxError, EOFError) as error:  # what Pillow raises for broken files
        raise ValueError(f"{path}: cannot be decoded ({error}); restore or remove it") from error


def _too_large(path: Path, size: str) -> str:
    return f"{path}: {size}; images have at most {MAX_PIXELS:,}"


def _convert(image: Image.Image) -> Image.Image:
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits: the upper 8, where Pillow's own conversion cuts at 255
        image = Image.fromarray((np.asarray(image).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image)
        image = white
    return image.convert("RGB")
