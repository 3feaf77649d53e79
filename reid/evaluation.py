"""Retrieval scores: features, distances, and exact CMC and mAP.

No ranking is sorted. Average precision and CMC need the rank of each match alone, and the rank of a
match is 1 + the
number of kept gallery images before it: those strictly closer, and of those just as close the ones
that stand earlier in the gallery. That is the order a stable sort of the distances gives.

The Market-1501 protocol (Zheng et al. 2015): gallery images with pid -1 (junk) are dropped; those
with pid 0 (distractors) stay and match nobody; for each query the gallery images of its own pid and
camera are dropped, where cameras are known (`drop_same_camera`). A query that is left without a
match is skipped, and counted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from reid.data import DISTRACTOR, JUNK, ReidSet, normalise, resize
from reid.models import ReidModel
from reid.params import ReidParams
from reid.precision import Precision, autocast, resolve

Metric = Literal["euclidean", "cosine"]

CHUNK_BYTES = 64 * 2**20  # of distances at a time
FEATURE_BATCH = 256  # images through the network at a time


@dataclass(frozen=True)
class Scores:
    """Shares in [0, 1] of the queries that were scored, num_queries - skipped_queries of them."""

    rank1: float
    rank5: float
    rank10: float
    mAP: float  # mean over matches of the precision there (torchreid, scikit-learn since 0.19)
    mAP_trapezoid: (
        float  # of the mean of precision there and one place before (the official Market-1501 code)
    )
    num_queries: int  # given
    num_gallery: int  # without junk
    skipped_queries: int  # without a match in the gallery


@dataclass(frozen=True)
class QueryScores:
    """What each query finds, as `Scores` sums it up: NaN where a query has no match and does not
    count.

    rank: float64 [Q], of the first match, from 1
    average_precision, average_precision_trapezoid: float64 [Q]
    """

    rank: np.ndarray
    average_precision: np.ndarray
    average_precision_trapezoid: np.ndarray


def features(
    model: ReidModel,
    images: ReidSet,
    image_size: tuple[int, int],
    output: Literal["embedding", "logits"],
    precision: Precision,
    flip: bool = False,
) -> Tensor:
    """float32 [N, D] on the CPU, one row per image; with `flip` the mean over the image and its
    mirror image.

    The model is left in the mode it was in.
    """
    device = next(model.parameters()).device
    dtype = resolve(precision, device)
    training = model.training
    model.eval()
    rows = []
    with torch.inference_mode(), autocast(device, dtype):
        for pixels in images.pixels.split(FEATURE_BATCH):
            inputs = normalise(resize(pixels.to(device), image_size))
            row = _output(model, inputs, output)
            if flip:
                row = (row + _output(model, inputs.flip(3), output)) / 2
            rows.append(row.cpu())
    model.train(training)
    return torch.cat(rows).clone()


def _output(model: ReidModel, inputs: Tensor, output: str) -> Tensor:
    return model(inputs)._asdict()[output].float()


def comparison(
    model: ReidModel, query: ReidSet, gallery: ReidSet, params: ReidParams, flip: bool = False
) -> tuple[Any, ...]:
    """The first seven arguments of `evaluate` and `rankings`: a trained model's features, as
    `params` wants them compared.
    """
    compared = [
        features(model, images, params.image_size, params.features, params.precision, flip)
        for images in (query, gallery)
    ]
    return *compared, query.pids, gallery.pids, query.camids, gallery.camids, params.metric


def score(
    model: ReidModel, query: ReidSet, gallery: ReidSet, params: ReidParams, flip: bool = False
) -> Scores:
    """The scores of a trained model as `params` wants its features compared."""
    return evaluate(*comparison(model, query, gallery, params, flip))


def evaluate(
    query_features: Tensor,
    gallery_features: Tensor,
    query_pids: Tensor,
    gallery_pids: Tensor,
    query_camids: Tensor,
    gallery_camids: Tensor,
    metric: Metric = "euclidean",
    drop_same_camera: bool = True,
) -> Scores:
    """Scores of features [Q, D] against [G, D]; pids and camids are int64 [Q] or [G]. Arguments and
    errors as of `by_query`.
    """
    found = by_query(
        query_features,
        gallery_features,
        query_pids,
        gallery_pids,
        query_camids,
        gallery_camids,
        metric,
        drop_same_camera,
    )
    return _summed_up(found, gallery_pids)


def by_query(
    query_features: Tensor,
    gallery_features: Tensor,
    query_pids: Tensor,
    gallery_pids: Tensor,
    query_camids: Tensor,
    gallery_camids: Tensor,
    metric: Metric = "euclidean",
    drop_same_camera: bool = True,
) -> QueryScores:
    """Scores of every query's features [Q, D] against [G, D]; pids and camids are int64 [Q] or [G].

    Distances exist for a chunk of the queries at a time, and no copy of the gallery's features is
    made. Euclidean distances stay squared, and cosine ones are negative cosines, which orders them
    alike.

    Raises:
        ValueError: no queries, no gallery, shapes that do not fit, features that are not finite, or
            no query with a match.
    """
    query_features, gallery_features = query_features.float(), gallery_features.float()
    for name, value in (("query", query_features), ("gallery", gallery_features)):
        if value.ndim != 2:
            raise ValueError(f"{name} features must be [images, numbers], got {list(value.shape)}")
    if query_features.shape[1] != gallery_features.shape[1]:
        raise ValueError(
            f"query features have {query_features.shape[1]} numbers, gallery features {gallery_features.shape[1]}"
        )
    if metric not in ("euclidean", "cosine"):
        raise ValueError(f"unknown metric {metric!r}; there are euclidean and cosine")
    _squares("query", query_features)
    squares = _squares("gallery", gallery_features)
    people = _people(
        (len(query_features), len(gallery_features)),
        (query_pids, query_camids),
        (gallery_pids, gallery_camids),
        drop_same_camera,
    )
    if (
        metric == "euclidean"
    ):  # |q - g|^2 less |q|^2, which is the same along a row and moves no rank
        factor, summand = torch.tensor(-2.0), squares
    else:  # the length of q moves no rank either
        factor, summand = -squares.sqrt().clamp(min=1e-12).reciprocal(), torch.zeros_like(squares)
    summand[torch.from_numpy(people.junk)] = torch.inf

    def distances(rows: slice) -> np.ndarray:
        return (query_features[rows] @ gallery_features.T).mul_(factor).add_(summand).numpy()

    return _score(distances, people)


def _squares(name: str, features: Tensor) -> Tensor:
    """Squared lengths [N] of features [N, D], a part of the rows at a time. ValueError if some are
    not finite.
    """
    parts = features.split(max(1, CHUNK_BYTES // (4 * max(1, features.shape[1]))))
    squares = torch.cat([part.square().sum(1) for part in parts])
    broken = ~squares.isfinite()
    if broken.any():
        raise ValueError(
            f"{int(broken.sum())} of {len(features)} rows of the {name} features are not finite, "
            f"the first is row {int(broken.nonzero()[0])}"
        )
    return squares


def evaluate_distances(
    distances: Tensor | np.ndarray,
    query_pids: Tensor,
    gallery_pids: Tensor,
    query_camids: Tensor,
    gallery_camids: Tensor,
    drop_same_camera: bool = True,
) -> Scores:
    """Scores of given distances, float [Q, G], small = alike; all else as in `evaluate`."""
    matrix = (
        distances.detach().cpu().numpy() if isinstance(distances, Tensor) else np.asarray(distances)
    )
    if matrix.ndim != 2:
        raise ValueError(f"distances must be [queries, gallery], got {list(matrix.shape)}")
    people = _people(
        matrix.shape, (query_pids, query_camids), (gallery_pids, gallery_camids), drop_same_camera
    )

    def chunk(rows: slice) -> np.ndarray:
        if not (np.isfinite(matrix[rows].min()) and np.isfinite(matrix[rows].max())):
            raise ValueError(
                f"distances of queries {rows.start} to {rows.stop - 1} are not all finite"
            )
        return np.where(people.junk, np.inf, matrix[rows]) if people.junk.any() else matrix[rows]

    return _summed_up(_score(chunk, people), gallery_pids)


@dataclass(frozen=True)
class _People:
    """Which gallery images are junk, and for each query the ones of its identity."""

    junk: np.ndarray  # bool [G]
    same: list[np.ndarray]  # per query: gallery rows of its pid, ascending
    match: list[np.ndarray]  # bool, of the same length: a match (True), or dropped for this query


def _people(
    shape: tuple[int, int],
    query: tuple[Tensor, Tensor],  # pids, camids
    gallery: tuple[Tensor, Tensor],
    drop_same_camera: bool,
) -> _People:
    for name, size, values in (("query", shape[0], query), ("gallery", shape[1], gallery)):
        for kind, value in zip(("pids", "camids"), values, strict=True):
            if len(value) != size:
                raise ValueError(f"{size} {name} images, but {len(value)} {name} {kind}")
        if size == 0:
            raise ValueError(f"the {name} set is empty")
    query_pids, query_camids = (np.asarray(value) for value in query)
    gallery_pids, gallery_camids = (np.asarray(value) for value in gallery)
    junk = gallery_pids == JUNK
    if junk.all():
        raise ValueError(
            f"the gallery set is empty: all of its {len(gallery_pids)} images are junk (pid {JUNK})"
        )
    order = np.argsort(gallery_pids, kind="stable")
    start, end = (
        np.searchsorted(gallery_pids[order], query_pids, side) for side in ("left", "right")
    )
    end = np.where(
        np.isin(query_pids, (JUNK, DISTRACTOR)), start, end
    )  # many images have these pids, but are not one person
    same = [order[one:two] for one, two in zip(start, end, strict=True)]
    match = [
        (gallery_camids[rows] != camid) | (not drop_same_camera)
        for rows, camid in zip(same, query_camids, strict=True)
    ]
    if not any(one.any() for one in match):
        raise ValueError(
            f"none of the {len(match)} queries has a match in the gallery "
            f"(same pid{', another camera' if drop_same_camera else ''}): there is nothing to score"
        )
    return _People(junk, same, match)


def _score(distances: Callable[[slice], np.ndarray], people: _People) -> QueryScores:
    """`distances(rows)` gives those of a slice of the queries to the gallery, [rows, G]: infinite
    for junk, else finite.
    """
    num_queries = len(people.same)
    first, precision, trapezoid = np.full((3, num_queries), np.nan)
    size = max(1, CHUNK_BYTES // (4 * len(people.junk)))
    for begin in range(0, num_queries, size):
        rows = range(begin, min(begin + size, num_queries))
        for query, row in zip(rows, distances(slice(begin, rows.stop)), strict=True):
            same, match = people.same[query], people.match[query]
            if match.any():
                ranks = _ranks(np.ascontiguousarray(row), same[match], same[~match])
                found = np.arange(1, len(ranks) + 1)
                here = found / ranks
                before = np.where(ranks > 1, (found - 1) / np.maximum(ranks - 1, 1), 1)
                first[query] = ranks[0]
                precision[query] = here.mean()
                trapezoid[query] = (here + before).mean() / 2
    return QueryScores(first, precision, trapezoid)


def _summed_up(found: QueryScores, gallery_pids: Tensor) -> Scores:
    scored = ~np.isnan(found.rank)
    ranks = found.rank[scored]
    return Scores(
        rank1=float((ranks <= 1).mean()),
        rank5=float((ranks <= 5).mean()),
        rank10=float((ranks <= 10).mean()),
        mAP=float(found.average_precision[scored].mean()),
        mAP_trapezoid=float(found.average_precision_trapezoid[scored].mean()),
        num_queries=len(scored),
        num_gallery=int((np.asarray(gallery_pids) != JUNK).sum()),
        skipped_queries=int((~scored).sum()),
    )


def _ranks(row: np.ndarray, matches: np.ndarray, dropped: np.ndarray) -> np.ndarray:
    """Ranks, from 1 and ascending, that the gallery rows `matches` take in a stable sort of `row`
    without `dropped`.
    """
    ranks = np.empty(len(matches), np.int64)
    near = row[dropped]
    for place, match in enumerate(matches.tolist()):
        distance = row[match]
        # Before a match come the equally close that stand before it, and the closer ones that stand
        # after it.
        closer = np.count_nonzero(row[:match] <= distance) + np.count_nonzero(
            row[match + 1 :] < distance
        )
        if len(dropped):
            closer -= np.count_nonzero(np.where(dropped < match, near <= distance, near < distance))
        ranks[place] = closer + 1
    ranks.sort()
    return ranks


@dataclass(frozen=True)
class Ranking:
    """One query: the first gallery images in the order of a stable sort of its distances, after the
    protocol's removals.
    """

    query: int  # row
    average_precision: float  # as in mAP
    gallery: np.ndarray  # int64 [top], rows
    hits: np.ndarray  # bool [top]


def rankings(
    query_features: Tensor,
    gallery_features: Tensor,
    query_pids: Tensor,
    gallery_pids: Tensor,
    query_camids: Tensor,
    gallery_camids: Tensor,
    metric: Metric,
    drop_same_camera: bool,
    rows: np.ndarray,
    top: int,
) -> list[Ranking]:
    """What the queries `rows` find, for looking at; arguments as in `evaluate`. Queries without a
    match are left out.
    """
    query, gallery = query_features[rows].double(), gallery_features.double()
    # Number by number, not evaluate's products of matrices: for a few rows exactness costs nothing.
    if metric == "cosine":
        query, gallery = (torch.nn.functional.normalize(features) for features in (query, gallery))
        distances = torch.stack([-(row * gallery).sum(1) for row in query])
    else:
        distances = torch.cdist(query, gallery, compute_mode="donot_use_mm_for_euclid_dist")
    found = []
    pids, camids = gallery_pids.numpy(), gallery_camids.numpy()
    for row, distance in zip(rows.tolist(), distances.numpy(), strict=True):
        own = (pids == int(query_pids[row])) & (pids != DISTRACTOR)
        kept = np.flatnonzero(
            (pids != JUNK) & ~(own & drop_same_camera & (camids == int(query_camids[row])))
        )
        order = kept[np.argsort(distance[kept], kind="stable")]
        hits = own[order]
        if hits.any():
            ranks = np.flatnonzero(hits) + 1
            precision = float((np.arange(1, len(ranks) + 1) / ranks).mean())
            found.append(Ranking(row, precision, order[:top], hits[:top]))
    return found
