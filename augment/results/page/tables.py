"""The tables of the page: frames and results to rows of text, numbers to sort by beside them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from augment.results.curves import ARM, label, with_spread
from augment.results.page.chart import ordered

TUNED = ["setting", "model", "augmentation", "portion", "ratio", "budget", "seed", "mAP", "rank1"]
AS_SHIPPED = "params.yaml"


@dataclass(frozen=True)
class Arm:
    """One row of the table of all arms."""

    key: Any  # a row of harm.judge
    column: str
    mAP: str
    rank1: str
    train_images: str
    rejected: str
    runs: list[tuple[int, str]]  # seed, address in MLflow or ""


@dataclass(frozen=True)
class Grid:
    """Arms by augmentation (row), column and budget; None where there is no such arm."""

    columns: list[str]  # 0.3, x2
    budgets: list[str]
    rows: list[tuple[str, list[list[Any]]]]  # rows of harm.judge


@dataclass(frozen=True)
class Tuned:
    """One file of `augment tune`: settings by cells; each cell: text, difference to params.yaml,
    whether it is the best.
    """

    name: str
    cells: list[str]
    rows: list[tuple[str, list[tuple[str, float | None, bool] | None]]]
    seeds: list[int]


def grid(summary: pd.DataFrame, names: Iterable[str]) -> Grid:
    """Arms of one data set and model, budgets side by side, equal iterations first."""
    columns = sorted({(row.portion, row.ratio) for row in summary.itertuples()})
    budgets = sorted(summary["budget"].unique(), reverse=True)
    found = {
        (row.augmentation, (row.portion, row.ratio), row.budget): row
        for row in summary.itertuples()
    }
    rows = [
        (name, [[found.get((name, column, budget)) for budget in budgets] for column in columns])
        for name in names
        if name in set(summary["augmentation"])
    ]
    return Grid([label(*column) for column in columns], budgets, rows)


def arms(judged: pd.DataFrame, results: Iterable[Mapping[str, Any]], mlflow_url: str) -> list[Arm]:
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
        key=lambda one: one.map(place) if one.name == "augmentation" else one,
    )
    for row in in_order.itertuples():
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
    """Of the MLflow run of a result; empty where there was none."""
    run = result.get("mlflow")
    return (
        f"{mlflow_url.rstrip('/')}/#/experiments/{run['experiment']}/runs/{run['run']}"
        if run
        else ""
    )


def tuned(file: Path) -> Tuned:
    """One file of `augment tune`.

    Raises:
        ValueError: a column is missing, or a cell has one setting and seed twice.
    """
    rows = pd.read_csv(file, dtype={"setting": str})
    if missing := [name for name in TUNED if name not in rows.columns]:
        raise ValueError(f"{file}: missing column {', '.join(missing)}; run `augment tune` again")
    cell = ["model", "augmentation", "portion", "ratio", "budget"]
    if rows.duplicated(["setting", *cell, "seed"]).any():
        raise ValueError(
            f"{file}: one setting, cell and seed is there twice; run `augment tune` again"
        )
    means = rows.groupby(["setting", *cell])["mAP"].agg(["mean", "std"])
    settings = sorted(
        rows["setting"].unique(),
        key=lambda name: (name != AS_SHIPPED, list(rows["setting"]).index(name)),
    )
    cells = sorted({key[1:] for key in means.index})
    best = {one: means.xs(one, level=cell)["mean"].max() for one in cells}
    table = []
    for setting in settings:
        entries: list[tuple[str, float | None, bool] | None] = []
        for one in cells:
            if (setting, *one) not in means.index:
                entries.append(None)
                continue
            mean, std = means.loc[(setting, *one)]
            shipped = means["mean"].get((AS_SHIPPED, *one))
            difference = None if shipped is None or setting == AS_SHIPPED else mean - shipped
            entries.append((with_spread(mean, std), difference, mean == best[one]))
        table.append((setting, entries))
    names = [
        f"{model} {augmentation} {label(portion, ratio)} ({budget})"
        for model, augmentation, portion, ratio, budget in cells
    ]
    return Tuned(file.stem, names, table, sorted(rows["seed"].unique().tolist()))


def _several(results: Iterable[Mapping[str, Any]], key: str) -> str:
    """One number where all seeds agree, else their range; empty where no result has the key."""
    values = sorted({result[key] for result in results if key in result})
    return (
        " to ".join(f"{value:,}" for value in dict.fromkeys([values[0], values[-1]]))
        if values
        else ""
    )
