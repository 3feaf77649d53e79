"""ranked.json: the top gallery images of a few queries, ranked by a trained re-ID model.

train-reid writes the file next to a model's weights. Every arm shows the same queries, spread over
the query set and chosen before scoring, so that arms can be compared and no result picks its own
examples. Paths are relative to data/prepared.
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
    """A gallery image of a ranked list; hit: whether it is a cross-camera match of the query."""

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
    """Rows of the queries that every arm shows, ascending int64; each of another person."""
    firsts = np.flatnonzero(~query["pid"].duplicated())
    return firsts[np.linspace(0, len(firsts) - 1, min(QUERIES, len(firsts))).round().astype(int)]


def write(
    file: Path, rankings: Sequence[Ranking], query: pd.DataFrame, gallery: pd.DataFrame
) -> None:
    """Write ranked lists.

    Args:
        rankings: from reid.rankings.rankings.
        query, gallery: index rows, in the order of the features.
    """
    lists = []
    for ranking in rankings:
        found = [
            _described(gallery.iloc[row]) | {"hit": bool(hit)}
            for row, hit in zip(ranking.gallery, ranking.hits, strict=True)
        ]
        lists.append(
            _described(query.iloc[ranking.query])
            | {"ap": round(ranking.average_precision, 6), "found": found}
        )
    files.write_json(file, {"queries": lists})


def read(file: Path) -> list[RankedList]:
    """Read ranked lists.

    Raises:
        ValueError: If the file does not have the form that `write` writes.
    """
    try:
        lists = files.read_json(file)["queries"]
        return [
            RankedList(**{**entry, "found": [Found(**image) for image in entry["found"]]})
            for entry in lists
        ]
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{file}: not a list of ranked images ({error}); train this arm again"
        ) from error


def _described(row: pd.Series) -> dict[str, str | int]:
    return {"path": str(row["path"]), "pid": int(row["pid"]), "camid": int(row["camid"])}
