"""Time and memory of the metrics of generated images, for as many pairs as in the papers.

    python benchmarks/image_metrics.py

Pairs are made up: smooth pictures of 128x64 and random poses. Prints one row per metric: wall-clock
seconds, processor seconds (of all cores), and the growth of the process's memory so far.
"""

import resource
import time
from collections.abc import Callable

import click
import pandas as pd
import torch
from torch.nn import functional as F

from generators.metrics.frechet import frechet_distance
from generators.metrics.intervals import mean_interval
from generators.metrics.pckh import pckh
from generators.metrics.similarity import body_mask, clean, patn_legacy

SIZE, BATCH = (128, 64), 64


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--pairs", "number", default=12_000, show_default=True, help="Number of pairs.")
@click.option("--people", default=750, show_default=True, help="Number of identities.")
@click.option(
    "--widths",
    default="128,512,2048",
    show_default=True,
    help="Feature dimensions for the Frechet distance.",
)
def main(number: int, people: int, widths: str) -> None:
    draws = torch.Generator().manual_seed(0)
    output, source, target = (
        F.interpolate(torch.rand(BATCH, 3, 16, 8, generator=draws) * 255, SIZE, mode="bicubic")
        .clamp(0, 255)
        .to(torch.uint8)
        for _ in range(3)
    )
    joints = torch.rand(2, BATCH, 18, 2, generator=draws) * torch.tensor(SIZE)
    mask = body_mask(joints[1], SIZE)
    found, true = (
        torch.rand(number, 18, 2, generator=draws) * torch.tensor(SIZE) for _ in range(2)
    )
    values, groups = (
        torch.rand(number, generator=draws),
        torch.randint(people, (number,), generator=draws),
    )

    def batches(score: Callable) -> Callable:
        return lambda: [score() for _ in range(0, number, BATCH)]

    rows = {
        "body masks": batches(lambda: body_mask(joints[1], SIZE)),
        "ssim and mask_ssim, clean": batches(lambda: clean(output, target, mask)),
        "ssim and mask_ssim, patn_legacy": batches(
            lambda: patn_legacy(output, source, target, *joints, mask)
        ),
        "pckh, both rules": lambda: [
            pckh(found, true, rule=rule) for rule in ("axes", "euclidean")
        ],
        "an interval, 1,000 draws": lambda: mean_interval(values, groups),
    }
    for wide in map(int, widths.split(",")):
        sets = [
            torch.randn(number, wide, generator=draws) @ torch.randn(wide, wide, generator=draws)
            for _ in range(2)
        ]
        rows[f"Frechet distance of {wide} numbers"] = lambda sets=sets: frechet_distance(*sets)
    table, before = [], _peak()
    for name, score in rows.items():
        wall, cpu = time.perf_counter(), time.process_time()
        score()
        seconds = {"seconds": time.perf_counter() - wall, "processor s": time.process_time() - cpu}
        table.append({"metric": name, **seconds, "grown by MB": (_peak() - before) // 2**20})
    click.echo(
        f"{number} pairs at {SIZE[0]}x{SIZE[1]}, {torch.get_num_threads()} threads, batch {BATCH}"
    )
    click.echo(pd.DataFrame(table).to_string(index=False, float_format="%.1f"))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
