"""embed: a re-ID model's features of every image in a folder -> a parquet or npy file.

| output | content |
|---|---|
| features.parquet | columns path (relative to the folder) and features (a list of D float32), one row per image |
| features.npy | float32 [N, D]; features.index.csv next to it holds the path of each row |
"""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import torch
from PIL import Image
from tqdm import tqdm

from augment import files
from augment.export.folder import THREADS
from augment.export.reid_model import Loaded
from augment.images import untrusted
from augment.images.folder import find, problem
from reid.data import ReidSet
from reid.retrieval import features
from reid.training import joined_processes

SUFFIXES = (".parquet", ".npy")


def run(folder: Path, loaded: Loaded, output: Path, batch: int, dry_run: bool) -> None:
    """Check all images, then compute and write their features.

    Raises:
        ValueError: If a file is not a readable image, or `output` has another suffix; nothing is
            written then.
    """
    if output.suffix not in SUFFIXES:
        raise ValueError(f"{output}: --output must end in {' or '.join(SUFFIXES)}")
    images, others = listing(folder)
    click.echo(f"embed: {len(images):,} images in {folder} by {loaded.about['model']} -> {output}")
    if others:
        click.echo(
            f"not read, because they are not named as images: {len(others):,} files, e.g. {ascii(others[0])}"
        )
    with ThreadPoolExecutor(THREADS) as pool:
        checked = pool.map(untrusted.read, [folder / path for path in images], chunksize=64)
        for _ in tqdm(checked, "check images", len(images), unit="img"):
            pass
        if dry_run:
            return
        with (
            _writer(output, images, loaded.about) as write,
            tqdm(total=len(images), desc="embed", unit="img") as bar,
        ):
            for rows in _features(folder, images, loaded, batch, pool):
                write(rows)
                bar.update(len(rows))


def listing(folder: Path) -> tuple[list[str], list[str]]:
    """Images below `folder` by suffix, and the other files: paths relative to it, sorted.

    Raises:
        FileNotFoundError: If the folder is missing or holds no images.
        ValueError: If no table can hold a name, or a link leads out of the folder.
    """
    found = find(folder)
    links = [problem(folder / link, folder) for link in found.links]
    for text in filter(None, (*found.problems, *links)):
        raise ValueError(text)
    if not found.files:
        raise FileNotFoundError(f"{folder}: holds no images ({', '.join(untrusted.SUFFIXES)})")
    return found.files, found.others


def _features(
    folder: Path, images: list[str], loaded: Loaded, batch: int, pool: ThreadPoolExecutor
) -> Iterator[np.ndarray]:
    """Features of one batch after the other, float32 [n, D], as used for the model's scores.

    The next batch is decoded meanwhile.
    """
    settings, model = loaded.settings, loaded.model.to(joined_processes().device)
    height, width = settings.image_size
    load = partial(_pixels, size=(height, width))
    parts = [
        [folder / path for path in images[start : start + batch]]
        for start in range(0, len(images), batch)
    ]
    ahead = [pool.submit(load, path) for path in parts[0]]
    for following in [*parts[1:], []]:
        pixels = (
            torch.from_numpy(np.stack([image.result() for image in ahead]))
            .permute(0, 3, 1, 2)
            .contiguous()
        )
        ahead = [pool.submit(load, path) for path in following]
        unknown = torch.zeros(len(pixels), dtype=torch.int64)  # identity and camera are not used
        rows = ReidSet(pixels, unknown, unknown, unknown.bool())
        yield features(
            model, rows, settings.image_size, settings.features, settings.precision
        ).numpy()


def _pixels(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Read an image as uint8 [H, W, 3], resized like images in reid.data."""
    image = untrusted.read(path)
    if image.size != (size[1], size[0]):
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(image)


@contextlib.contextmanager
def _writer(output: Path, images: list[str], about: dict[str, Any]) -> Iterator[Any]:
    """Yield write(rows), to be called with the features of one batch after the other."""
    open_file = _parquet if output.suffix == ".parquet" else _npy
    with files.whole(output) as temporary, open_file(temporary, output, images, about) as write:
        yield write


@contextlib.contextmanager
def _parquet(temporary: Path, _: Path, images: list[str], about: dict[str, Any]) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import parquet

    with contextlib.ExitStack() as stack:
        writer: Any = None
        done = 0

        def write(rows: np.ndarray) -> None:
            nonlocal writer, done
            lists = pa.FixedSizeListArray.from_arrays(
                pa.array(rows.reshape(-1), pa.float32()), rows.shape[1]
            )
            table = pa.table({"path": images[done : done + len(rows)], "features": lists})
            if writer is None:
                schema = table.schema.with_metadata(
                    {key: str(value) for key, value in about.items()}
                )
                writer = stack.enter_context(parquet.ParquetWriter(temporary, schema))
            writer.write_table(table.replace_schema_metadata(writer.schema.metadata))
            done += len(rows)

        yield write


@contextlib.contextmanager
def _npy(temporary: Path, output: Path, images: list[str], _: dict[str, Any]) -> Iterator[Any]:
    table: Any = None
    done = 0

    def write(rows: np.ndarray) -> None:
        nonlocal table, done
        if table is None:
            table = np.lib.format.open_memmap(
                temporary, "w+", np.float32, (len(images), rows.shape[1])
            )
        table[done : done + len(rows)] = rows
        done += len(rows)

    yield write
    table.flush()
    with files.whole(output.with_name(f"{output.stem}.index.csv")) as index:
        pd.DataFrame({"row": range(len(images)), "path": images}).to_csv(
            index, index=False, lineterminator="\n"
        )
