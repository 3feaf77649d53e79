"""The tables of the page: rows of text, and numbers to sort by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd

from augment.results.curves import ARM, Row, label, with_spread
from augment.results.curves import rows as typed_rows
from augment.results.page.chart import ordered

TUNED = ["setting", "model", "augmentation", "portion", "ratio", "budget", "seed", "mAP", "rank1"]
AS_SHIPPED = "params.yaml"


@dataclass(frozen=True)
class Arm:
    """One row of the table of all arms.

    key: its row of harm.judge
    runs: seed, and address in MLflow or ""
    """

    key: Row
    column: str
    mAP: str
    rank1: str
    train_images: str
    rejected: str
    runs: list[tuple[int, str]]


@dataclass(frozen=True)
class Grid:
    """Arms by augmentation (row), column and budget.

    columns: e.g. 0.3, x2
    rows: augmentation, and rows of harm.judge by column and budget; None without such an arm
    """

    columns: list[str]
    budgets: list[str]
    rows: list[tuple[str, list[list[Row | None]]]]


@dataclass(frozen=True)
class Tuned:
    """One file of `augment tune`.

    rows: setting, and for each cell its text, its difference to params.yaml, and whether it is the
        best; None without a run
    """

    name: str
    cells: list[str]
    rows: list[tuple[str, list[tuple[str, float | None, bool] | None]]]
    seeds: list[int]


def grid(summary: pd.DataFrame, names: Iterable[str]) -> Grid:
    """Arms of one data set and model, budgets side by side, equal iterations first."""
    cells = {
        (row.augmentation, (row.portion, row.ratio), row.budget): row for row in typed_rows(summary)
    }
    columns = sorted({column for _, column, _ in cells})
    budgets = sorted({budget for _, _, budget in cells}, reverse=True)
    rows = [
        (name, [[cells.get((name, column, budget)) for budget in budgets] for column in columns])
        for name in names
        if name in set(summary["augmentation"])
    ]
    return Grid([label(*column) for column in columns], budgets, rows)


def arms(judged: pd.DataFrame, results: Iterable[Mapping[str, Any]], mlflow_url: str) -> list[Arm]:
    """The table of all arms."""
    of_arm: dict[tuple, list[Mapping[str, Any]]] = {}
    for result in results:
        of_arm.setdefault(tuple(result[name] for name in ARM), []).append(result)
    rows = []
    place = {name: number for number, name in enumerate(ordered(judged["augmentation"]))}
    columns = ["dataset", "model", "budget", "portion", "ratio", "augmentation"]
    rising = [name != "budget" for name in columns]
    in_order = judged.sort_values(
        columns,
        ascending=rising,
        key=lambda column: column.map(place) if column.name == "augmentation" else column,
    )
    for row in typed_rows(in_order):
        seeds = sorted(
            of_arm[tuple(getattr(row, name) for name in ARM)], key=lambda result: result["seed"]
        )
        rows.append(
            Arm(
                row,
                label(row.portion, row.ratio),
                with_spread(row.mAP_mean, row.mAP_std),
                with_spread(row.rank1_mean, row.rank1_std),
                _several(seeds, "train_images"),
                _several(seeds, "rejected_images"),
                [(result["seed"], run_address(result, mlflow_url)) for result in seeds],
            )
        )
    return rows


def run_address(result: Mapping[str, Any], mlflow_url: str) -> str:
    """The address of a result's MLflow run; empty if it was not tracked."""
    run = result.get("mlflow")
    return (
        f"{mlflow_url.rstrip('/')}/#/experiments/{run['experiment']}/runs/{run['run']}"
        if run
        else ""
    )


def tuned(file: Path) -> Tuned:
    """Read one file of `augment tune`.

    Raises:
        ValueError: If a column is missing, or a setting, cell and seed occur twice.
    """
    rows = pd.read_csv(file, dtype={"setting": str})
    if missing := [name for name in TUNED if name not in rows.columns]:
        raise ValueError(f"{file}: missing column {', '.join(missing)}; run `augment tune` again")
    cell = ["model", "augmentation", "portion", "ratio", "budget"]
    if rows.duplicated(["setting", *cell, "seed"]).any():
        raise ValueError(f"{file}: a setting, cell and seed occur twice; run `augment tune` again")
    scores = rows.groupby(["setting", *cell])["mAP"].agg(["mean", "std"])
    keys = cast(list[tuple[Any, ...]], scores.index.tolist())
    means = dict(zip(keys, scores["mean"].tolist(), strict=True))
    spreads = dict(zip(keys, scores["std"].tolist(), strict=True))
    in_file = list(dict.fromkeys(rows["setting"].tolist()))
    settings = sorted(in_file, key=lambda name: (name != AS_SHIPPED, in_file.index(name)))
    cells = sorted({key[1:] for key in keys})
    best = {cell: max(mean for key, mean in means.items() if key[1:] == cell) for cell in cells}
    table = []
    for setting in settings:
        entries: list[tuple[str, float | None, bool] | None] = []
        for cell in cells:
            mean = means.get((setting, *cell))
            if mean is None:
                entries.append(None)
                continue
            shipped = means.get((AS_SHIPPED, *cell))
            difference = None if shipped is None or setting == AS_SHIPPED else mean - shipped
            text = with_spread(mean, spreads[setting, *cell])
            entries.append((text, difference, mean == best[cell]))
        table.append((setting, entries))
    names = [
        f"{model} {augmentation} {label(portion, ratio)} ({budget})"
        for model, augmentation, portion, ratio, budget in cells
    ]
    return Tuned(file.stem, names, table, sorted(rows["seed"].unique().tolist()))


def _several(results: Iterable[Mapping[str, Any]], key: str) -> str:
    """One number if all seeds agree, or their range; empty if no result has the key."""
    values = sorted({result[key] for result in results if key in result})
    return (
        " to ".join(f"{value:,}" for value in dict.fromkeys([values[0], values[-1]]))
        if values
        else ""
    )
