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
    cards = [card.read(_card_file(name)) for name in (first, second)]
    if cards[0]["dataset"] != cards[1]["dataset"]:
        raise ValueError(
            f"{first} was scored on {cards[0]['dataset']}, {second} on {cards[1]['dataset']}: evaluate them again"
        )
    both = joined(pairs_of(first), pairs_of(second), (first, second))
    click.echo(
        f"{len(both):,} pairs of {both['pid'].nunique():,} identities; {second} - {first}, 95% interval"
    )
    sizes = ["x".join(map(str, entry["image_size"])) for entry in cards]
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
        FileNotFoundError: If the file does not exist.
    """
    file = paths.card_folder(name) / "pairs.csv"
    if not file.is_file():
        raise FileNotFoundError(
            f"{file}: not found; run `augment evaluate-generator` for {name} again"
        )
    return pd.read_csv(file)


def joined(first: pd.DataFrame, second: pd.DataFrame, names: tuple[str, str]) -> pd.DataFrame:
    """Join the rows of two cards; their columns get the suffixes _1 and _2.

    Raises:
        ValueError: If the cards do not have the same pairs.
    """
    both = first.merge(second, on=["source", "target", "pid"], suffixes=("_1", "_2"))
    if not len(both) == len(first) == len(second):
        raise ValueError(
            f"{names[0]} was scored on {len(first):,} pairs and {names[1]} on {len(second):,}, of which {len(both):,} are the "
            "same: evaluate both with the same settings"
        )
    return both


def differences(both: pd.DataFrame, settings: EvaluationParams) -> pd.DataFrame:
    """One row per metric: key, both values, and their difference (second - first) with interval.

    The last column is `differ` if the interval excludes 0.
    """
    rows: list[list[Any]] = []
    for key, metric in METRICS.items():
        if metric.column is None or not {f"{metric.column}_1", f"{metric.column}_2"} <= set(both):
            continue
        a, b = (both[f"{metric.column}_{number}"].to_numpy(float) for number in (1, 2))
        weights = None if metric.counted is None else both[f"{metric.counted}_1"].to_numpy(float)
        # A pair counts if both cards have a value.
        missing = np.isnan(a) | np.isnan(b)
        if missing.all():
            continue
        a, b = (np.where(missing, np.nan, values) for values in (a, b))
        first, second, difference = (
            mean_interval(values, both["pid"].to_numpy(), weights, settings.draws, settings.seed)
            for values in (a, b, b - a)
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
