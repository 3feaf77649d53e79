"""The files of a report card.

These are results/generators/NAME.json and NAME/pairs.csv, and the table of all cards. A metric is
{"value", "low", "high"}: `low` and `high` are the ends of its 95% interval, or null. An unavailable
metric is {"unavailable": reason, "file": the missing file or null}.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from augment import files, paths
from augment.files import whole
from augment.results.report_card.metrics import METRICS


def read(file: Path) -> dict[str, Any]:
    """Read a card that evaluate-generator has written.

    Raises:
        ValueError: If the file is not a card.
    """
    card = files.read_json(file)
    if (
        not isinstance(card, dict)
        or not {"generator", "dataset", "pairs", "metrics"} <= card.keys()
    ):
        raise ValueError(f"{file}: not a report card; run `augment evaluate-generator` again")
    return card


def all_cards() -> list[dict[str, Any]]:
    """All cards in results/generators, sorted by name."""
    return [read(file) for file in sorted((paths.RESULTS / "generators").glob("*.json"))]


def table(cards: list[dict[str, Any]]) -> pd.DataFrame:
    """One row per card: generator, dataset, pairs, then KEY, KEY_low and KEY_high of each metric.

    They are empty for a metric without a number.
    """
    rows = []
    for card in cards:
        row = {name: card[name] for name in ("generator", "dataset", "pairs")}
        for key in METRICS:
            metric = card["metrics"].get(key, {})
            row |= {
                key + end: metric.get(part)
                for end, part in (("", "value"), ("_low", "low"), ("_high", "high"))
            }
        rows.append(row)
    return pd.DataFrame(rows)


def write_table() -> None:
    """Write reports/generators.csv from all cards, if there are any."""
    if cards := all_cards():
        with whole(paths.REPORTS / "generators.csv") as temporary:
            table(cards).to_csv(temporary, index=False, float_format="%.6g")
