"""Tables and curves of the arms' results over the portion of real images, and one figure."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import pandas as pd

from augment.augmentations import CLASSIC, NONE

ARM = ["dataset", "model", "augmentation", "portion", "ratio", "budget"]
# Ratios 2 and 3 are drawn to the right of all real images, as in the paper's Table 6.
RATIO_STEP = 0.12
# With more curves than this, the gaps written next to their points would overlap.
LABELLED = 4
CURVE = ["dataset", "model", "augmentation", "budget"]
MEASURED = [
    "rank1", "rank5", "rank10", "mAP", "mAP_trapezoid", "num_queries", "num_gallery",
    "train_images", "iterations", "seconds",
]  # fmt: skip


class Row(Protocol):
    """A row of a summary: the columns of `summarise`, and those that others add to it.

    difference, spread, harm: from harm.judge
    beaten: from harm.rivals
    position: from by_curve
    """

    dataset: str
    model: str
    augmentation: str
    portion: float
    ratio: int
    budget: str
    seeds: int
    rank1_mean: float
    rank1_std: float
    mAP_mean: float
    mAP_std: float
    gap_closed: float
    difference: float
    spread: float
    harm: bool
    beaten: bool
    position: float


def rows(summary: pd.DataFrame) -> Iterator[Row]:
    """The rows of a summary, with their types."""
    return cast(Iterator[Row], summary.itertuples())


def groups(
    summary: pd.DataFrame, columns: list[str]
) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame]]:
    """Groups of rows that agree in two or more columns, sorted by these: values and rows."""
    return cast(Iterator[tuple[tuple[Any, ...], pd.DataFrame]], iter(summary.groupby(columns)))


def table(results: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per arm and seed, from results of train-reid with their `file`.

    Raises:
        ValueError: If a result lacks a key, two results are of the same arm and seed, or results on
            one data set differ in the same-camera rule.
    """
    columns = [*ARM, "seed", *MEASURED, "file"]
    values = []
    for result in results:
        if missing := [name for name in columns if name not in result]:
            raise ValueError(
                f"{result['file']}: missing key {', '.join(missing)}; train this arm again"
            )
        values.append([*(result[name] for name in columns), result.get("same_camera_rule", True)])
    frame = pd.DataFrame(values, columns=[*columns, "same_camera_rule"]).sort_values(
        [*ARM, "seed"], ignore_index=True
    )
    if len(twice := frame.index[frame.duplicated([*ARM, "seed"])]):
        raise ValueError(
            f"{frame.at[twice[0], 'file']}: another result is of the same arm and seed"
        )
    for dataset, part in frame.groupby("dataset"):
        if part["same_camera_rule"].nunique() > 1:
            raise ValueError(
                f"{part.loc[~part['same_camera_rule'], 'file'].iat[0]}: was scored without the same-camera rule, and other "
                f"results on {dataset} with it: they cannot be compared; train the arms of the older data/prepared again"
            )
    return frame


def summarise(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per arm: number of seeds, means, standard deviations and the gap closed.

    Standard deviations have n - 1 degrees of freedom and are empty for one seed. gap_closed = (mAP
    of the arm - mAP reduced) / (mAP real - mAP reduced), of means over seeds with everything but the
    augmentation equal. It is empty for `none`, and if the real set does not beat the reduced set.
    """
    summary = (
        frame.groupby(ARM)
        .agg(
            seeds=("seed", "size"),
            rank1_mean=("rank1", "mean"),
            rank1_std=("rank1", "std"),
            mAP_mean=("mAP", "mean"),
            mAP_std=("mAP", "std"),
        )
        .reset_index()
    )
    summary["gap_closed"] = [_gap_closed(row, summary) for row in rows(summary)]
    return summary


def _gap_closed(arm: Row, summary: pd.DataFrame) -> float:
    if arm.augmentation == NONE:
        return np.nan
    without = (
        (summary["augmentation"] == NONE)
        & (summary["ratio"] == 1)
        & (summary["dataset"] == arm.dataset)
        & (summary["model"] == arm.model)
        & (summary["budget"] == arm.budget)
    )
    reduced = summary.loc[without & (summary["portion"] == arm.portion), "mAP_mean"]
    real = summary.loc[without & (summary["portion"] == 1), "mAP_mean"]
    if reduced.empty or real.empty or (gap := real.item() - reduced.item()) <= 0:
        return np.nan
    return (arm.mAP_mean - reduced.item()) / gap


def label(portion: float, ratio: int) -> str:
    """A column's name as in Table 6: 0.3, 1.0, x2."""
    return str(float(portion)) if ratio == 1 else f"x{ratio}"


def with_spread(mean: float, std: float) -> str:
    """0.512 ± 0.010, or 0.512 for one seed."""
    return f"{mean:.3f}" + ("" if np.isnan(std) else f" ± {std:.3f}")


def position(portion: float, ratio: int) -> float:
    """The position of an arm on the horizontal axis."""
    return portion + RATIO_STEP * (ratio - 1)


def by_curve(summary: pd.DataFrame) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """The curves: (dataset, model, augmentation, budget), and its points sorted by `position`.

    At portion 1 nothing is removed and every augmented set is the real set: its point is part of
    every curve, except that of `classic`, which changes the images of any set.
    """
    real = summary[
        (summary["augmentation"] == NONE) & (summary["portion"] == 1) & (summary["ratio"] == 1)
    ]
    for key, curve in groups(summary, CURVE):
        named = dict(zip(CURVE, key, strict=True))
        if (
            named["augmentation"] != CLASSIC
            and not ((curve["portion"] == 1) & (curve["ratio"] == 1)).any()
        ):
            same = (
                real[["dataset", "model", "budget"]]
                == [named[n] for n in ("dataset", "model", "budget")]
            ).all(axis=1)
            curve = pd.concat([curve, real[same]])
        places = [position(point.portion, point.ratio) for point in rows(curve)]
        yield named, curve.assign(position=places).sort_values("position")


def plot(summary: pd.DataFrame, file: Path) -> None:
    """Plot mAP and rank-1 over the portion of real images as a PNG.

    There is a row of panels per data set, model and budget.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panels: dict[tuple[str, ...], list[tuple[str, pd.DataFrame]]] = {}
    for key, curve in by_curve(summary):
        panels.setdefault((key["dataset"], key["model"], key["budget"]), []).append(
            (key["augmentation"], curve)
        )
    figure, axes = plt.subplots(
        len(panels), 2, figsize=(11, 4.2 * len(panels)), squeeze=False, layout="constrained"
    )
    for (title, curves), row in zip(panels.items(), axes, strict=True):
        curves.sort(key=lambda item: (item[0] != NONE, item[0]))
        for axis, metric in zip(row, ("mAP", "rank1"), strict=True):
            for number, (augmentation, curve) in enumerate(curves):
                _draw(
                    axis,
                    curve,
                    metric,
                    augmentation,
                    f"C{number}" if augmentation != NONE else "0.45",
                )
                if metric == "mAP" and len(curves) <= LABELLED:
                    _write_gaps(axis, curve, f"C{number}")
            axis.set(
                title=f"{title[0]}, {title[1]} (equal {title[2]})",
                xlabel="portion of real images",
                ylabel={"rank1": "rank-1"}.get(metric, metric),
                ylim=(0, None),
            )
            extended = sorted(
                {int(ratio) for _, curve in curves for ratio in curve["ratio"] if ratio > 1}
            )
            shown = [0.2, 0.4, 0.6, 0.8, 1.0, *(position(1.0, ratio) for ratio in extended)]
            axis.set_xticks(
                shown,
                ["0.2", "0.4", "0.6", "0.8", "1.0", *(label(1.0, ratio) for ratio in extended)],
            )
            axis.grid(alpha=0.25)
            axis.spines[["top", "right"]].set_visible(False)
            axis.legend(frameon=False, loc="lower right")
    figure.savefig(file, dpi=130, format="png")
    plt.close(figure)


def _draw(axis: Any, curve: pd.DataFrame, metric: str, augmentation: str, colour: str) -> None:
    mean, spread = curve[f"{metric}_mean"], curve[f"{metric}_std"].fillna(0)
    label = "real images only" if augmentation == NONE else f"+ {augmentation}"
    style = "--" if augmentation == NONE else "-"
    axis.errorbar(
        curve["position"],
        mean,
        spread,
        color=colour,
        linestyle=style,
        marker="o",
        ms=5,
        capsize=3,
        label=label,
    )


def _write_gaps(axis: Any, curve: pd.DataFrame, colour: str) -> None:
    for point in rows(curve.dropna(subset="gap_closed")):
        axis.annotate(
            f"{point.gap_closed:.0%} of the gap",
            (point.position, point.mAP_mean),
            xytext=(9, -12),
            textcoords="offset points",
            color=colour,
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
        )
