"""The first and the last section of the page: how much is recovered, and what was used."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pandas as pd

from augment.augmentations import CLASSIC, NONE, parse
from augment.prepared import CAMERAS_UNKNOWN
from augment.results.curves import Row, groups, rows


@dataclass(frozen=True)
class Best:
    """The best augmentation at one portion.

    gap: the gap closed
    none, augmented, real: mAP
    saw_all: whether its generator was trained on all real images
    """

    portion: float
    augmentation: str
    gap: float
    none: float
    augmented: float
    real: float
    saw_all: bool


@dataclass(frozen=True)
class Answer:
    """How much of the gap is closed, for one data set, model and budget.

    seeds: the smallest number of seeds of an arm
    best: the best augmentation at each portion
    fair: at each portion where the best saw all real images, the best that saw the reduced set
        alone
    """

    dataset: str
    model: str
    budget: str
    seeds: int
    best: list[Best]
    fair: list[Best]


def answers(judged: pd.DataFrame) -> list[Answer]:
    """An answer for each data set, model and budget with a gap closed, equal iterations first."""
    answers = []
    for (dataset, model, budget), arms in groups(judged, ["dataset", "model", "budget"]):
        generated = arms[arms["augmentation"] != CLASSIC].dropna(subset="gap_closed")
        real = arms[(arms["augmentation"] == NONE) & (arms["portion"] == 1) & (arms["ratio"] == 1)]
        best, fair = [], []
        for _, at_portion in generated.groupby("portion"):
            first = _best(at_portion, real["mAP_mean"].item())
            best.append(first)
            honest = at_portion[[not parse(name).saw_all for name in at_portion["augmentation"]]]
            if first.saw_all and len(honest):
                fair.append(_best(honest, real["mAP_mean"].item()))
        if best:
            seeds = int(generated["seeds"].min())
            answers.append(Answer(dataset, model, budget, seeds, best, fair))
    return sorted(
        answers, key=lambda answer: (answer.dataset, answer.budget != "iterations", answer.model)
    )


def sentence(best: Sequence[Best]) -> str:
    """`85% at 0.1 and 102% at 0.3 with puppet; 40% at 0.5 with patn`."""
    parts = []
    for augmentation, group in groupby(best, key=lambda one: one.augmentation):
        shares = [f"{one.gap:.0%} at {one.portion}" for one in group]
        parts.append(f"{_joined(shares)} with {augmentation}")
    return "; ".join(parts)


def any_camera(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Data sets that were scored without the same-camera rule."""
    return sorted({one["dataset"] for one in results if not one.get("same_camera_rule", True)})


def used(results: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What the numbers were computed from, as name and text; read from the results alone."""
    whole = [
        one
        for one in results
        if one["augmentation"] == NONE and one["portion"] == 1 and one["ratio"] == 1
    ]
    lines = []
    for dataset in sorted({one["dataset"] for one in results}):
        counts = {
            "real training images": [
                one["train_images"] for one in whole if one["dataset"] == dataset
            ],
            "queries": [one["num_queries"] for one in results if one["dataset"] == dataset],
            "gallery images": [one["num_gallery"] for one in results if one["dataset"] == dataset],
        }
        text = ", ".join(f"{_numbers(values)} {name}" for name, values in counts.items() if values)
        lines.append(
            (dataset, f"{text}; {CAMERAS_UNKNOWN}" if dataset in any_camera(results) else text)
        )
    lines.append(
        ("Arms", f"{len({_arm(one) for one in results}):,}, trained in {len(results):,} runs")
    )
    lines.append(("Iterations", _numbers([one["iterations"] for one in results])))
    if made := sum(one.get("generated_images", 0) for one in results):
        rejected = sum(one.get("rejected_images", 0) for one in results)
        lines.append(
            ("Generated images", f"{made:,} over all runs; the gate rejected {rejected:,}")
        )
    lines.append(("Seeds of training", _numbers([one["seed"] for one in results])))
    seeds: dict[str, set[int]] = {}
    for one in results:
        for name, value in one.get("seeds", {}).items():
            seeds.setdefault(name, set()).update(value if isinstance(value, list) else [value])
    for name, values in seeds.items():
        if name != "train" and (drawn := values - {None}):
            lines.append((f"Seed of {name}", _numbers(drawn)))
    commits = sorted({one.get("commit") or "unknown" for one in results})
    lines.append(("Commit" if len(commits) == 1 else "Commits", ", ".join(commits)))
    versions: dict[str, set[str]] = {}
    for one in results:
        for package, version in one.get("versions", {}).items():
            versions.setdefault(package, set()).add(str(version))
    if versions:
        lines.append(
            (
                "Versions",
                ", ".join(
                    f"{package} {' and '.join(sorted(numbers))}"
                    for package, numbers in versions.items()
                ),
            )
        )
    hours = sum(one["seconds"] for one in results) / 3600
    lines.append(
        ("Time of re-ID training", f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.0f} min")
    )
    return lines


def _best(arms: pd.DataFrame, real: float) -> Best:
    arm: Row = max(rows(arms), key=lambda row: row.gap_closed)
    return Best(
        portion=float(arm.portion),
        augmentation=arm.augmentation,
        gap=arm.gap_closed,
        none=arm.mAP_mean - arm.difference,
        augmented=arm.mAP_mean,
        real=real,
        saw_all=parse(arm.augmentation).saw_all,
    )


def _arm(result: Mapping[str, Any]) -> tuple:
    return tuple(
        result[name] for name in ("dataset", "model", "augmentation", "portion", "ratio", "budget")
    )


def _joined(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]


def _numbers(values: Iterable[Any]) -> str:
    """Up to five different numbers, else their range."""
    numbers = sorted(set(values))
    texts = [f"{value:,}" if isinstance(value, int) else str(value) for value in numbers]
    return ", ".join(texts) if len(texts) <= 5 else f"{texts[0]} to {texts[-1]}"
