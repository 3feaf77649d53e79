"""The images of a listing: checked all before one is written, then copied, or brought to one size
as JPEGs.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from PIL import Image
from tqdm import tqdm

from augment.data.listing import Listing, refuse
from augment.data.params import FIXED_SIZE
from augment.images import untrusted
from augment.prepared import market1501

JPEG_QUALITY = 95
WORKERS = 2  # decoding leaves Python's lock for more than half of its time

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """size: (height, width) in px of the upright, cropped image; as_it_is: its bytes can be
    copied.
    """

    size: tuple[int, int]
    cropped: bool
    as_it_is: bool


@dataclass(frozen=True)
class Written:
    """copied: images whose bytes were copied; the others were encoded anew. equal: groups of files
    with equal bytes.
    """

    copied: int
    equal: list[list[str]]


def check(listing: Listing, files: Sequence[str], name: str, size: tuple[int, int]) -> list[Source]:
    """Every image's header, and of files that look cut short all of it. Nothing is written.

    Raises:
        ValueError: files that cannot be read, or in a data set of fixed size other images; the
            first ones and their number.
    """
    look = partial(_look, listing, name in FIXED_SIZE, size)
    found = _each(look, files, "check headers", listing.root)
    return [source for source in found if source is not None]


def write(
    listing: Listing,
    files: Sequence[str],
    names: Sequence[str],
    sources: Sequence[Source],
    size: tuple[int, int],
    folder: Path,
    fixed: bool,
) -> Written:
    """The images into `folder`, under `names` (with their folders); those that are there already
    are only checked.

    Raises:
        ValueError: images that cannot be decoded; the first ones and their number.
    """

    def bring(number: int) -> bytes:
        return _bring(
            listing, listing.root / files[number], folder / names[number], sources[number], size
        )

    digests = _each(
        bring, range(len(files)), "check images" if fixed else "resize images", listing.root
    )
    groups: dict[bytes, list[str]] = {}
    for file, digest in zip(files, digests, strict=True):
        groups.setdefault(digest, []).append(str(listing.root / file))
    return Written(
        sum(source.as_it_is for source in sources),
        [group for group in groups.values() if len(group) > 1],
    )


def _each(work: Callable[..., T], items: Iterable, what: str, root: Path) -> list[T]:
    """work(item) for every item, in threads; ValueError with the messages of those that fail."""
    problems: list[str] = []

    def attempt(item: object) -> T | None:
        try:
            return work(item)
        except (ValueError, FileNotFoundError) as error:
            problems.append(str(error))
            return None

    listed = list(items)
    with ThreadPoolExecutor(WORKERS) as pool:
        done = list(tqdm(pool.map(attempt, listed), what, len(listed), unit="img"))
    refuse(sorted(problems))
    return done  # type: ignore[return-value]  # None stands for a problem, and all are refused


def _look(listing: Listing, fixed: bool, size: tuple[int, int], file: str) -> Source:
    path = listing.root / file
    header = untrusted.check(path, listing.formats)
    if fixed and (header.size != market1501.SIZE or not header.upright):
        raise ValueError(
            f"{path}: {header.size[0]} high and {header.size[1]} wide{'' if header.upright else ' after a rotation by EXIF'}; "
            f"Market-1501 images are {market1501.SIZE[0]} by {market1501.SIZE[1]} (`name: market_like` takes any)"
        )
    if fixed and header.mode != "RGB":
        raise ValueError(
            f"{path}: {header.mode}; Market-1501 images are RGB (`name: market_like` takes any)"
        )
    if listing.crop is not None and header.size == listing.crop_from:
        first, last = listing.crop
        return Source((header.size[0], last - first), True, False)
    whole = (
        header.format == "JPEG" and header.mode == "RGB" and header.upright and header.size == size
    )
    return Source(header.size, False, whole)


def _bring(listing: Listing, file: Path, out: Path, source: Source, size: tuple[int, int]) -> bytes:
    """Digest of the file's bytes. It is decoded whole, as a reader that meets a broken one later
    may wait for ever.
    """
    data = file.read_bytes()
    image = untrusted.read(file, listing.formats)
    if source.as_it_is:
        if file != out:
            out.write_bytes(data)
    else:
        if source.cropped:
            assert listing.crop is not None  # _look has cropped by it
            first, last = listing.crop
            image = image.crop((first, 0, last, image.height))
        image = image.resize(
            (size[1], size[0]), Image.Resampling.BICUBIC
        )  # Pillow's takes all pixels under its kernel into account
        image.save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return hashlib.blake2b(data, digest_size=16).digest()
