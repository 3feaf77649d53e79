"""Images of held-out pairs -> metrics, each with its interval, and a row a pair.

| key | meaning |
|---|---|
| ssim, mask_ssim | of the images as they are, data range 255; over the body, and the mask from the target's keypoints |
| ssim_legacy, mask_ssim_legacy | as the public code of PATN computes them, JPEG and all (generators/metrics/similarity.py) |
| l1 | mean absolute difference to the target, of values in [-1, 1] |
| pckh, pckh_euclidean | joints that are found where the target has them (pose.py); _real: in the real target, the ceiling |
| miou | of the target's parsing map that a system draws before it paints |
| identity_..., reid_frechet, diversity, memorisation | what the re-ID judge says (identity.py); _real: of the real targets |
| fid, is, mask_is, lpips, mask_lpips, ds | with outside weights, where they are at hand (augment/pretrained/image_metrics.py) |

Images stay bytes, and are scored a batch at a time.
"""

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import torch

from augment.pretrained import image_metrics
from augment.pretrained.weights import Unavailable
from augment.results.report_card import identity, pose
from augment.results.report_card.render import (
    Rendered,
    generators_batch,
    generators_images,
    progress,
)
from augment.results.report_card.settings import EvaluationParams
from generators.body.parsing import confusion, mean_iou
from generators.metrics import similarity
from generators.metrics.intervals import Interval, mean_interval

CLOSEST = 16  # outputs that are named with the training image they are nearest to
SIMILARITY = ("ssim", "mask_ssim", "ssim_legacy", "mask_ssim_legacy", "l1")
COMPARED = 16  # images in float64 at a time


@dataclass(frozen=True)
class Scored:
    """
    metrics: KEY -> an Interval of generators.intervals, a number that has none, or Unavailable
    pairs: a row a pair, with the columns that compare.py compares
    closest: the outputs that are nearest to a training image: {"output": row of pairs, "training":
        path, "distance"}
    seconds: of each group of metrics
    """

    metrics: dict[str, Any]
    pairs: pd.DataFrame
    closest: list[dict[str, Any]]
    seconds: dict[str, float]


# What a group of metrics gives: metrics by key, columns of the pairs, each [P].
Found = tuple[dict[str, Any], dict[str, Any]]


def score(
    rendered: Rendered, judge: Any, finder: Any, settings: EvaluationParams, device: Any
) -> Scored:
    """All metrics. judge, finder: of identity.py and pose.py, as loaded, or Unavailable."""
    held = rendered.held

    def mean(values: Any, weights: Any = None, groups: np.ndarray = held.pids) -> Interval:
        return mean_interval(values, groups, weights, settings.draws, settings.seed)

    groups: dict[str, Callable[[], Found]] = {
        "similarity": lambda: _similarity(rendered, mean, device),
        "pose": lambda: _judged(pose, finder, rendered, mean),
        "parsing": lambda: _parsing(rendered, settings, device),
        "identity": lambda: _judged(identity, judge, rendered, mean),
        "outside": lambda: _outside(rendered, mean, settings, device),
    }
    metrics, columns, seconds = {}, {}, {"render": rendered.seconds}
    for name, group in groups.items():
        started = time.perf_counter()
        found, columns_found = group()
        metrics, columns = metrics | found, columns | columns_found
        seconds[name] = time.perf_counter() - started
    frame = held.frame().assign(**columns)
    closest = []
    if "nearest_distance" in frame:
        first = frame["nearest_distance"].sort_values(kind="stable").head(CLOSEST)
        closest = [
            {"output": i, "training": frame.at[i, "nearest"], "distance": float(d)}
            for i, d in first.items()
        ]
    return Scored(metrics, frame, closest, seconds)


def _similarity(rendered: Rendered, mean: Any, device: Any) -> Found:
    held = rendered.held
    # Made before the loop: small arrays that outlive its large ones would leave the heap in
    # fragments, gigabytes of them.
    columns: dict[str, np.ndarray] = {key: np.empty(len(held.pairs)) for key in SIMILARITY}
    with progress("similarity", len(held.pairs)) as bar:
        for rows in torch.arange(len(held.pairs)).split(COMPARED):
            pairs, output = held.pairs[rows], rendered.outputs[rows].to(device)
            source, target = (rendered.images.pixels[column].to(device) for column in pairs.T)
            points = [rendered.images.keypoints[column] for column in pairs.T]
            mask, cut = rendered.masks[pairs[:, 1]].to(device), rendered.cut[rows].to(device)
            found = similarity.clean(output, target, mask) | similarity.patn_legacy(
                cut, source, target, *points, mask
            )
            found["l1"] = (output.short() - target.short()).abs().double().mean((1, 2, 3)) / 127.5
            for key in SIMILARITY:
                columns[key][rows.numpy()] = found[key].cpu().numpy()
            bar.update(len(rows))
    return {key: mean(values) for key, values in columns.items()}, columns


def _judged(room: ModuleType, judge: Any, rendered: Rendered, mean: Any) -> Found:
    return (
        (dict.fromkeys(room.KEYS, judge), {})
        if isinstance(judge, Unavailable)
        else room.scores(rendered, judge, mean)
    )


def _parsing(rendered: Rendered, settings: EvaluationParams, device: Any) -> Found:
    """mIoU, counted over all pixels, with its interval over identities."""
    renderer, held = rendered.renderer, rendered.held
    if not renderer.draws_parsing:
        return {}, {}
    images = generators_images(renderer.generator, held)
    persons = torch.from_numpy(np.unique(held.pids, return_inverse=True)[1])
    counts = torch.zeros(int(persons.max()) + 1, 10, 10, dtype=torch.int64)
    with progress("parsing maps", len(held.pairs)) as bar:
        for rows in torch.arange(len(held.pairs)).split(settings.batch_size):
            pairs = held.pairs[rows]
            batch = generators_batch(renderer.generator, images, pairs, device)
            predicted = renderer.generator.predict_parsing(batch).cpu()
            counts.index_add_(0, persons[rows], confusion(predicted, images.parsing[pairs[:, 1]]))
            bar.update(len(rows))
    # How often each person is drawn, a bootstrap draw a row.
    times = np.random.default_rng(settings.seed).multinomial(
        len(counts), np.full(len(counts), 1 / len(counts)), settings.draws
    )
    draws = mean_iou(
        (torch.from_numpy(times).double() @ counts.double().flatten(1)).view(-1, 10, 10)
    )
    return {
        "miou": Interval(
            float(mean_iou(counts.sum(0))), *np.quantile(draws.numpy(), (0.025, 0.975)).tolist()
        )
    }, {}


def _outside(rendered: Rendered, mean: Any, settings: EvaluationParams, device: Any) -> Found:
    masks = rendered.masks[rendered.held.pairs[:, 1]]
    found = image_metrics.scores(
        rendered.paired, rendered.targets, masks, settings.batch_size, device
    )
    columns = {key: value for key, value in found.items() if isinstance(value, np.ndarray)}
    return {key: mean(value) if key in columns else value for key, value in found.items()}, columns


def entry(metric: Any) -> dict[str, Any]:
    """A metric as its card has it (card.py): of an Interval, a number, or Unavailable."""
    if isinstance(metric, Unavailable):
        return {"unavailable": metric.reason, "file": metric.file}
    value, low, high = (
        (metric, None, None) if isinstance(metric, int | float) else dataclasses.astuple(metric)
    )
    if not math.isfinite(value):
        return {"unavailable": "no held-out pair has a value", "file": None}
    return {"value": float(value), "low": low, "high": high}
