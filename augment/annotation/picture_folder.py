"""A folder of pictures from elsewhere: which there are, whether they can be read, and their pixels,
batch by batch.
"""

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
    """folder, and of each picture in it and its subfolders: its path relative to the folder, with
    `/` -> (height, width) px, sorted; others: what was left alone, in words, or empty.
    """

    folder: Path
    sizes: dict[str, tuple[int, int]]
    others: str = ""


def of_prepared() -> Pictures:
    """The people of data/prepared. Raises FileNotFoundError where prepare has not run."""
    size = prepared.size()
    return Pictures(
        paths.PREPARED, dict.fromkeys(index.read(paths.PREPARED / "index.csv")["path"], size)
    )


def find(folder: Path) -> Pictures:
    """All pictures, by suffix; each one's header is read. Of a tree like Market-1501's its three
    folders alone.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it has no picture, or one that cannot be read, lies outside it through a link,
            or has a name that no table can hold; the message names the first five.
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
        raise ValueError(f"{folder}: holds no picture ({', '.join(untrusted.SUFFIXES)})")
    alone = [f"{others:,} other files"] if others else []
    alone += (
        sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name not in market)
        if is_market
        else []
    )
    return Pictures(folder, sizes, ", ".join(alone))


def decoded(
    folder: Path, batches: Sequence[Sequence[str]], prepare: Callable[[Image.Image], Any]
) -> Iterator[tuple[Sequence[str], list[Any]]]:
    """Each batch of names with prepare(picture) of its pictures; the next batch is decoded in
    threads while one is in use.

    Raises:
        ValueError: a picture cannot be decoded; the message names it.
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
                yield batch, [one.result() for one in now]
        finally:
            for one in ahead:
                one.cancel()
