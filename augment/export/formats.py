"""Folders and tables of each export format.

| format | layout | readers |
|---|---|---|
| market1501 | bounding_box_train/ bounding_box_test/ query/ | any reader of Market-1501's folders |
| torchreid | market1501/Market-1501-v15.09.15/ with these, dataset.csv | torchreid's Market1501, augment.export.torchreid |
| fastreid | Market-1501-v15.09.15/ with these three | fast-reid's Market1501, with FASTREID_DATASETS set to the folder |
| csv | train/ query/ gallery/, and a table of each | your own code |
| huggingface | train/ query/ gallery/ with a metadata.jsonl in each | datasets.load_dataset(FOLDER) |

In csv and huggingface `label` is the class in training, -1 in query and gallery; `source`, `target`
and `scene` are names of images of the whole real set, which may be missing in a reduced set.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from augment.prepared.market1501 import FOLDERS

OFFICIAL = "Market-1501-v15.09.15"
SPLITS = {"train": "train", "query": "query", "gallery": "gallery"}
COLUMNS = ["pid", "camid", "label", "generated", "source", "target", "scene", "generator"]

# Rows of contents.py, with `path` relative to the export's folder -> file in that folder, table.
Tables = Callable[[pd.DataFrame], dict[str, pd.DataFrame]]


@dataclass(frozen=True)
class Format:
    """An export format.

    folders: split -> folder of its images
    tables: tables that are written in addition to images
    by_name: whether readers take pid and camera from names and accept only Market-1501's numbers
    reading: how to read the format, for the README
    front: YAML at the head of the README, which is then README.md
    """

    folders: dict[str, str]
    tables: Tables
    by_name: bool
    reading: str
    front: str = ""


def _below(folder: str) -> dict[str, str]:
    return {split: f"{folder}/{name}" for split, name in FOLDERS.items()}


def _none(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {}


def _dataset(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """torchreid's dsetid: 0 for real images, 1 for generated ones."""
    rows = rows.assign(dsetid=rows["generated"].astype(int))
    return {DATASET: rows[DATASET_COLUMNS]}


DATASET = "dataset.csv"
DATASET_COLUMNS = ["path", "pid", "camid", "split", "dsetid"]


def _split_tables(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {f"{split}.csv": part[["path", *COLUMNS]] for split, part in _parts(rows)}


def _metadata(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Tables of `imagefolder`, whose file_name is relative to the table.

    They are not CSVs, in which an empty column would be read as numbers.
    """
    return {
        f"{SPLITS[split]}/metadata.jsonl": part.rename(columns={"name": "file_name"})[
            ["file_name", *COLUMNS]
        ]
        for split, part in _parts(rows)
    }


def _parts(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(split, rows[rows["split"] == split]) for split in SPLITS]


# Splits other than train and test are found only if they are named here.
FRONT = "configs:\n- config_name: default\n  data_files:\n" + "".join(
    f"  - split: {split}\n    path: {folder}/**\n" for split, folder in SPLITS.items()
)

FORMATS = {
    "market1501": Format(FOLDERS, _none, True, "Give your reader this folder as Market-1501's."),
    "torchreid": Format(
        _below(f"market1501/{OFFICIAL}"),
        _dataset,
        False,
        "torchreid's own class:\n"
        "    torchreid.data.ImageDataManager(root=FOLDER, sources='market1501')\n"
        "with generated images marked (dsetid 1, real ones 0):\n"
        "    from augment.export.torchreid import register\n"
        "    register('NAME', FOLDER)\n"
        "    torchreid.data.ImageDataManager(root=FOLDER, sources='NAME')",
    ),
    "fastreid": Format(
        _below(OFFICIAL),
        _none,
        True,
        "    export FASTREID_DATASETS=FOLDER\n"
        "and DATASETS.NAMES: ('Market1501',) with DATASETS.TESTS: ('Market1501',) in the config.",
    ),
    "csv": Format(
        SPLITS,
        _split_tables,
        False,
        "train.csv, query.csv and gallery.csv: `path` is relative to this folder.",
    ),
    "huggingface": Format(SPLITS, _metadata, False, "    datasets.load_dataset(FOLDER)", FRONT),
}
