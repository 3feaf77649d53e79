"""A folder of pictures from elsewhere: lists and checks them, and decodes them batch by batch."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from augment import paths, prepared
from augment.images import untrusted
from augment.images.folder import find as find_images
from augment.prepared import index, market1501

THREADS = 4


@dataclass(frozen=True)
class Pictures:
    """The pictures in a folder and its subfolders.

    sizes: path relative to the folder, with `/` -> (height, width) px, sorted
    others: what was not read, in words; may be empty
    """

    folder: Path
    sizes: dict[str, tuple[int, int]]
    others: str = ""


def of_prepared() -> Pictures:
    """The images of data/prepared.

    Raises:
        FileNotFoundError: If prepare has not run.
    """
    size = prepared.size()
    return Pictures(
        paths.PREPARED, dict.fromkeys(index.read(paths.PREPARED / "index.csv")["path"], size)
    )


def find(folder: Path) -> Pictures:
    """List all pictures by suffix and read their headers.

    If the folder has Market-1501's three folders, only these are read.

    Raises:
        FileNotFoundError: If the folder does not exist.
        ValueError: If it holds no pictures, or some that cannot be read, lie outside it through a
            link, or have a name that no table can hold; the message names the first five.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: folder not found")
    market = list(market1501.FOLDERS.values())
    is_market = all((folder / name).is_dir() for name in market)
    parts = [find_images(folder, name) for name in (market if is_market else [""])]
    problems = [problem for part in parts for problem in part.problems]
    others = sum(len(part.others) for part in parts)
    sizes = {}
    for name in sorted((name for part in parts for name in part.files), key=PurePosixPath):
        try:
            sizes[name] = untrusted.check(folder / name).size
        except (ValueError, OSError) as error:
            problems.append(str(error))
    if problems:
        more = f"; and {len(problems) - 5:,} more" if len(problems) > 5 else ""
        raise ValueError("; ".join(problems[:5]) + more)
    if not sizes:
        raise ValueError(f"{folder}: holds no pictures ({', '.join(untrusted.SUFFIXES)})")
    not_read = [f"{others:,} other files"] if others else []
    not_read += (
        sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name not in market)
        if is_market
        else []
    )
    return Pictures(folder, sizes, ", ".join(not_read))


def decoded(
    folder: Path, batches: Sequence[Sequence[str]], prepare: Callable[[Image.Image], Any]
) -> Iterator[tuple[Sequence[str], list[Any]]]:
    """Each batch of names with prepare(picture) of its pictures.

    The next batch is decoded in threads while one is in use.

    Raises:
        ValueError: If a picture cannot be decoded; the message names it.
    """

    def start(batch: Sequence[str]) -> list[Future]:
        return [
            pool.submit(lambda name: prepare(untrusted.read(folder / name)), name) for name in batch
        ]

    with ThreadPoolExecutor(THREADS) as pool:
        ahead = start(batches[0]) if batches else []
        try:
            for number, batch in enumerate(batches):
                now = ahead
                ahead = start(batches[number + 1]) if number + 1 < len(batches) else []
                yield batch, [picture.result() for picture in now]
        finally:
            for picture in ahead:
                picture.cancel()
