"""Images of a listing: all are checked before any is written, then copied or resized to JPEGs."""

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
WORKERS = 2  # decoding releases Python's lock for more than half of its time

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """An image to be copied or resized.

    size: (height, width) in px of the upright, cropped image
    cropped: whether it is cropped to `Listing.crop`
    as_it_is: whether its bytes can be copied
    """

    size: tuple[int, int]
    cropped: bool
    as_it_is: bool


@dataclass(frozen=True)
class Written:
    """Outcome of writing images.

    copied: number of images whose bytes were copied; the others were re-encoded
    equal: groups of files with equal bytes
    """

    copied: int
    equal: list[list[str]]


def check(listing: Listing, files: Sequence[str], name: str, size: tuple[int, int]) -> list[Source]:
    """Check the header of every image, and decode files that look truncated. Writes nothing.

    Raises:
        ValueError: If files cannot be read, or have another size in a data set of fixed size; the
            message has the first ones and their number.
    """
    look = partial(_look, listing, name in FIXED_SIZE, size)
    sources = _each(look, files, "check headers", listing.root)
    return [source for source in sources if source is not None]


def write(
    listing: Listing,
    files: Sequence[str],
    names: Sequence[str],
    sources: Sequence[Source],
    size: tuple[int, int],
    folder: Path,
    fixed: bool,
) -> Written:
    """Write the images into `folder`, under `names` (with their folders).

    Images that are in `folder` already are only checked.

    Raises:
        ValueError: If images cannot be decoded; the message has the first ones and their number.
    """

    def write_one(number: int) -> bytes:
        return _write_one(
            listing, listing.root / files[number], folder / names[number], sources[number], size
        )

    digests = _each(
        write_one, range(len(files)), "check images" if fixed else "resize images", listing.root
    )
    groups: dict[bytes, list[str]] = {}
    for file, digest in zip(files, digests, strict=True):
        groups.setdefault(digest, []).append(str(listing.root / file))
    return Written(
        sum(source.as_it_is for source in sources),
        [group for group in groups.values() if len(group) > 1],
    )


def _each(work: Callable[..., T], items: Iterable, what: str, root: Path) -> list[T]:
    """work(item) for every item, in threads.

    Raises:
        ValueError: If an item fails; the message has the first problems and their number.
    """
    problems: list[str] = []

    def attempt(item: object) -> T | None:
        try:
            return work(item)
        except (ValueError, FileNotFoundError) as error:
            problems.append(str(error))
            return None

    items = list(items)
    with ThreadPoolExecutor(WORKERS) as pool:
        results = list(tqdm(pool.map(attempt, items), what, len(items), unit="img"))
    refuse(sorted(problems))
    return results  # type: ignore[return-value]  # None stands for a problem, which refuse raises


def _look(listing: Listing, fixed: bool, size: tuple[int, int], file: str) -> Source:
    path = listing.root / file
    header = untrusted.check(path, listing.formats)
    if fixed and (header.size != market1501.SIZE or not header.upright):
        raise ValueError(
            f"{path}: {header.size[0]} high and {header.size[1]} wide{'' if header.upright else ' after a rotation by EXIF'}; "
            f"Market-1501 images are {market1501.SIZE[0]} by {market1501.SIZE[1]} (`name: market_like` accepts any)"
        )
    if fixed and header.mode != "RGB":
        raise ValueError(
            f"{path}: {header.mode}; Market-1501 images are RGB (`name: market_like` accepts any)"
        )
    if listing.crop is not None and header.size == listing.crop_from:
        first, last = listing.crop
        return Source((header.size[0], last - first), True, False)
    whole = (
        header.format == "JPEG" and header.mode == "RGB" and header.upright and header.size == size
    )
    return Source(header.size, False, whole)


def _write_one(
    listing: Listing, file: Path, out: Path, source: Source, size: tuple[int, int]
) -> bytes:
    """Copy or resize an image.

    The file is always decoded completely, because a data loader that meets a broken one later may
    hang.

    Returns:
        Digest of the file's bytes.
    """
    data = file.read_bytes()
    image = untrusted.read(file, listing.formats)
    if source.as_it_is:
        if file != out:
            out.write_bytes(data)
    else:
        if source.cropped:
            assert listing.crop is not None  # _look marks images as cropped only with a crop
            first, last = listing.crop
            image = image.crop((first, 0, last, image.height))
        # Pillow's kernel covers all pixels when it shrinks an image, so this is antialiased.
        image = image.resize((size[1], size[0]), Image.Resampling.BICUBIC)
        image.save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return hashlib.blake2b(data, digest_size=16).digest()
