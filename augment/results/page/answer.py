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
    fair: at each portion where the best generator was trained on all real images, the best one that
        was trained on the reduced set alone
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
            without_leak = [not parse(name).saw_all for name in at_portion["augmentation"]]
            if first.saw_all and any(without_leak):
                fair.append(_best(at_portion[without_leak], real["mAP_mean"].item()))
        if best:
            seeds = int(generated["seeds"].min())
            answers.append(Answer(dataset, model, budget, seeds, best, fair))
    return sorted(
        answers, key=lambda answer: (answer.dataset, answer.budget != "iterations", answer.model)
    )


def sentence(best: Sequence[Best]) -> str:
    """Format e.g. `85% at 0.1 and 102% at 0.3 with puppet; 40% at 0.5 with patn`."""
    parts = []
    for augmentation, group in groupby(best, key=lambda entry: entry.augmentation):
        shares = [f"{entry.gap:.0%} at {entry.portion}" for entry in group]
        parts.append(f"{_joined(shares)} with {augmentation}")
    return "; ".join(parts)


def any_camera(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Data sets that were scored without the same-camera rule."""
    without_rule = [result for result in results if not result.get("same_camera_rule", True)]
    return sorted({result["dataset"] for result in without_rule})


def used(results: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What the numbers were computed from, as name and text; read from the results alone."""
    whole = [
        result
        for result in results
        if result["augmentation"] == NONE and result["portion"] == 1 and result["ratio"] == 1
    ]
    lines = []
    for dataset in sorted({result["dataset"] for result in results}):
        of_dataset = [result for result in results if result["dataset"] == dataset]
        counts = {
            "real training images": [
                result["train_images"] for result in whole if result["dataset"] == dataset
            ],
            "queries": [result["num_queries"] for result in of_dataset],
            "gallery images": [result["num_gallery"] for result in of_dataset],
        }
        text = ", ".join(f"{_numbers(values)} {name}" for name, values in counts.items() if values)
        lines.append(
            (dataset, f"{text}; {CAMERAS_UNKNOWN}" if dataset in any_camera(results) else text)
        )
    lines.append(
        ("Arms", f"{len({_arm(result) for result in results}):,}, trained in {len(results):,} runs")
    )
    lines.append(("Iterations", _numbers([result["iterations"] for result in results])))
    if generated := sum(result.get("generated_images", 0) for result in results):
        rejected = sum(result.get("rejected_images", 0) for result in results)
        lines.append(
            ("Generated images", f"{generated:,} over all runs; the gate rejected {rejected:,}")
        )
    lines.append(("Seeds of training", _numbers([result["seed"] for result in results])))
    seeds: dict[str, set[int]] = {}
    for result in results:
        for name, value in result.get("seeds", {}).items():
            seeds.setdefault(name, set()).update(value if isinstance(value, list) else [value])
    for name, values in seeds.items():
        if name != "train" and (drawn := values - {None}):
            lines.append((f"Seed of {name}", _numbers(drawn)))
    commits = sorted({result.get("commit") or "unknown" for result in results})
    lines.append(("Commit" if len(commits) == 1 else "Commits", ", ".join(commits)))
    versions: dict[str, set[str]] = {}
    for result in results:
        for package, version in result.get("versions", {}).items():
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
    hours = sum(result["seconds"] for result in results) / 3600
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
    """Up to five different numbers, or their range."""
    numbers = sorted(set(values))
    texts = [f"{value:,}" if isinstance(value, int) else str(value) for value in numbers]
    return ", ".join(texts) if len(texts) <= 5 else f"{texts[0]} to {texts[-1]}"
