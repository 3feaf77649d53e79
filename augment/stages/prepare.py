"""prepare: a data set -> data/prepared, which every later stage reads.

data/prepared/
    bounding_box_train/ bounding_box_test/ query/    images, tidy names
    keypoints.csv                                    every keypoint row, train and test
    parsing/                                         part labels, where the data set has them
    backgrounds/                                     mini_market: crops without people
    contact_sheet.png  counts.csv
    dataset.json                                     size of the images, and whether cameras are known
    index.csv                                        written last: where it is, the rest is whole
"""

import os
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import click
from tqdm import tqdm

from augment import contact_sheet, index, keypoints, market1501, mini_market, params, parsing, paths, prepared
from augment.files import whole


@dataclass(frozen=True)
class MaxIds:
    train: int
    test: int


@dataclass(frozen=True)
class ParsingParams:
    """Label PNGs with the images' names.

    root: their folder
    labels: ten (those of generators.parsing), or a parser's, merged by its table: lip20, cihp20, atr18
    """

    root: str
    labels: str


@dataclass(frozen=True)
class DatasetParams:
    """Section `dataset`.

    name: mini_market (rendered, needs nothing) or market1501 (real images in Market-1501's layout)
    root: market1501: the folder that holds bounding_box_train, bounding_box_test and query
    annotations: market1501: the keypoint CSVs
    parsing: market1501: parsing maps of all images; null without
    max_ids: the first k identities of each split, one number or one for train and one for test; null for all
    mini_market: what is rendered; may be null for market1501
    """

    name: Literal["mini_market", "market1501"]
    root: str | None
    annotations: tuple[str, ...] | None
    parsing: ParsingParams | None
    max_ids: int | MaxIds | None
    mini_market: mini_market.MiniMarketParams | None


def run(dry_run: bool) -> None:
    settings = params.load(DatasetParams, "dataset")
    root, annotations = _sources(settings)
    click.echo(f"prepare: {settings.name}{f' from {root}' if root else ''} -> {paths.PREPARED}")
    if dry_run:
        return
    building = paths.PREPARED.with_name(f".{paths.PREPARED.name}.partial")
    shutil.rmtree(building, ignore_errors=True)
    if root is None:
        building.parent.mkdir(parents=True, exist_ok=True)
        mini_market.write(building, settings.mini_market, partial(tqdm, desc="render", unit="img"))
        root, annotations = building, [building / name for name in market1501.ANNOTATIONS]
    market = market1501.read(root, annotations, _limits(settings.max_ids))
    if settings.name == "market1501" and settings.parsing is not None:
        maps = settings.parsing
        files = {name: Path(maps.root) / Path(name).with_suffix(".png").name for name in market.rows["name"]}
        parsing.import_maps(files, maps.labels, market1501.SIZE, building / parsing.FOLDER)
    _write(market, building, from_folder=root, name=settings.name)
    shutil.rmtree(paths.PREPARED, ignore_errors=True)
    os.replace(building, paths.PREPARED)
    _print_counts(market)


def _sources(settings: DatasetParams) -> tuple[Path | None, list[Path]]:
    """Where the images and keypoints are; None for what is still to be rendered."""
    if settings.name == "mini_market":
        if settings.mini_market is None:
            raise ValueError("params.yaml: dataset.mini_market: is null; it must say what to render")
        return None, []
    if settings.root is None or settings.annotations is None:
        raise ValueError("params.yaml: dataset: market1501 needs root (a folder) and annotations (a list of CSV files)")
    root, annotations = Path(settings.root), [Path(file) for file in settings.annotations]
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: folder not found (params.yaml: dataset.root)")
    for file in annotations:
        if not file.is_file():
            raise FileNotFoundError(f"{file}: keypoint file not found (params.yaml: dataset.annotations)")
    if settings.parsing is not None and not Path(settings.parsing.root).is_dir():
        raise FileNotFoundError(f"{settings.parsing.root}: folder not found (params.yaml: dataset.parsing.root)")
    return root, annotations


def _limits(max_ids: int | MaxIds | None) -> tuple[int, int] | None:
    if max_ids is None:
        return None
    return (max_ids, max_ids) if isinstance(max_ids, int) else (max_ids.train, max_ids.test)


def _write(market: market1501.Market1501, folder: Path, from_folder: Path, name: str) -> None:
    rows = market.rows
    rows = rows.assign(path=[f"{market1501.FOLDERS[s]}/{n}" for s, n in zip(rows["split"], rows["name"], strict=True)])
    for name in market1501.FOLDERS.values():
        (folder / name).mkdir(parents=True, exist_ok=True)
    if from_folder != folder:
        for file, path in zip(rows["file"], rows["path"], strict=True):
            shutil.copyfile(file, folder / path)
    keypoints.write(market.keypoints, folder / prepared.KEYPOINTS)
    for name in market1501.ANNOTATIONS:
        (folder / name).unlink(missing_ok=True)
    market1501.counts(market).to_csv(folder / "counts.csv", index=False)
    located = index.locate(rows, folder)
    with whole(folder / "contact_sheet.png") as temporary:
        contact_sheet.people(located, market.keypoints, folder / "parsing").save(temporary)
    prepared.write(prepared.About(name, market1501.SIZE, bool(rows["camid"].nunique() > 1)), folder)
    index.write(rows.assign(source="", target="", scene="", generator=""), folder / "index.csv")


def _print_counts(market: market1501.Market1501) -> None:
    import torch

    from generators.pairs import training_pairs
    from generators.pose import has_torso

    table = market1501.counts(market)
    click.echo(table.to_string(index=False))
    train = market.rows[market.rows["split"] == "train"]
    points = torch.from_numpy(keypoints.of_names(market.keypoints, train["name"]))
    pairs = training_pairs(train["pid"].to_numpy(), points)
    click.echo(
        f"{len(pairs):,} training pairs; {int((~has_torso(points)).sum()):,} of {len(train):,} training images lack a hip or "
        f"shoulder and are in none; {int(table['images'].sum() - table['with_pose'].sum()):,} images have no joint at all; "
        f"{market.doubled_suffix} names end in .jpg.jpg; {len(market.duplicates)} groups of images have equal bytes"
    )
    for group in market.duplicates[:5]:
        click.echo("  equal: " + ", ".join(group))
