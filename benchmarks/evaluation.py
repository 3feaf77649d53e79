"""Time and memory of our evaluator, compared with torchreid's and a compiled one.

    .venv/bin/python benchmarks/evaluation.py [--galleries 10000 100000 1000000]

First table: a problem of Market-1501's size. Features are clustered by identity, with a shift per
camera and images of uneven quality; 3,368 queries against 15,913 gallery images of 751 identities
(one of them the distractors) and 6 cameras. All evaluators receive the same distance matrix. Ours
and the compiled one run several times (the median counts), torchreid's Python `evaluate_rank` once.
The package torchreid ships without its Cython evaluator: rank_cython.pyx is our version with the
same algorithm. It needs Cython and a C compiler; without them its row is left out. The last row is
a lower bound for any evaluator: reading the matrix once.

Second table: 64 queries, features of 512 numbers, from features to scores, each gallery in a
separate process. Memory is the peak of the process above its initial memory, including the
features. torchreid's Python runs only on galleries that take less than about a minute.
"""

import argparse
import importlib
import platform
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from a checkout

from reid.evaluation import evaluate, evaluate_distances
from reid.retrieval import Retrieval

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torchreid warns that its Cython evaluator is missing
    from torchreid.reid.metrics.rank import evaluate_rank

QUERIES, GALLERY, DISTRACTORS, IDENTITIES, CAMERAS = 3368, 15913, 2798, 750, 6
DIMENSIONS = 128
REPEATS = 7
LARGE_QUERIES, LARGE_DIMENSIONS = 64, 512
TORCHREID_LIMIT = 100_000  # gallery images; it needs 16 bytes and more per distance


def problem(seed: int) -> tuple[np.ndarray, ...]:
    """The arguments of evaluate_rank: distances float32 [Q, G], pids and camids."""
    rng = np.random.default_rng(seed)
    query_pids = np.arange(QUERIES) % IDENTITIES + 1
    gallery_pids = np.concatenate(
        [np.zeros(DISTRACTORS, int), rng.integers(1, IDENTITIES + 1, GALLERY - DISTRACTORS)]
    )
    query_camids, gallery_camids = (rng.integers(0, CAMERAS, n) for n in (QUERIES, GALLERY))
    people = rng.normal(size=(IDENTITIES + 1, DIMENSIONS))
    scenes = 0.3 * rng.normal(size=(CAMERAS, DIMENSIONS))

    def features(pids: np.ndarray, camids: np.ndarray) -> np.ndarray:
        person = np.where(
            (pids > 0)[:, None], people[pids], rng.normal(size=(len(pids), DIMENSIONS))
        )
        noise = rng.gamma(4, 0.38, (len(pids), 1)) * rng.normal(size=(len(pids), DIMENSIONS))
        vectors = person + scenes[camids] + noise
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    query, gallery = features(query_pids, query_camids), features(gallery_pids, gallery_camids)
    return 2 - 2 * query @ gallery.T, query_pids, gallery_pids, query_camids, gallery_camids


def seconds(function) -> tuple[float, object]:
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def compiled():
    """rank_cython.evaluate, compiled now; None without Cython or a compiler."""
    try:
        import pyximport
    except ImportError:
        return None
    sys.path.insert(0, str(Path(__file__).parent))
    pyximport.install(language_level=3, setup_args={"include_dirs": np.get_include()})
    return importlib.import_module("rank_cython").evaluate


def one_size() -> None:
    case = problem(seed=0)
    ours, scores = repeated(lambda: evaluate_distances(*case))
    reading, _ = repeated(case[0].max)
    theirs, (cmc, mean_precision) = seconds(lambda: evaluate_rank(*case, use_cython=False))
    difference = np.abs(
        np.array([scores.rank1, scores.rank5, scores.rank10]) - cmc[[0, 4, 9]]
    ).max()
    print(
        f"{QUERIES:,} queries, {GALLERY:,} gallery images, {case[0].nbytes / 1e6:.0f} MB of distances"
    )
    print(f"{platform.processor() or platform.machine()}, numpy {np.__version__}\n")
    print(f"{'':24}{'seconds':>9}{'ratio':>8}{'rank1':>9}{'mAP':>9}{'mAP_trapezoid':>15}")
    print(
        f"{'torchreid, Python':24}{theirs:9.2f}{1:8.0f}{cmc[0]:9.4f}{mean_precision:9.4f}{'-':>15}"
    )
    if (evaluate_compiled := compiled()) is not None:
        duration, (rank1, its_mean) = repeated(lambda: evaluate_compiled(*case), 3)
        print(
            f"{'compiled, median of 3':24}{duration:9.3f}{theirs / duration:8.0f}{rank1:9.4f}{its_mean:9.4f}{'-':>15}"
        )
    row = f"{scores.rank1:9.4f}{scores.mAP:9.4f}{scores.mAP_trapezoid:15.4f}"
    print(f"{f'ours, median of {REPEATS}':24}{ours:9.3f}{theirs / ours:8.0f}{row}")
    print(f"{'reading the matrix once':24}{reading:9.3f}{theirs / reading:8.0f}")
    print(
        f"\nlargest difference: CMC {difference:.1e}, mAP {abs(scores.mAP - mean_precision):.1e}\n"
    )


def repeated(function, times: int = REPEATS) -> tuple[float, object]:
    """(median seconds, result)."""
    runs = [seconds(function) for _ in range(times)]
    return statistics.median(run[0] for run in runs), runs[0][1]


def peak_mb() -> float:
    """Peak memory of this process on Linux; resource.getrusage would include the parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def large(evaluator: str, gallery: int) -> None:
    """Print a row of the second table, with the memory of this process."""
    draws = torch.Generator().manual_seed(0)
    identities = gallery // 20

    def people(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        pids = torch.randint(1, identities + 1, (number,), generator=draws)
        return pids, torch.randint(0, CAMERAS, (number,), generator=draws)

    (query_pids, query_camids), (gallery_pids, gallery_camids) = (
        people(LARGE_QUERIES),
        people(gallery),
    )
    gallery_pids[torch.rand(gallery, generator=draws) < 0.2] = 0
    before = peak_mb()
    query = torch.randn(LARGE_QUERIES, LARGE_DIMENSIONS, generator=draws)
    features = torch.randn(gallery, LARGE_DIMENSIONS, generator=draws)
    start = time.perf_counter()
    if evaluator == "ours":
        retrieval = Retrieval(
            query, features, query_pids, gallery_pids, query_camids, gallery_camids
        )
        mean = evaluate(retrieval).mAP
    else:
        distances = torch.addmm(features.square().sum(1), query, features.T, alpha=-2).numpy()
        labels = (query_pids, gallery_pids, query_camids, gallery_camids)
        arrays = (label.numpy() for label in labels)
        mean = evaluate_rank(distances, *arrays, use_cython=False)[1]
    duration, memory = time.perf_counter() - start, peak_mb() - before
    print(
        f"{gallery:>12,}{evaluator:>20}{duration:9.2f}{features.nbytes / 2**20:14.0f}{memory:11.0f}{mean:14.8f}",
        flush=True,
    )


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--galleries", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    arguments.add_argument(
        "--large", nargs=2, metavar=("EVALUATOR", "GALLERY"), help=argparse.SUPPRESS
    )
    chosen = arguments.parse_args()
    if chosen.large is not None:
        return large(chosen.large[0], int(chosen.large[1]))
    one_size()
    print(
        f"{LARGE_QUERIES} queries, features of {LARGE_DIMENSIONS} numbers, {torch.get_num_threads()} threads\n"
    )
    print(
        f"{'gallery':>12}{'':20}{'seconds':>9}{'features, MB':>14}{'peak, MB':>11}{'mAP':>14}",
        flush=True,
    )
    for gallery in chosen.galleries:
        for evaluator in ("ours", "torchreid, Python"):
            if evaluator == "ours" or gallery <= TORCHREID_LIMIT:
                subprocess.run(
                    [sys.executable, __file__, "--large", evaluator, str(gallery)], check=True
                )


if __name__ == "__main__":
    main()
