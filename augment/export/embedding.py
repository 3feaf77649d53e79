"""embed: a re-ID model's features of every image in a folder -> a parquet or npy file.

| output | holds |
|---|---|
| features.parquet | columns path (relative to the folder) and features (a list of D float32), a row an image |
| features.npy | float32 [N, D]; features.index.csv beside it says which row is which path |
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
    """Raises ValueError for a bad file, by name, before any feature is computed; nothing is written
    then."""
    if output.suffix not in SUFFIXES:
        raise ValueError(
            f"{output}: features go into a {' or '.join(SUFFIXES)} file; name --output so"
        )
    found, others = listing(folder)
    click.echo(f"embed: {len(found):,} images in {folder} by {loaded.about['model']} -> {output}")
    if others:
        click.echo(
            f"not read, since their names are not those of images: {len(others):,} files, such as {ascii(others[0])}"
        )
    with ThreadPoolExecutor(THREADS) as pool:
        checked = pool.map(untrusted.read, [folder / path for path in found], chunksize=64)
        for _ in tqdm(checked, "check images", len(found), unit="img"):
            pass
        if dry_run:
            return
        with (
            _writer(output, found, loaded.about) as write,
            tqdm(total=len(found), desc="embed", unit="img") as bar,
        ):
            for rows in _features(folder, found, loaded, batch, pool):
                write(rows)
                bar.update(len(rows))


def listing(folder: Path) -> tuple[list[str], list[str]]:
    """Images below `folder` by suffix, and the other files: paths relative to it, sorted.

    Raises:
        FileNotFoundError: the folder is missing or holds no image.
        ValueError: a name that no table can hold, or a link that leads out of the folder.
    """
    found = find(folder)
    links = [problem(folder / link, folder) for link in found.links]
    for text in filter(None, (*found.problems, *links)):
        raise ValueError(text)
    if not found.files:
        raise FileNotFoundError(f"{folder}: no image in it ({', '.join(untrusted.SUFFIXES)})")
    return found.files, found.others


def _features(
    folder: Path, found: list[str], loaded: Loaded, batch: int, pool: ThreadPoolExecutor
) -> Iterator[np.ndarray]:
    """float32 [n, D] of one batch after the other, as the model is scored with; the next is decoded
    meanwhile.
    """
    settings, model = loaded.settings, loaded.model.to(joined_processes().device)
    height, width = settings.image_size
    load = partial(_pixels, size=(height, width))
    parts = [
        [folder / path for path in found[start : start + batch]]
        for start in range(0, len(found), batch)
    ]
    ahead = [pool.submit(load, path) for path in parts[0]]
    for following in [*parts[1:], []]:
        pixels = (
            torch.from_numpy(np.stack([one.result() for one in ahead]))
            .permute(0, 3, 1, 2)
            .contiguous()
        )
        ahead = [pool.submit(load, path) for path in following]
        nobody = torch.zeros(len(pixels), dtype=torch.int64)
        rows = ReidSet(pixels, nobody, nobody, nobody.bool())
        yield features(
            model, rows, settings.image_size, settings.features, settings.precision
        ).numpy()


def _pixels(path: Path, size: tuple[int, int]) -> np.ndarray:
    """uint8 [H, W, 3], resized as reid.data does."""
    image = untrusted.read(path)
    if image.size != (size[1], size[0]):
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(image)


@contextlib.contextmanager
def _writer(output: Path, found: list[str], about: dict[str, Any]) -> Iterator[Any]:
    """write(rows), called with the features of one batch after the other; the file is whole or not
    at all.
    """
    open_one = _parquet if output.suffix == ".parquet" else _npy
    with files.whole(output) as temporary, open_one(temporary, output, found, about) as write:
        yield write


@contextlib.contextmanager
def _parquet(temporary: Path, _: Path, found: list[str], about: dict[str, Any]) -> Iterator[Any]:
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
            table = pa.table({"path": found[done : done + len(rows)], "features": lists})
            if writer is None:
                schema = table.schema.with_metadata(
                    {key: str(value) for key, value in about.items()}
                )
                writer = stack.enter_context(parquet.ParquetWriter(temporary, schema))
            writer.write_table(table.replace_schema_metadata(writer.schema.metadata))
            done += len(rows)

        yield write


@contextlib.contextmanager
def _npy(temporary: Path, output: Path, found: list[str], _: dict[str, Any]) -> Iterator[Any]:
    table: Any = None
    done = 0

    def write(rows: np.ndarray) -> None:
        nonlocal table, done
        if table is None:
            table = np.lib.format.open_memmap(
                temporary, "w+", np.float32, (len(found), rows.shape[1])
            )
        table[done : done + len(rows)] = rows
        done += len(rows)

    yield write
    table.flush()
    with files.whole(output.with_name(f"{output.stem}.index.csv")) as index:
        pd.DataFrame({"row": range(len(found)), "path": found}).to_csv(
            index, index=False, lineterminator="\n"
        )
