"""Pictures of mini_market that one core renders and writes per second.

python benchmarks/mini_market.py
"""

import tempfile
import time
from pathlib import Path

import cv2

from augment.data.mini_market import Difficulty, MiniMarketParams, write
from augment.data.mini_market.render import build_world, render
from augment.data.mini_market.write import plan

PARAMS = MiniMarketParams(
    train_ids=40,
    images_per_train_id=12,
    test_ids=24,
    gallery_images_per_id=7,
    distractors=60,
    junk=24,
    backgrounds=6,
    seed=0,
    difficulty=Difficulty(backpacks=0.25, occlusions=0.14, truncations=0.06, lost=0.015),
)


def main() -> None:
    cv2.setNumThreads(1)
    shots = plan(PARAMS)
    start, cpu = time.perf_counter(), time.process_time()
    world = build_world(PARAMS.seed, PARAMS.difficulty)
    print(f"{'step':<24}{'images':>8}{'wall s':>9}{'cpu s':>9}{'images/cpu s':>14}")
    _row("build the world", 0, start, cpu)
    start, cpu = time.perf_counter(), time.process_time()
    for shot in shots:
        render(world, shot)
    _row("render", len(shots), start, cpu)
    with tempfile.TemporaryDirectory() as folder:
        start, cpu = time.perf_counter(), time.process_time()
        write(Path(folder) / "mini_market", PARAMS)
        _row("write (all of it)", len(shots), start, cpu)


def _row(step: str, images: int, start: float, cpu: float) -> None:
    wall, used = time.perf_counter() - start, time.process_time() - cpu
    print(f"{step:<24}{images:>8}{wall:>9.2f}{used:>9.2f}{images / used:>14.0f}")


if __name__ == "__main__":
    main()
