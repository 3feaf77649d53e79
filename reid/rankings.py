"""Ranked lists of a few queries, for display."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import normalize

from reid.data import DISTRACTOR, JUNK
from reid.retrieval import Retrieval


@dataclass(frozen=True)
class Ranking:
    """The first gallery images for one query, without the images that the protocol drops.

    query: row of the query
    average_precision: as in `reid.evaluation.Scores.mAP`
    gallery: int64 [top], rows of the gallery in the order of a stable sort of their distances
    hits: bool [top], whether each is a match
    """

    query: int
    average_precision: float
    gallery: np.ndarray
    hits: np.ndarray


def rankings(retrieval: Retrieval, rows: np.ndarray, top: int) -> list[Ranking]:
    """Rank the gallery for the queries `rows`, int64 [R]; queries without a match are left out."""
    query = retrieval.query_features[rows].double()
    gallery = retrieval.gallery_features.double()
    # Without matrix products, unlike evaluate: for a few rows exactness is cheap.
    if retrieval.metric == "cosine":
        query, gallery = normalize(query), normalize(gallery)
        distances = torch.stack([-(row * gallery).sum(1) for row in query])
    else:
        distances = torch.cdist(query, gallery, compute_mode="donot_use_mm_for_euclid_dist")
    pids, camids = retrieval.gallery_pids.numpy(), retrieval.gallery_camids.numpy()
    ranked = []
    for row, distance in zip(rows.tolist(), distances.numpy(), strict=True):
        same = (pids == int(retrieval.query_pids[row])) & (pids != DISTRACTOR)
        same_camera = camids == int(retrieval.query_camids[row])
        kept = np.flatnonzero((pids != JUNK) & ~(same & retrieval.drop_same_camera & same_camera))
        order = kept[np.argsort(distance[kept], kind="stable")]
        hits = same[order]
        if hits.any():
            ranks = np.flatnonzero(hits) + 1
            precision = float((np.arange(1, len(ranks) + 1) / ranks).mean())
            ranked.append(Ranking(row, precision, order[:top], hits[:top]))
    return ranked
