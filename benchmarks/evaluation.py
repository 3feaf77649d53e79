"""Scores from given distances: ours against torchreid's Python `evaluate_rank`, on a problem of Market-1501's size.

    .venv/bin/python benchmarks/evaluation.py

Features are clustered by identity, with a shift per camera and images of uneven quality; 3,368 queries against 15,913
gallery images of 751 identities (one of them the distractors) and 6 cameras. Both get the same distance matrix. Ours
is run several times (the median counts), torchreid's once. The last row is the least that any evaluator must do: read
the matrix once.
"""

import platform
import statistics
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from a checkout

from reid.evaluation import evaluate_distances

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torchreid warns that its Cython evaluator is missing
    from torchreid.reid.metrics.rank import evaluate_rank

QUERIES, GALLERY, DISTRACTORS, IDENTITIES, CAMERAS = 3368, 15913, 2798, 750, 6
DIMENSIONS = 128
REPEATS = 7


def problem(seed: int) -> tuple[np.ndarray, ...]:
    """distances float32 [Q, G] and pids, camids of queries and gallery, as evaluate_rank wants them."""
    rng = np.random.default_rng(seed)
    query_pids = np.arange(QUERIES) % IDENTITIES + 1
    gallery_pids = np.concatenate([np.zeros(DISTRACTORS, int), rng.integers(1, IDENTITIES + 1, GALLERY - DISTRACTORS)])
    query_camids, gallery_camids = (rng.integers(0, CAMERAS, n) for n in (QUERIES, GALLERY))
    people = rng.normal(size=(IDENTITIES + 1, DIMENSIONS))
    scenes = 0.3 * rng.normal(size=(CAMERAS, DIMENSIONS))

    def features(pids: np.ndarray, camids: np.ndarray) -> np.ndarray:
        person = np.where((pids > 0)[:, None], people[pids], rng.normal(size=(len(pids), DIMENSIONS)))
        noise = rng.gamma(4, 0.38, (len(pids), 1)) * rng.normal(size=(len(pids), DIMENSIONS))
        vectors = person + scenes[camids] + noise
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    query, gallery = features(query_pids, query_camids), features(gallery_pids, gallery_camids)
    return 2 - 2 * query @ gallery.T, query_pids, gallery_pids, query_camids, gallery_camids


def seconds(function) -> tuple[float, object]:
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def main() -> None:
    case = problem(seed=0)
    runs = [seconds(lambda: evaluate_distances(*case)) for _ in range(REPEATS)]
    ours, scores = statistics.median(run[0] for run in runs), runs[0][1]
    reading = min(seconds(case[0].max)[0] for _ in range(REPEATS))
    theirs, (cmc, mean_precision) = seconds(lambda: evaluate_rank(*case, use_cython=False))

    difference = np.abs(np.array([scores.rank1, scores.rank5, scores.rank10]) - cmc[[0, 4, 9]]).max()
    print(f"{QUERIES:,} queries, {GALLERY:,} gallery images, {case[0].nbytes / 1e6:.0f} MB of distances")
    print(f"{platform.processor() or platform.machine()}, numpy {np.__version__}\n")
    print(f"{'':24}{'seconds':>9}{'ratio':>8}{'rank1':>9}{'mAP':>9}{'mAP_trapezoid':>15}")
    print(f"{'torchreid, Python':24}{theirs:9.2f}{1:8.0f}{cmc[0]:9.4f}{mean_precision:9.4f}{'-':>15}")
    row = f"{scores.rank1:9.4f}{scores.mAP:9.4f}{scores.mAP_trapezoid:15.4f}"
    print(f"{f'ours, median of {REPEATS}':24}{ours:9.3f}{theirs / ours:8.0f}{row}")
    print(f"{'reading the matrix once':24}{reading:9.3f}{theirs / reading:8.0f}")
    print(f"\nlargest difference: CMC {difference:.1e}, mAP {abs(scores.mAP - mean_precision):.1e}")


if __name__ == "__main__":
    main()
