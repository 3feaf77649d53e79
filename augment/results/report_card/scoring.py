"""Scores images of held-out pairs: metrics with their intervals, and one row per pair.

| scorer | metrics (metrics.py has them all) |
|---|---|
| similarity | SSIM and L1 to the target; legacy: as in PATN's public code, with JPEG (generators/metrics/similarity.py) |
| pose | PCKh: share of joints that a pose network finds at the target's joints (pose.py) |
| parsing | mIoU of the target's parsing map, for generators that predict one |
| identity | metrics by a re-ID model, the judge (identity.py) |
| outside | metrics by pretrained networks, if their weights are available (augment/pretrained/image_metrics.py) |

Images stay bytes, and are scored one batch at a time.
"""

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from augment.pretrained import image_metrics
from augment.pretrained.weights import Unavailable
from augment.results.report_card import identity, pose
from augment.results.report_card.identity import Judge
from augment.results.report_card.measured import Bootstrap, Measured, Value
from augment.results.report_card.metrics import keys_of
from augment.results.report_card.pose import Finder
from augment.results.report_card.render import (
    Rendered,
    generator_batch,
    generator_images,
    progress,
)
from augment.results.report_card.settings import EvaluationParams
from generators.body.parsing import confusion, mean_iou
from generators.metrics import similarity
from generators.metrics.intervals import Interval

CLOSEST = 16  # outputs that the card lists with their nearest training image
COMPARED = 16  # images in float64 at a time


@dataclass(frozen=True)
class Scored:
    """All metrics of a card.

    metrics: key of metrics.METRICS -> an Interval, a number without one, or Unavailable
    pairs: one row per pair, the content of pairs.csv
    closest: the outputs that are nearest to a training image: {"output": row of pairs, "training":
        path, "distance"}
    seconds: time of rendering and of each scorer
    """

    metrics: dict[str, Value]
    pairs: pd.DataFrame
    closest: list[dict[str, Any]]
    seconds: dict[str, float]


def score(
    rendered: Rendered,
    judge: Judge | Unavailable,
    finder: Finder | Unavailable,
    settings: EvaluationParams,
    device: torch.device,
) -> Scored:
    """Compute all metrics."""
    held = rendered.held
    over_pairs = Bootstrap(held.pids, settings.draws, settings.seed)
    scorers: dict[str, Callable[[], Measured]] = {
        "similarity": lambda: _similarity(rendered, over_pairs, device),
        "pose": lambda: pose.scores(rendered, finder, over_pairs),
        "parsing": lambda: _parsing(rendered, settings, device),
        "identity": lambda: identity.scores(rendered, judge, over_pairs),
        "outside": lambda: _outside(rendered, over_pairs, settings, device),
    }
    metrics: dict[str, Value] = {}
    columns: dict[str, np.ndarray] = {}
    seconds = {"render": rendered.seconds}
    for name, scorer in scorers.items():
        started = time.perf_counter()
        measured = scorer()
        metrics |= measured.metrics
        columns |= measured.columns
        seconds[name] = time.perf_counter() - started
    pairs = held.frame().assign(**columns)
    return Scored(metrics, pairs, _closest(pairs), seconds)


def _closest(pairs: pd.DataFrame) -> list[dict[str, Any]]:
    if "nearest_distance" not in pairs:
        return []
    first = pairs.sort_values("nearest_distance", kind="stable").head(CLOSEST)
    return [
        {"output": row, "training": training, "distance": distance}
        for row, training, distance in zip(
            first.index.tolist(),
            first["nearest"].tolist(),
            first["nearest_distance"].astype(float).tolist(),
            strict=True,
        )
    ]


def _similarity(rendered: Rendered, over_pairs: Bootstrap, device: torch.device) -> Measured:
    held = rendered.held
    # Allocated before the loop: small arrays that outlive its large ones would fragment the heap by
    # gigabytes.
    columns: dict[str, np.ndarray] = {
        key: np.empty(len(held.pairs)) for key in keys_of("similarity")
    }
    with progress("similarity", len(held.pairs)) as bar:
        for rows in torch.arange(len(held.pairs)).split(COMPARED):
            pairs, output = held.pairs[rows], rendered.outputs[rows].to(device)
            source, target = (rendered.images.pixels[column].to(device) for column in pairs.T)
            points_of_source, points_of_target = (
                rendered.images.keypoints[column] for column in pairs.T
            )
            mask, cut = rendered.masks[pairs[:, 1]].to(device), rendered.cut[rows].to(device)
            values = similarity.clean(output, target, mask) | similarity.patn_legacy(
                cut, source, target, points_of_source, points_of_target, mask
            )
            values["l1"] = (output.short() - target.short()).abs().double().mean((1, 2, 3)) / 127.5
            for key, column in columns.items():
                column[rows.numpy()] = values[key].cpu().numpy()
            bar.update(len(rows))
    return Measured({key: over_pairs.mean(values) for key, values in columns.items()}, columns)


def _parsing(rendered: Rendered, settings: EvaluationParams, device: torch.device) -> Measured:
    """mIoU, counted over all pixels, with its interval over identities."""
    generator, held = rendered.renderer.generator, rendered.held
    if generator is None or not generator.predicts_parsing:
        return Measured({}, {})
    images = generator_images(generator, held)
    true = images.parsing
    assert true is not None  # a generator that predicts parsing maps is trained on some
    persons = torch.from_numpy(np.unique(held.pids, return_inverse=True)[1])
    counts = torch.zeros(int(persons.max()) + 1, 10, 10, dtype=torch.int64)
    with progress("parsing maps", len(held.pairs)) as bar:
        for rows in torch.arange(len(held.pairs)).split(settings.batch_size):
            pairs = held.pairs[rows]
            batch = generator_batch(generator, images, pairs, device)
            predicted = generator.predict_parsing(batch).cpu()
            counts.index_add_(0, persons[rows], confusion(predicted, true[pairs[:, 1]]))
            bar.update(len(rows))
    # How often each person is drawn, one bootstrap draw per row.
    times = np.random.default_rng(settings.seed).multinomial(
        len(counts), np.full(len(counts), 1 / len(counts)), settings.draws
    )
    draws = mean_iou(
        (torch.from_numpy(times).double() @ counts.double().flatten(1)).view(-1, 10, 10)
    )
    low, high = np.quantile(draws.numpy(), (0.025, 0.975)).tolist()
    return Measured({"miou": Interval(float(mean_iou(counts.sum(0))), low, high)}, {})


def _outside(
    rendered: Rendered, over_pairs: Bootstrap, settings: EvaluationParams, device: torch.device
) -> Measured:
    masks = rendered.masks[rendered.held.pairs[:, 1]]
    values = image_metrics.scores(
        rendered.paired, rendered.targets, masks, settings.batch_size, str(device)
    )
    return Measured(
        {
            key: over_pairs.mean(value) if isinstance(value, np.ndarray) else value
            for key, value in values.items()
        },
        {key: value for key, value in values.items() if isinstance(value, np.ndarray)},
    )


def entry(metric: Value) -> dict[str, Any]:
    """A metric in the form of a card (card.py)."""
    if isinstance(metric, Unavailable):
        return {"unavailable": metric.reason, "file": metric.file}
    value, low, high = (
        dataclasses.astuple(metric) if isinstance(metric, Interval) else (metric, None, None)
    )
    if not math.isfinite(value):
        return {"unavailable": "no held-out pair has a value", "file": None}
    return {"value": float(value), "low": low, "high": high}
