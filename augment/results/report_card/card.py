"""The files of a report card: results/generators/NAME.json, NAME/pairs.csv, and the table of all
cards.

A metric is {"value", "low", "high"}, the ends of its 95% interval, which are null where it has
none; or, where it could not be had, {"unavailable": why, "file": what is wanted}.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from augment import files, paths
from augment.files import whole

KEYS = (
    "ssim", "mask_ssim", "ssim_legacy", "mask_ssim_legacy", "l1", "pckh", "pckh_euclidean",
    "pckh_real", "pckh_euclidean_real", "miou", "reid_frechet", "identity_mAP",
    "identity_rank1", "identity_cosine", "identity_mAP_real", "identity_rank1_real",
    "identity_cosine_real", "diversity", "diversity_real", "memorisation", "memorisation_real",
    "fid", "is", "mask_is", "lpips", "mask_lpips", "ds",
)  # fmt: skip


def read(file: Path) -> dict[str, Any]:
    """
    Raises:
        ValueError: the file is no card.
    """
    card = files.read_json(file)
    if (
        not isinstance(card, dict)
        or not {"generator", "dataset", "pairs", "metrics"} <= card.keys()
    ):
        raise ValueError(f"{file}: not a report card; run `augment evaluate-generator` again")
    return card


def all_cards() -> list[dict[str, Any]]:
    """Of results/generators, by name."""
    return [read(file) for file in sorted((paths.RESULTS / "generators").glob("*.json"))]


def table(cards: list[dict[str, Any]]) -> pd.DataFrame:
    """A row a card: generator, dataset, pairs, then each KEY with KEY_low and KEY_high, empty where
    there is no number.
    """
    rows = []
    for one in cards:
        row = {"generator": one["generator"], "dataset": one["dataset"], "pairs": one["pairs"]}
        for key in KEYS:
            found = one["metrics"].get(key, {})
            row |= {
                key + end: found.get(part)
                for end, part in (("", "value"), ("_low", "low"), ("_high", "high"))
            }
        rows.append(row)
    return pd.DataFrame(rows)


def write_table() -> None:
    """reports/generators.csv, of all cards; nothing where there is none."""
    if cards := all_cards():
        with whole(paths.REPORTS / "generators.csv") as temporary:
            table(cards).to_csv(temporary, index=False, float_format="%.6g")
