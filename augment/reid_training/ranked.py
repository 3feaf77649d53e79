"""ranked.json: the first gallery images that a trained re-ID model finds for a few queries, hit or
miss.

train-reid writes one next to a model's weights. Every arm shows the same queries, evenly through the
query set and chosen before anything is scored, so that arms can be compared and no result picks its
own examples. Paths are relative to data/prepared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from augment import files
from reid.rankings import Ranking

QUERIES = 8
TOP = 10


@dataclass(frozen=True)
class Found:
    """A gallery image in its place; hit: another camera's image of the query's person."""

    path: str
    pid: int
    camid: int
    hit: bool


@dataclass(frozen=True)
class RankedList:
    path: str
    pid: int
    camid: int
    ap: float
    found: list[Found]


def chosen(query: pd.DataFrame) -> np.ndarray:
    """int64, ascending: rows of the queries that every arm shows, of different persons as far as
    there are.
    """
    firsts = np.flatnonzero(~query["pid"].duplicated())
    return firsts[np.linspace(0, len(firsts) - 1, min(QUERIES, len(firsts))).round().astype(int)]


def write(
    file: Path, rankings: Sequence[Ranking], query: pd.DataFrame, gallery: pd.DataFrame
) -> None:
    """Of reid.rankings.rankings; query and gallery are the index rows, in the order of the
    features.
    """
    lists = []
    for one in rankings:
        found = [
            _described(gallery.iloc[row]) | {"hit": bool(hit)}
            for row, hit in zip(one.gallery, one.hits, strict=True)
        ]
        lists.append(
            _described(query.iloc[one.query])
            | {"ap": round(one.average_precision, 6), "found": found}
        )
    files.write_json(file, {"queries": lists})


def read(file: Path) -> list[RankedList]:
    """
    Raises:
        ValueError: the file is not what `write` writes.
    """
    try:
        lists = files.read_json(file)["queries"]
        return [
            RankedList(**{**one, "found": [Found(**found) for found in one["found"]]})
            for one in lists
        ]
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{file}: not a list of ranked images ({error}); train this arm again"
        ) from error


def _described(row: pd.Series) -> dict[str, str | int]:
    return {"path": str(row["path"]), "pid": int(row["pid"]), "camid": int(row["camid"])}
