"""Time and memory of the metrics of a report card, on a set as large as Market-1501.

    .venv/bin/python benchmarks/report_card.py [--pairs 12000] [--size 128 64] [--threads 2]

The set in a temporary folder has as many images as Market-1501 (12,936 of 751 training identities, a
gallery of 19,732), of coloured noise, with upright poses. The re-ID judge and the pose network of
params.yaml have fresh weights, because trained ones take the same time. The outputs are copied
sources, so that the time of generators is excluded; `augment profile-generators` measures it.
Metrics with pretrained weights are included only if their weights are in the cache. Other work on
the machine distorts the figures.
"""

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from a checkout

from augment import params, paths
from augment.prepared import index, keypoints, market1501
from augment.results.report_card import identity, pairs, pose, render, scoring, sheets
from augment.results.report_card.settings import EvaluationParams
from augment.results.report_card.speed import UPRIGHT
from generators.registry import POSE_NETWORK
from generators.training.checkpoint import save_generator
from reid.models import build
from reid.params import ReidParams

ROOT = Path(__file__).resolve().parents[1]
CAMERAS = 6
# Split -> (folder, first identity, identities, images), without distractors and junk.
SETS = {
    "train": ("bounding_box_train", 1, 751, 12936),
    "gallery": ("bounding_box_test", 1001, 750, 13115),
}
DISTRACTORS, JUNK = 2798, 3819


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=12000)
    parser.add_argument("--size", type=int, nargs=2, default=(128, 64))
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        shutil.copy(ROOT / "params.yaml", folder)
        prepare()
        settings = params.load(
            EvaluationParams, "evaluation", overrides={"evaluation.pairs": arguments.pairs}
        )
        measure(settings, tuple(arguments.size))
        os.chdir(ROOT)


def measure(settings: EvaluationParams, size: tuple[int, int]) -> None:
    before, started, cpu_started = _peak_mb(), time.perf_counter(), time.process_time()
    held = pairs.held_out(pairs.MARKET, settings.pairs, settings.seed)
    rendered = render.render(render.renderer("copy_source", None, size, "cpu"), held, settings)
    opened = time.perf_counter() - started
    judge, finder = (
        identity.load_judge(settings.judge, "cpu"),
        pose.load_finder("cpu", settings.batch_size),
    )
    scored = scoring.score(rendered, judge, finder, settings, torch.device("cpu"))
    drawing = time.perf_counter()
    sheets.write(Path("sheets"), rendered.renderer, held, scored.pairs, rendered.paired)
    ended = time.perf_counter()
    print(
        f"\n{len(held.pairs):,} pairs of {len(held.rows):,} images at {size[0]}x{size[1]}, {torch.get_num_threads()} threads\n"
    )
    print("| | s |\n|---|---|")
    seconds = {"open and copy": opened, **scored.seconds, "sheets": ended - drawing}
    for name in (name for name in seconds if name != "render"):
        print(f"| {name} | {seconds[name]:.1f} |")
    print(f"| together | {ended - started:.1f} |")
    print(f"\n{time.process_time() - cpu_started:.0f} s of processor time, of all threads together")
    print(f"peak memory {_peak_mb():.0f} MB, {before:.0f} MB of it before the first pair was drawn")


def prepare() -> None:
    """Write data/prepared as large as Market-1501, a judge and a pose network."""
    rng = np.random.default_rng(0)
    rows = []
    for split, (folder, first, people, images) in SETS.items():
        pids = first + np.arange(images) % people
        if split == "gallery":
            pids = np.concatenate([pids, np.zeros(DISTRACTORS, int), np.full(JUNK, -1)])
        for number, pid in enumerate(pids.tolist()):
            camid = int(rng.integers(CAMERAS))
            rows.append([f"{folder}/{split}{number:06d}.jpg", pid, camid, split, "", "", "", ""])
        (paths.PREPARED / folder).mkdir(parents=True)
    frame = pd.DataFrame(rows, columns=index.COLUMNS)
    index.write(frame, paths.PREPARED / "index.csv")
    points = np.array(UPRIGHT) * market1501.SIZE
    keypoints.write(
        {Path(path).name: points + rng.integers(-3, 4, 2) for path in frame["path"]},
        paths.PREPARED / "keypoints.csv",
    )
    noise = rng.integers(0, 256, (256, 16, 8, 3), dtype=np.uint8)

    def draw(row: int) -> None:
        image = Image.fromarray(noise[row % len(noise)]).resize(
            market1501.SIZE[::-1], Image.Resampling.BICUBIC
        )
        image.save(paths.PREPARED / frame["path"].iat[row], quality=90)

    with ThreadPoolExecutor() as pool:
        list(pool.map(draw, range(len(frame))))
    judge = params.load(EvaluationParams, "evaluation").judge
    settings = params.load(ReidParams, f"reid.{judge.model}")
    identity.weights_file(judge).parent.mkdir(parents=True)
    torch.save(
        build(settings.backbone, SETS["train"][2], settings.network).state_dict(),
        identity.weights_file(judge),
    )
    network = params.generator(POSE_NETWORK)
    save_generator(
        network, paths.generator_model(pose.POSE_NETWORK) / "generator.pt", {"images": []}
    )


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
