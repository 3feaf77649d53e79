"""compare: two report cards -> the differences on the same pairs, with their intervals.

A metric that is no mean over pairs (reid_frechet, fid, is, ...) has no such difference, and is left
out.
"""

from typing import Any

import click
import numpy as np
import pandas as pd

from augment import params, paths
from augment.results.report_card import card
from augment.results.report_card.settings import EvaluationParams
from generators.metrics.intervals import mean_interval

# KEY -> its column in pairs.csv, and that which counts what it is a share of.
COLUMNS = {
    "ssim": ("ssim", None), "mask_ssim": ("mask_ssim", None),
    "ssim_legacy": ("ssim_legacy", None), "mask_ssim_legacy": ("mask_ssim_legacy", None),
    "l1": ("l1", None), "pckh": ("pckh_right", "pckh_counted"),
    "pckh_euclidean": ("pckh_euclidean_right", "pckh_counted"),
    "identity_mAP": ("identity_ap", None), "identity_rank1": ("identity_first", None),
    "identity_cosine": ("identity_cosine", None), "memorisation": ("nearest_distance", None),
    "lpips": ("lpips", None), "mask_lpips": ("mask_lpips", None), "ds": ("ds", None),
}  # fmt: skip


def run(first: str, second: str) -> None:
    settings = params.load(EvaluationParams, "evaluation")
    cards = [card.read(_found(name)) for name in (first, second)]
    sizes = ["x".join(map(str, one["image_size"])) for one in cards]
    if cards[0]["dataset"] != cards[1]["dataset"]:
        raise ValueError(
            f"{first} was scored on {cards[0]['dataset']}, {second} on {cards[1]['dataset']}: evaluate them again"
        )
    both = joined(*(pairs_of(name) for name in (first, second)), (first, second))
    click.echo(
        f"{len(both):,} pairs of {both['pid'].nunique():,} identities; {second} - {first}, 95% interval"
    )
    if sizes[0] != sizes[1]:
        click.echo(
            f"note: {first} was scored at {sizes[0]}, {second} at {sizes[1]}: SSIM and L1 depend on the size"
        )
    table = differences(both, settings)
    table.columns = ["metric", first, second, "difference", "low", "high", ""]
    click.echo(table.to_string(index=False, float_format=lambda value: f"{value:.4f}"))


def pairs_of(name: str) -> pd.DataFrame:
    """A card's pairs. FileNotFoundError where there are none."""
    file = paths.card_folder(name) / "pairs.csv"
    if not file.is_file():
        raise FileNotFoundError(
            f"{file}: not found; run `augment evaluate-generator` for {name} again"
        )
    return pd.read_csv(file)


def joined(first: pd.DataFrame, second: pd.DataFrame, names: tuple[str, str]) -> pd.DataFrame:
    """The rows of both, columns with the suffixes _1 and _2. ValueError where they are not of the
    same pairs.
    """
    both = first.merge(second, on=["source", "target", "pid"], suffixes=("_1", "_2"))
    if not len(both) == len(first) == len(second):
        raise ValueError(
            f"{names[0]} was scored on {len(first):,} pairs and {names[1]} on {len(second):,}, of which {len(both):,} are the "
            "same: evaluate both with the same settings"
        )
    return both


def differences(both: pd.DataFrame, settings: EvaluationParams) -> pd.DataFrame:
    """A row a metric: KEY, both values, their difference (second - first) with its interval, and
    whether that excludes 0.
    """
    rows: list[list[Any]] = []
    for key, (column, counted) in COLUMNS.items():
        if not {f"{column}_1", f"{column}_2"} <= set(both.columns):
            continue
        one, two = (both[f"{column}_{number}"].to_numpy(float) for number in (1, 2))
        weights = None if counted is None else both[f"{counted}_1"].to_numpy(float)
        # A pair counts where both have a value.
        missing = np.isnan(one) | np.isnan(two)
        one, two = (np.where(missing, np.nan, values) for values in (one, two))
        if missing.all():
            continue
        found = [
            mean_interval(values, both["pid"].to_numpy(), weights, settings.draws, settings.seed)
            for values in (one, two, two - one)
        ]
        apart = found[2].low > 0 or found[2].high < 0
        rows.append(
            [
                key,
                *(each.value for each in found),
                found[2].low,
                found[2].high,
                "differ" if apart else "",
            ]
        )
    return pd.DataFrame(
        rows, columns=["metric", "first", "second", "difference", "low", "high", "differ"]
    )


def _found(name: str) -> Any:
    file = paths.card(name)
    if not file.is_file():
        known = ", ".join(sorted(one.stem for one in file.parent.glob("*.json"))) or "none"
        raise FileNotFoundError(
            f"{file}: not found; run `augment evaluate-generator` for it first (there are cards of: {known})"
        )
    return file
