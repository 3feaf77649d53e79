"""Writes an exported set to disk, complete or not at all."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from augment import files
from augment.export.contents import ORIGINS, Contents, counts
from augment.export.formats import Format
from augment.images import untrusted

MANIFEST = "manifest.json"
VERSION = "reid-augment export, version 1"
THREADS = 2


def check_output(output: Path, overwrite: bool) -> None:
    """Check that `output` is free or may be replaced.

    Raises:
        FileExistsError: If it exists, unless it is an export and `overwrite` is set.
    """
    if not output.exists() or output.is_dir() and not any(output.iterdir()):
        return
    if not _is_export(output):
        raise FileExistsError(
            f"{output}: exists and is not an export (its {MANIFEST} is missing or of another kind); choose another --output"
        )
    if not overwrite:
        raise FileExistsError(f"{output}: an export exists already; use --overwrite to replace it")


def write(
    contents: Contents, name: str, format: Format, output: Path, link: bool, overwrite: bool
) -> dict[str, Any]:
    """Copy or link every image, and write tables, a README and manifest.json.

    Every image is decoded first, because a reader may hang on a broken file (torchreid's does).

    Returns:
        The content of manifest.json.

    Raises:
        FileExistsError: As check_output.
        FileNotFoundError: If an image is missing.
        ValueError: If an image cannot be decoded.
    """
    check_output(output, overwrite)
    rows = contents.rows
    rows = rows.assign(
        path=[f"{format.folders[s]}/{n}" for s, n in zip(rows["split"], rows["name"], strict=True)]
    )
    with files.whole_folder(output) as building:
        for folder in format.folders.values():
            (building / folder).mkdir(parents=True)
        sizes, linked = _place(rows, building, link)
        for file, table in format.tables(rows).items():
            _write_table(table, building / file)
        if contents.origins is not None:
            path_of = dict(zip(rows["file"], rows["path"], strict=True))
            origins = contents.origins.assign(path=contents.origins["path"].map(path_of))
            _write_table(origins, building / ORIGINS)
        manifest = {
            "format": VERSION,
            "layout": name,
            **contents.about,
            "counts": counts(rows),
            "image_sizes": sizes,
        }
        if link:
            manifest["hard_links"] = linked
        readme = building / f"README.{'md' if format.front else 'txt'}"
        readme.write_text(_readme(format, manifest))
        files.write_json(building / MANIFEST, manifest)
    return manifest


def _place(rows: pd.DataFrame, folder: Path, link: bool) -> tuple[dict[str, list[list[int]]], int]:
    """Sizes (height, width) of real and of generated images, and how many are hard links."""
    sizes: dict[str, set[tuple[int, int]]] = {"real": set(), "generated": set()}
    linked = 0
    with ThreadPoolExecutor(THREADS) as pool:
        pairs = [
            (Path(file), folder / path)
            for file, path in zip(rows["file"], rows["path"], strict=True)
        ]
        done = pool.map(partial(_place_one, link=link), pairs, chunksize=64)
        try:
            for (size, is_link), generated in zip(
                tqdm(done, "export", len(rows), unit="img"), rows["generated"], strict=True
            ):
                sizes["generated" if generated else "real"].add(size)
                linked += is_link
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return {kind: [list(size) for size in sorted(unique)] for kind, unique in sizes.items()}, linked


def _place_one(pair: tuple[Path, Path], link: bool) -> tuple[tuple[int, int], bool]:
    file, target = pair
    picture = untrusted.read(file)
    if link:
        try:
            os.link(file.resolve(), target)
            return (picture.height, picture.width), True
        except OSError:  # another file system, or one without links
            pass
    shutil.copyfile(file, target)
    return (picture.height, picture.width), False


def _is_export(folder: Path) -> bool:
    if not (folder / MANIFEST).is_file():
        return False
    try:
        manifest = files.read_json(folder / MANIFEST)
    except ValueError:
        return False
    return isinstance(manifest, dict) and manifest.get("format") == VERSION


def _write_table(table: pd.DataFrame, file: Path) -> None:
    if file.suffix == ".csv":
        table.to_csv(file, index=False, lineterminator="\n")
    else:
        table.to_json(file, orient="records", lines=True)


def _readme(format: Format, manifest: dict[str, Any]) -> str:
    about = f"{manifest['dataset']}, portion {manifest['portion']}, augmentation {manifest['augmentation']}"
    lines = [f"A person re-identification set: {about}.", "", *format.reading.split("\n"), ""]
    for split, numbers in manifest["counts"].items():
        more = ", ".join(
            f"{numbers[kind]:,} {kind}"
            for kind in ("generated", "junk", "distractors")
            if numbers[kind]
        )
        lines.append(
            f"{split}: {numbers['images']:,} images of {numbers['identities']:,} identities, {numbers['cameras']} cameras"
            f"{f' ({more})' if more else ''}"
        )
    front = f"---\n{format.front}---\n" if format.front else ""
    return front + "\n".join(
        [*lines, "", f"Licence: {manifest['licence']}.", "Details: manifest.json.", ""]
    )
