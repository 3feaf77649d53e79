"""Bar charts that compare all augmentations at one portion."""

from pathlib import Path

import numpy as np
import pandas as pd

from augment.augmentations import NONE, parse
from augment.results.curves import groups

REAL = "all real images"
# Kind of augmentation -> colour of its bar.
COLOURS = {
    "real": "0.55",
    "classic": "C5",
    "trained on all real images": "C1",
    "trained on the reduced set": "C0",
    "puppet": "C2",
}


def kind(augmentation: str) -> str:
    """The key of COLOURS for an augmentation's name."""
    if augmentation in (NONE, REAL):
        return "real"
    parsed = parse(augmentation)
    if not parsed.needs_training:
        return "classic" if parsed.classic else "puppet"
    return "trained on all real images" if parsed.saw_all else "trained on the reduced set"


def bars(summary: pd.DataFrame) -> dict[tuple[str, str, float], pd.DataFrame]:
    """A table per (dataset, budget, portion below 1): mAP_mean and mAP_std by model.

    Its rows are augmentations, from `none`, by kind and name, to all real images. A portion without
    any augmentation has no table.
    """
    charts = {}
    at_once = summary[summary["ratio"] == 1]
    real = at_once[(at_once["portion"] == 1) & (at_once["augmentation"] == NONE)].assign(
        augmentation=REAL
    )
    order = [NONE, *COLOURS, REAL]
    reduced = at_once[at_once["portion"] < 1]
    for key, rows in groups(reduced, ["dataset", "budget", "portion"]):
        dataset, budget, portion = key
        if set(rows["augmentation"]) == {NONE}:
            continue
        whole = real[(real["dataset"] == dataset) & (real["budget"] == budget)]
        table = pd.concat([rows, whole[whole["model"].isin(rows["model"])]])
        place = [
            order.index(name if name in order else kind(name))
            for name in table["augmentation"].tolist()
        ]
        table = table.assign(place=place).sort_values(["place", "augmentation", "model"])
        measured = ["mAP_mean", "mAP_std"]
        charts[dataset, budget, portion] = table.pivot(
            index=["place", "augmentation"], columns="model", values=measured
        )
    return charts


def plot(summary: pd.DataFrame, file: Path) -> None:
    """Plot bars of mAP with their spread over seeds as a PNG.

    There is a panel per data set, budget and portion; models after the first are hatched.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    charts = bars(summary)
    height = 1.2 + 0.36 * max((len(chart) for chart in charts.values()), default=1)
    figure, axes = plt.subplots(
        1,
        max(len(charts), 1),
        figsize=(5.6 * max(len(charts), 1), height),
        squeeze=False,
        layout="constrained",
    )
    used: dict[str, str] = {}
    for axis, ((dataset, budget, portion), chart) in zip(axes[0], charts.items(), strict=False):
        models, names = list(chart["mAP_mean"].columns), [name for _, name in chart.index]
        thick = 0.8 / len(models)
        for number, model in enumerate(models):
            for row, name in enumerate(names):
                mean, std = (
                    float(chart[measured, model].to_numpy(float)[row])
                    for measured in ("mAP_mean", "mAP_std")
                )
                if np.isnan(mean):
                    continue
                used[kind(name)] = COLOURS[kind(name)]
                at, spread = (
                    row + (number - (len(models) - 1) / 2) * thick,
                    0 if np.isnan(std) else std,
                )
                axis.barh(
                    at,
                    mean,
                    thick * 0.92,
                    color=COLOURS[kind(name)],
                    alpha=1.0 if number == 0 else 0.45,
                    hatch="" if number == 0 else "///",
                    edgecolor="white",
                    xerr=spread or None,
                    error_kw={"ecolor": "0.2", "capsize": 2, "elinewidth": 1},
                )
                axis.text(mean + spread, at, f" {mean:.3f}", va="center", fontsize=8)
        axis.set(title=f"{dataset}, portion {portion} (equal {budget})", xlabel="mAP")
        axis.set_yticks(range(len(names)), names)
        axis.invert_yaxis()
        axis.margins(x=0.14)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="x", alpha=0.25)
        axis.set_axisbelow(True)
        patches = [
            Patch(facecolor=colour, label=name)
            for name, colour in COLOURS.items()
            if name in used and name != "real"
        ]
        patches += [
            Patch(
                facecolor="0.55",
                alpha=1.0 if n == 0 else 0.45,
                hatch="" if n == 0 else "///",
                label=model,
            )
            for n, model in enumerate(models)
            if len(models) > 1
        ]
    if charts:
        figure.legend(
            handles=patches,
            loc="outside lower center",
            ncols=len(patches),
            frameon=False,
            fontsize=9,
        )
    figure.savefig(file, dpi=130, format="png")
    plt.close(figure)
