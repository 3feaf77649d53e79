"""Files of reports/ that `dvc metrics` and `dvc plots` read, as dvc.yaml says.

headline.json     augmentation -> portion -> mAP and gap closed
plots/curves.csv  one row per point of a curve
plots/cards.csv   one row per generator and metric of its report card
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from augment import files, paths
from augment.files import whole
from augment.results.curves import by_curve, groups, label, rows
from augment.results.report_card.metrics import METRICS

PANEL = ["dataset", "model", "budget"]
SCORES = {"mAP": "mAP_mean", "gap_closed": "gap_closed"}
DIGITS = 4


def write(summary: pd.DataFrame, cards: Sequence[Mapping[str, Any]]) -> None:
    """Write all of them; a summary as by curves.summarise, and cards as read from their files."""
    files.write_json(paths.REPORTS / "headline.json", headline(summary))
    for name, table in (("curves.csv", curve_points(summary)), ("cards.csv", scores(cards))):
        with whole(paths.REPORTS / "plots" / name) as temporary:
            table.to_csv(temporary, index=False, float_format="%.6g")


def headline(summary: pd.DataFrame) -> dict[str, Any]:
    """Augmentation -> portion -> scores, means over seeds, without those that do not exist.

    Results of several data sets, models or budgets are nested below names such as
    `mini_market inception iterations`.
    """
    panels: dict[str, Any] = {}
    for key, part in groups(summary, PANEL):
        panel = panels.setdefault(" ".join(key), {})
        for row in rows(part):
            values = {name: float(getattr(row, column)) for name, column in SCORES.items()}
            panel.setdefault(row.augmentation, {})[label(row.portion, row.ratio)] = {
                name: round(value, DIGITS) for name, value in values.items() if not np.isnan(value)
            }
    return next(iter(panels.values())) if len(panels) == 1 else panels


def curve_points(summary: pd.DataFrame) -> pd.DataFrame:
    """A row per point of a curve: panel, augmentation, position, and the scores."""
    tables = []
    for key, curve in by_curve(summary):
        panel = f"{key['dataset']}, {key['model']} (equal {key['budget']})"
        tables.append(curve.assign(panel=panel, augmentation=key["augmentation"]))
    table = pd.concat(tables).rename(columns={"mAP_mean": "mAP", "rank1_mean": "rank1"})
    return table[["panel", "augmentation", "position", "mAP", "mAP_std", "rank1", "rank1_std"]]


def scores(cards: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row per generator and metric of its card, but not of the real images."""
    lines = []
    for card in cards:
        for key, metric in METRICS.items():
            score = card["metrics"].get(key, {})
            if "value" not in score or metric.of_real_images:
                continue
            panel = f"{card['dataset']}: {metric.title}"
            value = score["value"]
            low, high = (score[end] if score[end] is not None else value for end in ("low", "high"))
            lines.append((panel, card["generator"], value, low, high))
    return pd.DataFrame(lines, columns=["panel", "generator", "value", "low", "high"])
