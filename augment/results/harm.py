"""The harm alarm: where does an augmentation lower mAP, and where is a trained generator no better
than what costs nothing?

The difference of two arms is that of their means over seeds; its spread is sqrt(a^2 + b^2) of their
standard deviations, that of the difference of one run of each. Where an arm has one seed its spread
is unknown, and any difference counts.

The alarm would rather ring too often: of arms that are just as good as `none`, with n seeds each
and equal variances, it marks the share of Student's t with 2 (n - 1) degrees of freedom beyond
sqrt(n): 8% with three seeds, 3% with five.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from augment.augmentations import CLASSIC, NONE, PUPPET, parse
from augment.results.curves import label

SETTING = ["dataset", "model", "budget"]
# What a trained generator has to beat: real images under stronger ordinary augmentation, and
# puppets, which train nothing.
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
    setting: str
    augmentation: str
    rival: str
    lost: list[str]  # 0.3, x2: where it does not beat the rival
    compared: int  # cells

    def __str__(self) -> str:
        return f"{self.setting}: {self.augmentation} does not beat {self.rival} at {', '.join(self.lost)}"


def judge(summary: pd.DataFrame) -> pd.DataFrame:
    """The summary with three columns more.

    difference: mAP less that of `none` with the same data set, model, budget and portion; at ratio
        2 and 3, portion 1, that is the real set. Empty for `none`, and where there is no such arm.
    spread: of the difference; empty where one of the two has one seed.
    harm: the difference is below zero by more than the spread, or at all where the spread is
    unknown.
    """
    judged = _against(summary, summary[(summary["augmentation"] == NONE) & (summary["ratio"] == 1)])
    judged.loc[judged["augmentation"] == NONE, ["difference", "spread"]] = np.nan
    return judged.assign(harm=judged["difference"] < -judged["spread"].fillna(0))


def rivals(summary: pd.DataFrame) -> pd.DataFrame:
    """A row per arm of a trained generator and rival in the same cell: `rival`, `difference` in
    mAP, `spread`, `beaten`.

    `classic` has real images alone: at ratio 2 and 3 it is compared as it is at portion 1.
    """
    trained = summary[[parse(name).needs_training for name in summary["augmentation"]]]
    found = []
    for rival in RIVALS:
        of_rival = summary[summary["augmentation"] == rival]
        compared = _against(trained, of_rival, [] if rival == CLASSIC else ["ratio"]).dropna(
            subset="difference"
        )
        found.append(
            compared.assign(
                rival=rival, beaten=compared["difference"] > compared["spread"].fillna(0)
            )
        )
    return pd.concat(found, ignore_index=True)


def alarms(judged: pd.DataFrame) -> list[Alarm]:
    """Every harmed arm, those of one augmentation together."""
    harmed = judged[judged["harm"]].sort_values(["portion", "ratio"])
    return [
        Alarm(
            ", ".join((*key[:2], f"equal {key[2]}")),
            key[3],
            [_below(arm) for arm in arms.itertuples()],
        )
        for key, arms in harmed.groupby([*SETTING, "augmentation"])
    ]


def defeats(compared: pd.DataFrame) -> list[Defeat]:
    """From `rivals`: where a trained generator does not beat a rival by more than the spread."""
    found = []
    for key, arms in compared.sort_values(["portion", "ratio"]).groupby(
        [*SETTING, "augmentation", "rival"]
    ):
        lost = [label(arm.portion, arm.ratio) for arm in arms.itertuples() if not arm.beaten]
        if lost:
            found.append(
                Defeat(", ".join((*key[:2], f"equal {key[2]}")), key[3], key[4], lost, len(arms))
            )
    return found


def unjudged(judged: pd.DataFrame) -> list[str]:
    """The arms that have no `none` to be compared with."""
    alone = judged[judged["difference"].isna() & (judged["augmentation"] != NONE)]
    return [
        f"{arm.dataset}, {arm.model}, equal {arm.budget}: {arm.augmentation} at {label(arm.portion, arm.ratio)}"
        for arm in alone.itertuples()
    ]


def _against(arms: pd.DataFrame, others: pd.DataFrame, also: Iterable[str] = ()) -> pd.DataFrame:
    """Arms with the difference to the one other arm of the same data set, model, budget and
    portion, and its spread.
    """
    cell = [*SETTING, "portion", *also]
    measured = others[[*cell, "mAP_mean", "mAP_std"]]
    both = arms.merge(
        measured, how="left", on=cell, suffixes=("", "_other"), validate="many_to_one"
    )
    spread = np.hypot(both["mAP_std"], both["mAP_std_other"])
    both = both.assign(difference=both["mAP_mean"] - both["mAP_mean_other"], spread=spread)
    return both.drop(columns=["mAP_mean_other", "mAP_std_other"])


def _below(arm: Any) -> str:
    spread = ", one seed" if np.isnan(arm.spread) else f" ± {arm.spread:.3f}"
    return f"{label(arm.portion, arm.ratio)} ({arm.difference:.3f}{spread})"
