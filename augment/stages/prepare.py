"""prepare: a data set of any layout (augment.data) -> data/prepared, which later stages read.

data/prepared/
    bounding_box_train/ bounding_box_test/ query/    JPEGs of one size, Market-1501 names
    keypoints.csv                                    every keypoint row, train and test
    parsing/                                         part labels, if the data set has them
    backgrounds/                                     mini_market: crops without people
    names.csv                                        original and new names, if they differ
    contact_sheet.png  counts.csv
    dataset.json                                     size of the images, and whether cameras are known
    index.csv                                        written last: if it exists, the folder is complete

All names and headers are checked before anything is written, and the folder appears whole or not at
all.
"""

import dataclasses
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click
import numpy as np
import pandas as pd
from tqdm import tqdm

from augment import data, params, paths, prepared
from augment.data import keypoint_files, label_maps, mini_market, numbers, pictures, report
from augment.data.listing import Listing
from augment.data.params import FIXED_SIZE, MINI_MARKET, DatasetParams, MaxIds
from augment.files import whole, whole_folder
from augment.images import contact_sheet
from augment.prepared import index, keypoints, market1501, parsing


def run(dry_run: bool) -> None:
    settings = params.load(DatasetParams, "dataset")
    files = check(settings)
    rendered = settings.name == MINI_MARKET
    click.echo(
        f"prepare: {settings.name}{'' if rendered else f' from {settings.root}'} -> {paths.PREPARED}"
    )
    if dry_run:
        if not rendered:
            listing, _, rows, notes = _list(settings)
            _say(rows, {}, [*listing.notes, *notes])
        return
    with whole_folder(paths.PREPARED) as folder:
        if rendered:
            assert settings.mini_market is not None  # as DatasetParams checks
            mini_market.write(
                folder, settings.mini_market, partial(tqdm, desc="render", unit="img")
            )
            settings = dataclasses.replace(settings, root=str(folder))
            files = [folder / name for name in market1501.ANNOTATIONS]
        listing, every, rows, notes = _list(settings)
        said = _build(folder, settings, listing, every, rows, files)
    joints = keypoints.read(paths.PREPARED / prepared.KEYPOINTS, settings.image_size)
    _say(rows, joints, said if rendered else [*listing.notes, *notes, *said])


def check(settings: DatasetParams) -> list[Path]:
    """Check the section `dataset`.

    Returns:
        The keypoint files.

    Raises:
        ValueError: If a value that the data set needs is missing.
        FileNotFoundError: If a folder or file that the section names does not exist.
    """
    if settings.name == MINI_MARKET:
        return []
    if settings.name == "market1501" and (settings.root is None or settings.annotations is None):
        raise ValueError(
            "params.yaml: dataset: market1501 needs root (a folder) and annotations (a list of CSV files)"
        )
    if settings.root is None:
        raise ValueError(
            f"params.yaml: dataset.root: is null; {settings.name} needs the folder of the data set"
        )
    if not Path(settings.root).is_dir():
        raise FileNotFoundError(f"{settings.root}: folder not found (params.yaml: dataset.root)")
    if settings.parsing is not None and not Path(settings.parsing.root).is_dir():
        raise FileNotFoundError(
            f"{settings.parsing.root}: folder not found (params.yaml: dataset.parsing.root)"
        )
    return keypoint_files.check_files(settings.annotations or ())


def _list(
    settings: DatasetParams,
) -> tuple[Listing, pd.DataFrame, pd.DataFrame, tuple[str, ...]]:
    """The data set, all its images, those that are used, and notes on their numbers."""
    listing = data.read(settings)
    every, notes = numbers.number(listing)
    if settings.max_ids is None:
        return listing, every, every, notes
    return listing, every, numbers.first_identities(every, _limits(settings.max_ids)), notes


def _limits(max_ids: int | MaxIds) -> tuple[int, int]:
    return (max_ids, max_ids) if isinstance(max_ids, int) else (max_ids.train, max_ids.test)


def _build(
    folder: Path,
    settings: DatasetParams,
    listing: Listing,
    every: pd.DataFrame,
    rows: pd.DataFrame,
    files: list[Path],
) -> list[str]:
    """Write all of data/prepared into `folder`.

    Args:
        every: all images of the data set.
        rows: the images that are used.

    Returns:
        Notes to print after the counts.
    """
    size, fixed = settings.image_size, settings.name in FIXED_SIZE
    sources = pictures.check(listing, list(rows["file"]), settings.name, size)
    sizes = {name: source.size for name, source in zip(rows["name"], sources, strict=True)}
    imported = keypoint_files.read(files, listing.root, every, sizes, size, strict=fixed)
    maps = {}
    if settings.parsing is not None and settings.name != MINI_MARKET:
        maps = label_maps.find(Path(settings.parsing.root), rows)
    rows = rows.assign(path=rows["split"].map(market1501.FOLDERS) + "/" + rows["name"])
    for split_folder in market1501.FOLDERS.values():
        (folder / split_folder).mkdir(parents=True, exist_ok=True)
    written = pictures.write(
        listing, list(rows["file"]), list(rows["path"]), sources, size, folder, fixed
    )
    if maps and settings.parsing is not None:
        parsing.import_maps(maps, settings.parsing.labels, size, folder / parsing.FOLDER)
    keypoints.write(imported.keypoints, folder / prepared.KEYPOINTS)
    for name in market1501.ANNOTATIONS:
        (folder / name).unlink(missing_ok=True)
    if not fixed:
        heights, widths = zip(*(source.size for source in sources), strict=True)
        rows.assign(height=heights, width=widths)[numbers.CHANGED].to_csv(
            folder / "names.csv", index=False, lineterminator="\n"
        )
    cameras_known = bool(rows.loc[rows["split"] != "train", "camid"].nunique() > 1)
    report.counts(rows, imported.keypoints).to_csv(folder / "counts.csv", index=False)
    with whole(folder / "contact_sheet.png") as temporary:
        contact_sheet.people(
            index.locate(rows.assign(folder=str(folder))),
            imported.keypoints,
            folder / parsing.FOLDER,
        ).save(temporary)
    prepared.write(prepared.About(settings.name, size, cameras_known), folder)
    index.write(rows.assign(source="", target="", scene="", generator=""), folder / "index.csv")
    resized = len(rows) - written.copied
    copied = f"{written.copied:,} images copied byte for byte"
    return [
        *imported.notes,
        *([] if settings.name == MINI_MARKET else [copied]),
        *([f"{resized:,} images resized to {size[0]} x {size[1]} px as JPEG"] if resized else []),
        *report.equal(written.equal),
        *report.lacking(
            cameras_known, bool(imported.keypoints), (folder / parsing.FOLDER).is_dir()
        ),
    ]


def _say(rows: pd.DataFrame, joints: Mapping[str, np.ndarray], notes: list[str]) -> None:
    table = report.counts(rows, joints)
    if not joints:
        table = table.loc[:, :"distractors"]
    click.echo(table.to_string(index=False))
    for line in [*report.people(rows, joints), *notes]:
        click.echo(line if line.startswith(" ") else f"- {line}")
