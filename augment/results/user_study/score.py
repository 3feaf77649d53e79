"""Computes the table of a study from raters' answers.

Shares are computed per rater and averaged over raters; the 95% interval is a bootstrap over raters,
so that it covers the choice of raters. All values are fractions.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from augment.results.report_card import published
from augment.results.user_study.answers import Rater
from augment.results.user_study.study import AB, GENERATED, REAL
from generators.metrics.intervals import mean_interval

# R2G, G2R and preferred (SPGNet calls it Jab) as defined in the papers: PATN section 4.3.3, SPGNet
# section 4.3.
MEASURES = {"real-or-generated": ("R2G", "G2R"), "ab": ("preferred",)}
PUBLISHED = {"R2G": "r2g_percent", "G2R": "g2r_percent", "preferred": "jab_percent"}
LATE_MS = 50


def shares(key: Mapping[str, Any], raters: Sequence[Rater]) -> pd.DataFrame:
    """One row per generator and rater, without practice trials.

    real-or-generated: R2G, the share of the part's real images rated generated, and G2R, the share
        of its generated images rated real.
    ab: preferred, the share of trials in which the generator's image was chosen.
    """
    rows = []
    counted = [trial for trial in key["trials"] if not trial["practice"]]
    for part, generator in enumerate(key["generators"]):
        for rater in raters:
            ratings = {trial["id"]: rater.answers[trial["id"]].answer for trial in counted}
            if key["form"] == AB:
                chosen = [trial["shown"][ratings[trial["id"]]] == generator for trial in counted]
                measured = {"preferred": np.mean(chosen)}
            else:
                of_part = [trial for trial in counted if trial["part"] == part]
                real = [trial["id"] for trial in of_part if trial["shown"] == [REAL]]
                generated = [trial["id"] for trial in of_part if trial["shown"] == [generator]]
                measured = {
                    "R2G": np.mean([ratings[trial] == GENERATED for trial in real]),
                    "G2R": np.mean([ratings[trial] == REAL for trial in generated]),
                }
            rows.append({"generator": generator, "rater": rater.name, **measured})
    return pd.DataFrame(rows)


def table(key: Mapping[str, Any], raters: Sequence[Rater]) -> pd.DataFrame:
    """One row per generator: number of raters, and each measure with interval and variance.

    The variance is that over raters, as in SPT. With one rater, interval and variance are NaN.
    """
    rows = []
    for generator, ratings in shares(key, raters).groupby("generator", sort=False):
        row: dict[str, Any] = {"generator": generator, "raters": len(ratings)}
        for measure in MEASURES[key["form"]]:
            values = ratings[measure].to_numpy(float)
            mean = mean_interval(values, np.arange(len(values)))
            spread = (np.nan,) * 3
            if len(values) > 1:
                spread = (mean.low, mean.high, values.var(ddof=1))
            row |= {measure: mean.value, **dict(zip(_spread(measure), spread, strict=True))}
        rows.append(row)
    return pd.DataFrame(rows)


def markdown(key: Mapping[str, Any], scored: pd.DataFrame) -> str:
    """The table as Markdown, with the papers' figures on Market-1501 below, marked as such."""
    measures = MEASURES[key["form"]]
    heads = (
        [f"preferred; chance: {1 / len(key['generators']):.3f}"] if key["form"] == AB else measures
    )
    lines = [
        f"| {key['dataset']} | raters | {' | '.join(heads)} |",
        f"|---|---|{'---|' * len(measures)}",
    ]
    for row in scored.to_dict("records"):
        cells = [
            _cell(row[measure], *(row[end] for end in _spread(measure)[:2])) for measure in measures
        ]
        lines.append(f"| {row['generator']} | {row['raters']} | {' | '.join(cells)} |")
    for row in _published(key["form"]).to_dict("records"):
        cells = [f"{row[PUBLISHED[measure]] / 100:.3f}" for measure in measures]
        source = f"{row['paper']}, Table {row['table']}" + (
            ", best of 7" if key["form"] == AB else ""
        )
        lines.append(
            f"| *{row['generator']} on Market-1501: {source}* | 30 | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def _published(form: str) -> pd.DataFrame:
    """Rows of published.csv on Market-1501 for this project's generators, each as first printed."""
    rows = published.published()
    columns = [PUBLISHED[measure] for measure in MEASURES[form]]
    rows = rows[(rows["dataset"] == published.DATASET) & (rows["generator"] != "")].dropna(
        subset=columns
    )
    return rows.drop_duplicates(["generator", *columns])


def _spread(measure: str) -> tuple[str, str, str]:
    return f"{measure}_low", f"{measure}_high", f"{measure}_variance"


def _cell(value: float, low: float, high: float) -> str:
    return f"{value:.3f}" if np.isnan(low) else f"{value:.3f} ({low:.3f} to {high:.3f})"


def irregular(key: Mapping[str, Any], raters: Sequence[Rater], shown_ms: float) -> list[str]:
    """A line for each rater who saw images for the wrong time, or again after a reload.

    Practice trials do not count.
    """
    counted = [trial["id"] for trial in key["trials"] if not trial["practice"]]
    lines = []
    for rater in raters if key["form"] != AB else ():
        answers = [rater.answers[trial] for trial in counted]
        times = [answer.shown_ms for answer in answers if answer.shown_ms is not None]
        off = [time for time in times if abs(time - shown_ms) > LATE_MS]
        again = sum(answer.seen is not None and answer.seen > 1 for answer in answers)
        if off:
            lines.append(
                f"{rater.file}: {len(off)} of {len(answers)} images were shown for {min(off):.0f} to {max(off):.0f} ms"
            )
        if again:
            lines.append(
                f"{rater.file}: {again} of {len(answers)} images were shown again after a reload"
            )
    return lines
