"""Puppets per second.

    python benchmarks/puppet.py [--device cuda]

Rendering is measured with prepared scenes, as in `augment generate` and online training. `prepare`
is the cost of preparing each image of the reduced set once (its plate and colours). Prints medians
of several runs on upright people with jittered joints.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from augment import params
from generators.body import body_parts, part_drawing
from generators.puppet import opencv
from generators.puppet.puppet import Puppet, compose

UPRIGHT = torch.tensor(
    [
        (16, 32),
        (26, 32),
        (27, 24),
        (42, 20),
        (56, 18),
        (27, 40),
        (42, 44),
        (56, 46),
        (62, 27),
        (88, 26),
        (114, 26),
        (62, 37),
        (88, 38),
        (114, 38),
        (14, 30),
        (14, 34),
        (15, 27),
        (15, 37),
    ]
).float()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    root = Path(__file__).parents[1]
    puppet = Puppet(params.load(Puppet.Params, "generators.puppet", root / "params.yaml"))
    print(f"{device}, {arguments.threads} threads, batches of {arguments.batch}")
    print(f"{'size':<10}{'what':<34}{'images/s':>10}")
    for size in ((128, 64), (64, 32)):
        for what, run in _work(puppet, size, arguments.batch, device).items():
            print(
                f"{size[0]}x{size[1]:<6} {what:<34}{arguments.batch / _seconds(run, device):>10,.0f}"
            )


@torch.no_grad()
def _work(
    puppet: Puppet, size: tuple[int, int], number: int, device: torch.device
) -> dict[str, Callable[[], object]]:
    draws = torch.Generator().manual_seed(0)
    pixels = torch.rand(number, 3, *size, generator=draws).to(device)
    keypoints = (UPRIGHT * size[0] / 128 + torch.randn(number, 18, 2, generator=draws)).to(device)
    source = puppet.figures(pixels, keypoints)
    scene = replace(
        source, **{name: value.flip(0) for name, value in vars(source).items() if value is not None}
    )
    cut, placed = (
        body_parts.frames(figures.keypoints, size, puppet.params.parts)
        for figures in (source, scene)
    )
    drawing = (
        source.image, None, scene.plate, cut, placed, part_drawing.draw_order(scene.keypoints),
        puppet.params.soft * size[0],
    )  # fmt: skip
    work: dict[str, Callable[[], object]] = {
        "prepare an image": lambda: puppet.figures(pixels, keypoints),
        "render": lambda: puppet.render(source, scene),
        "  of it drawing, in torch": lambda: compose(*drawing),
    }
    if device.type == "cpu":
        work["  of it drawing, in OpenCV"] = lambda: opencv.compose(*drawing)
    return work


@torch.no_grad()
def _seconds(run: Callable[[], object], device: torch.device, repeats: int = 7) -> float:
    times = []
    for number in range(repeats + 1):
        start = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if number:  # the first one warms up
            times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    main()
