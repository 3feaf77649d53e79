"""compare: two report cards -> the differences on the same pairs, with their intervals.

Only metrics that are means over pairs have such a difference: reid_frechet, fid, is, ... are left
out.
"""

from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from augment import params, paths
from augment.results.report_card import card
from augment.results.report_card.metrics import METRICS
from augment.results.report_card.settings import EvaluationParams
from generators.metrics.intervals import mean_interval


def run(first: str, second: str) -> None:
    """Print the differences between the cards of two generators."""
    settings = params.load(EvaluationParams, "evaluation")
    one, two = (card.read(_card_file(name)) for name in (first, second))
    if one["dataset"] != two["dataset"]:
        raise ValueError(
            f"{first} was scored on {one['dataset']}, {second} on {two['dataset']}: evaluate them again"
        )
    both = joined(pairs_of(first), pairs_of(second), (first, second))
    click.echo(
        f"{len(both):,} pairs of {both['pid'].nunique():,} identities; {second} - {first}, 95% interval"
    )
    sizes = ["x".join(map(str, each["image_size"])) for each in (one, two)]
    if sizes[0] != sizes[1]:
        click.echo(
            f"note: {first} was scored at {sizes[0]}, {second} at {sizes[1]}: SSIM and L1 depend on the size"
        )
    table = differences(both, settings)
    table.columns = ["metric", first, second, "difference", "low", "high", ""]
    click.echo(table.to_string(index=False, float_format=lambda value: f"{value:.4f}"))


def pairs_of(name: str) -> pd.DataFrame:
    """The pairs.csv of a card.

    Raises:
        FileNotFoundError: it does not exist.
    """
    file = paths.card_folder(name) / "pairs.csv"
    if not file.is_file():
        raise FileNotFoundError(
            f"{file}: not found; run `augment evaluate-generator` for {name} again"
        )
    return pd.read_csv(file)


def joined(first: pd.DataFrame, second: pd.DataFrame, names: tuple[str, str]) -> pd.DataFrame:
    """The rows of both, columns with the suffixes _1 and _2.

    Raises:
        ValueError: the two are not of the same pairs.
    """
    both = first.merge(second, on=["source", "target", "pid"], suffixes=("_1", "_2"))
    if not len(both) == len(first) == len(second):
        raise ValueError(
            f"{names[0]} was scored on {len(first):,} pairs and {names[1]} on {len(second):,}, of which {len(both):,} are the "
            "same: evaluate both with the same settings"
        )
    return both


def differences(both: pd.DataFrame, settings: EvaluationParams) -> pd.DataFrame:
    """A row per metric: key, both values, their difference (second - first) with its interval, and
    `differ` where the interval excludes 0.
    """
    rows: list[list[Any]] = []
    for key, metric in METRICS.items():
        if metric.column is None or not {f"{metric.column}_1", f"{metric.column}_2"} <= set(both):
            continue
        one, two = (both[f"{metric.column}_{number}"].to_numpy(float) for number in (1, 2))
        weights = None if metric.counted is None else both[f"{metric.counted}_1"].to_numpy(float)
        # A pair counts where both have a value.
        missing = np.isnan(one) | np.isnan(two)
        if missing.all():
            continue
        one, two = (np.where(missing, np.nan, values) for values in (one, two))
        first, second, difference = (
            mean_interval(values, both["pid"].to_numpy(), weights, settings.draws, settings.seed)
            for values in (one, two, two - one)
        )
        rows.append(
            [
                key,
                first.value,
                second.value,
                difference.value,
                difference.low,
                difference.high,
                "differ" if difference.low > 0 or difference.high < 0 else "",
            ]
        )
    return pd.DataFrame(
        rows, columns=["metric", "first", "second", "difference", "low", "high", "differ"]
    )


def _card_file(name: str) -> Path:
    file = paths.card(name)
    if not file.is_file():
        known = ", ".join(sorted(card.stem for card in file.parent.glob("*.json"))) or "none"
        raise FileNotFoundError(
            f"{file}: not found; run `augment evaluate-generator` for it first (existing cards: {known})"
        )
    return file
