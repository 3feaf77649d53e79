"""Retrieval scores: exact CMC and mAP.

The gallery is not sorted, because average precision and CMC need only the ranks of the matches. The
rank of a match is 1 + the number of kept gallery images before it: those strictly closer, and the
equally close ones that come earlier in the gallery. A stable sort of the distances gives the same
order.

The protocol is that of Market-1501 (Zheng et al. 2015). Gallery images with pid -1 (junk) are
dropped; those with pid 0 (distractors) stay and match no query. For each query, the gallery images
of its own pid and camera are dropped if cameras are known (`drop_same_camera`). A query without a
match is skipped and counted.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from reid.data import DISTRACTOR, JUNK, ReidSet
from reid.models import ReidModel
from reid.params import ReidParams
from reid.retrieval import Retrieval, comparison

CHUNK_BYTES = 64 * 2**20  # of distances at a time


@dataclass(frozen=True)
class Scores:
    """Means over the queries that have a match; all scores lie in [0, 1].

    rank1, rank5, rank10: share of these queries with a match among the first 1, 5, 10 images
    mAP: mean average precision, the mean over matches of the precision at their ranks (torchreid,
        scikit-learn since 0.19)
    mAP_trapezoid: the same with the mean of the precision at a match's rank and at the rank before
        (the official Market-1501 code)
    num_queries: all queries, the skipped ones included
    num_gallery: gallery images without junk
    skipped_queries: queries without a match in the gallery
    """

    rank1: float
    rank5: float
    rank10: float
    mAP: float
    mAP_trapezoid: float
    num_queries: int
    num_gallery: int
    skipped_queries: int


@dataclass(frozen=True)
class QueryScores:
    """Scores of single queries; NaN if a query has no match.

    rank: float64 [Q], of the first match, from 1
    average_precision, average_precision_trapezoid: float64 [Q], as in `Scores`
    """

    rank: np.ndarray
    average_precision: np.ndarray
    average_precision_trapezoid: np.ndarray


def score(
    model: ReidModel, query: ReidSet, gallery: ReidSet, params: ReidParams, flip: bool = False
) -> Scores:
    """Score a trained model, with features compared as set in `params`."""
    return evaluate(comparison(model, query, gallery, params, flip))


def evaluate(retrieval: Retrieval) -> Scores:
    """Score all queries together; for errors see `by_query`."""
    return _summary(by_query(retrieval), retrieval.gallery_pids)


def by_query(retrieval: Retrieval) -> QueryScores:
    """Score every query.

    Distances are computed for one chunk of the queries at a time, and the gallery's features are
    not copied. Euclidean distances stay squared and cosine distances are negative cosines; neither
    changes the order.

    Raises:
        ValueError: If there are no queries or no gallery, lengths do not match, features are not
            finite, or no query has a match.
    """
    query, gallery = retrieval.query_features.float(), retrieval.gallery_features.float()
    _squares("query", query)
    squares = _squares("gallery", gallery)
    matches = _matches(
        (len(query), len(gallery)),
        (retrieval.query_pids, retrieval.query_camids),
        (retrieval.gallery_pids, retrieval.gallery_camids),
        retrieval.drop_same_camera,
    )
    if retrieval.metric == "euclidean":
        # |q - g|^2 without |q|^2, which is the same along a row and changes no rank
        factor, summand = torch.tensor(-2.0), squares
    else:  # without the length of q, which changes no rank either
        factor, summand = -squares.sqrt().clamp(min=1e-12).reciprocal(), torch.zeros_like(squares)
    summand[torch.from_numpy(matches.junk)] = torch.inf

    def distances(rows: slice) -> np.ndarray:
        return (query[rows] @ gallery.T).mul_(factor).add_(summand).numpy()

    return _score(distances, matches)


def evaluate_distances(
    distances: Tensor | np.ndarray,
    query_pids: Tensor | np.ndarray,
    gallery_pids: Tensor | np.ndarray,
    query_camids: Tensor | np.ndarray,
    gallery_camids: Tensor | np.ndarray,
    drop_same_camera: bool = True,
) -> Scores:
    """Score given distances, float [Q, G], small for similar images; the rest is as `evaluate`.

    Raises:
        ValueError: If a set is empty, lengths do not match, distances are not finite, or no query
            has a match.
    """
    matrix = (
        distances.detach().cpu().numpy() if isinstance(distances, Tensor) else np.asarray(distances)
    )
    if matrix.ndim != 2:
        raise ValueError(f"distances must be [queries, gallery], got {list(matrix.shape)}")
    matches = _matches(
        (matrix.shape[0], matrix.shape[1]),
        (query_pids, query_camids),
        (gallery_pids, gallery_camids),
        drop_same_camera,
    )

    def chunk(rows: slice) -> np.ndarray:
        if not (np.isfinite(matrix[rows].min()) and np.isfinite(matrix[rows].max())):
            raise ValueError(
                f"distances of queries {rows.start} to {rows.stop - 1} are not all finite"
            )
        return np.where(matches.junk, np.inf, matrix[rows]) if matches.junk.any() else matrix[rows]

    return _summary(_score(chunk, matches), gallery_pids)


def _squares(name: str, features: Tensor) -> Tensor:
    """Squared lengths [N] of features [N, D], computed for a chunk of the rows at a time.

    Raises:
        ValueError: If some are not finite.
    """
    chunks = features.split(max(1, CHUNK_BYTES // (4 * max(1, features.shape[1]))))
    squares = torch.cat([chunk.square().sum(1) for chunk in chunks])
    broken = ~squares.isfinite()
    if broken.any():
        raise ValueError(
            f"{int(broken.sum())} of {len(features)} rows of the {name} features are not finite, "
            f"the first is row {int(broken.nonzero()[0])}"
        )
    return squares


@dataclass(frozen=True)
class _Matches:
    """Gallery images that need special treatment: junk, or images of a query's identity.

    junk: bool [G]
    same: for each query, the gallery rows of its pid, ascending
    match: for each query, bool of the length of `same`; True is a match, False is dropped
    """

    junk: np.ndarray
    same: list[np.ndarray]
    match: list[np.ndarray]


def _matches(
    shape: tuple[int, int],
    query: tuple[Tensor | np.ndarray, Tensor | np.ndarray],
    gallery: tuple[Tensor | np.ndarray, Tensor | np.ndarray],
    drop_same_camera: bool,
) -> _Matches:
    """Find the gallery images of each query's identity.

    `shape` is the numbers of query and gallery images; `query` and `gallery` are their pids and
    camids.

    Raises:
        ValueError: If a set is empty, lengths do not match, or no query has a match.
    """
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
    # Many images share these pids, but they do not show one person.
    end = np.where(np.isin(query_pids, (JUNK, DISTRACTOR)), start, end)
    same = [order[first:last] for first, last in zip(start, end, strict=True)]
    match = [
        (gallery_camids[rows] != camid) | (not drop_same_camera)
        for rows, camid in zip(same, query_camids, strict=True)
    ]
    if not any(row.any() for row in match):
        raise ValueError(
            f"none of the {len(match)} queries has a match in the gallery "
            f"(same pid{', another camera' if drop_same_camera else ''}), so nothing can be scored"
        )
    return _Matches(junk, same, match)


def _score(distances: Callable[[slice], np.ndarray], matches: _Matches) -> QueryScores:
    """Score every query.

    `distances` returns the distances of a slice of the queries to the gallery, [rows, G], infinite
    for junk and finite otherwise.
    """
    num_queries = len(matches.same)
    first, precision, trapezoid = np.full((3, num_queries), np.nan)
    size = max(1, CHUNK_BYTES // (4 * len(matches.junk)))
    for begin in range(0, num_queries, size):
        rows = range(begin, min(begin + size, num_queries))
        for query, row in zip(rows, distances(slice(begin, rows.stop)), strict=True):
            same, match = matches.same[query], matches.match[query]
            if match.any():
                ranks = _ranks(np.ascontiguousarray(row), same[match], same[~match])
                count = np.arange(1, len(ranks) + 1)
                at_rank = count / ranks
                before = np.where(ranks > 1, (count - 1) / np.maximum(ranks - 1, 1), 1)
                first[query] = ranks[0]
                precision[query] = at_rank.mean()
                trapezoid[query] = (at_rank + before).mean() / 2
    return QueryScores(first, precision, trapezoid)


def _ranks(row: np.ndarray, matches: np.ndarray, dropped: np.ndarray) -> np.ndarray:
    """Ranks, ascending from 1, of `matches` in a stable sort of `row` without `dropped`."""
    ranks = np.empty(len(matches), np.int64)
    near = row[dropped]
    for place, match in enumerate(matches.tolist()):
        distance = row[match]
        # A match is preceded by closer and equally close images of earlier rows, and by closer
        # images of later rows.
        closer = np.count_nonzero(row[:match] <= distance) + np.count_nonzero(
            row[match + 1 :] < distance
        )
        if len(dropped):
            closer -= np.count_nonzero(np.where(dropped < match, near <= distance, near < distance))
        ranks[place] = closer + 1
    ranks.sort()
    return ranks


def _summary(queries: QueryScores, gallery_pids: Tensor | np.ndarray) -> Scores:
    scored = ~np.isnan(queries.rank)
    ranks = queries.rank[scored]
    return Scores(
        rank1=float((ranks <= 1).mean()),
        rank5=float((ranks <= 5).mean()),
        rank10=float((ranks <= 10).mean()),
        mAP=float(queries.average_precision[scored].mean()),
        mAP_trapezoid=float(queries.average_precision_trapezoid[scored].mean()),
        num_queries=len(scored),
        num_gallery=int((np.asarray(gallery_pids) != JUNK).sum()),
        skipped_queries=int((~scored).sum()),
    )
