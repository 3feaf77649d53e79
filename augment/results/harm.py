"""The harm alarm: augmentations that lower mAP, and generators that do not beat free baselines.

The difference of two arms is that of their means over seeds. Its spread is sqrt(a^2 + b^2) of their
standard deviations, which is that of the difference between one run of each. If an arm has one
seed, the spread is unknown and any difference counts.

The alarm errs on the side of false alarms. Of arms exactly as good as `none`, with n seeds each and
equal variances, it marks the share of Student's t with 2 (n - 1) degrees of freedom beyond sqrt(n):
8% with three seeds, 3% with five.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from augment.augmentations import CLASSIC, NONE, PUPPET, parse
from augment.results.curves import Row, groups, label, rows

SETTING = ["dataset", "model", "budget"]
# The free baselines that a trained generator has to beat: real images under stronger ordinary
# augmentation, and puppets, which need no training.
RIVALS = (CLASSIC, PUPPET)


@dataclass(frozen=True)
class Alarm:
    """The harmed arms of one augmentation."""

    setting: str
    augmentation: str
    arms: list[str]  # 0.5 (-0.034 ± 0.010)

    def __str__(self) -> str:
        return f"{self.setting}: {self.augmentation} lowers mAP at {', '.join(self.arms)}"


@dataclass(frozen=True)
class Defeat:
    """The cells in which a trained generator does not beat a rival.

    lost: these cells, e.g. 0.3, x2
    compared: number of all cells with both
    """

    setting: str
    augmentation: str
    rival: str
    lost: list[str]
    compared: int

    def __str__(self) -> str:
        return f"{self.setting}: {self.augmentation} does not beat {self.rival} at {', '.join(self.lost)}"


def judge(summary: pd.DataFrame) -> pd.DataFrame:
    """The summary with three more columns.

    difference: mAP minus that of `none` with the same data set, model, budget and portion (at
        ratios 2 and 3, portion 1: the real set). Empty for `none`, and without such an arm.
    spread: spread of the difference; empty if one of the two arms has one seed.
    harm: whether the difference is below zero by more than the spread, or at all if the spread is
        unknown.
    """
    judged = _against(summary, summary[(summary["augmentation"] == NONE) & (summary["ratio"] == 1)])
    judged.loc[judged["augmentation"] == NONE, ["difference", "spread"]] = np.nan
    return judged.assign(harm=judged["difference"] < -judged["spread"].fillna(0))


def rivals(summary: pd.DataFrame) -> pd.DataFrame:
    """One row per arm of a trained generator and rival in the same cell.

    The added columns are `rival`, `difference` in mAP, `spread` and `beaten`. `classic` uses real
    images only, so ratios 2 and 3 are compared with its arm at portion 1.
    """
    trained = summary[[parse(name).needs_training for name in summary["augmentation"]]]
    tables = []
    for rival in RIVALS:
        of_rival = summary[summary["augmentation"] == rival]
        compared = _against(trained, of_rival, [] if rival == CLASSIC else ["ratio"]).dropna(
            subset="difference"
        )
        tables.append(
            compared.assign(
                rival=rival, beaten=compared["difference"] > compared["spread"].fillna(0)
            )
        )
    return pd.concat(tables, ignore_index=True)


def alarms(judged: pd.DataFrame) -> list[Alarm]:
    """All harmed arms, grouped by setting and augmentation."""
    harmed = judged[judged["harm"]].sort_values(["portion", "ratio"])
    return [
        Alarm(_setting(*setting), augmentation, [_below(arm) for arm in rows(arms)])
        for (*setting, augmentation), arms in groups(harmed, [*SETTING, "augmentation"])
    ]


def defeats(compared: pd.DataFrame) -> list[Defeat]:
    """Where a trained generator does not beat a rival by more than the spread, from `rivals`."""
    lost_somewhere = []
    in_order = compared.sort_values(["portion", "ratio"])
    for key, arms in groups(in_order, [*SETTING, "augmentation", "rival"]):
        *setting, augmentation, rival = key
        lost = [label(arm.portion, arm.ratio) for arm in rows(arms) if not arm.beaten]
        if lost:
            lost_somewhere.append(Defeat(_setting(*setting), augmentation, rival, lost, len(arms)))
    return lost_somewhere


def unjudged(judged: pd.DataFrame) -> list[str]:
    """The arms without a `none` to compare them with."""
    unmatched = judged[judged["difference"].isna() & (judged["augmentation"] != NONE)]
    return [
        f"{_setting(arm.dataset, arm.model, arm.budget)}: {arm.augmentation} at {label(arm.portion, arm.ratio)}"
        for arm in rows(unmatched)
    ]


def _setting(dataset: str, model: str, budget: str) -> str:
    return f"{dataset}, {model}, equal {budget}"


def _against(arms: pd.DataFrame, others: pd.DataFrame, also: Iterable[str] = ()) -> pd.DataFrame:
    """Arms with their difference to another arm of the same cell, and the spread of the difference.

    The cell is data set, model, budget and portion, and the columns `also`.
    """
    cell = [*SETTING, "portion", *also]
    measured = others[[*cell, "mAP_mean", "mAP_std"]]
    both = arms.merge(
        measured, how="left", on=cell, suffixes=("", "_other"), validate="many_to_one"
    )
    spread = np.hypot(both["mAP_std"], both["mAP_std_other"])
    both = both.assign(difference=both["mAP_mean"] - both["mAP_mean_other"], spread=spread)
    return both.drop(columns=["mAP_mean_other", "mAP_std_other"])


def _below(arm: Row) -> str:
    spread = ", one seed" if np.isnan(arm.spread) else f" ± {arm.spread:.3f}"
    return f"{label(arm.portion, arm.ratio)} ({arm.difference:.3f}{spread})"
