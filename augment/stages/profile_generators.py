"""profile-generators: size and speed of every generator as params.yaml has it, as Table 2 of the PATN paper does.

Prints a Markdown table: parameters of all networks, multiply-adds of one image, time per image in batches of 1 and 32, and
the most memory a batch of 32 takes. Weights are fresh and images random: neither matters for any of this.
"""

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from augment.stages import train_generator

if TYPE_CHECKING:
    import torch

    from generators.batch import Batch

BATCHES = (1, 32)
COLUMNS = (
    "generator", "image size", "parameters (M)", "multiply-adds (G)", "ms per image, batch 1", "batch 32", "peak memory (MB)",
)  # fmt: skip
# (y, x) of somebody who stands upright, in image heights and widths, in the order of generators.pose.JOINTS.
UPRIGHT = (
    (0.13, 0.50), (0.21, 0.50), (0.22, 0.36), (0.34, 0.30), (0.45, 0.28), (0.22, 0.64), (0.34, 0.70), (0.45, 0.72),
    (0.50, 0.41), (0.70, 0.40), (0.90, 0.40), (0.50, 0.59), (0.70, 0.60), (0.90, 0.60),
    (0.12, 0.47), (0.12, 0.53), (0.13, 0.44), (0.13, 0.56),
)  # fmt: skip


def run(names: tuple[str, ...], seconds: float) -> None:
    """names: of the registry, all of it where empty; seconds: how long each timing is repeated."""
    import torch
    from accelerate import PartialState

    from generators import GENERATORS

    device = PartialState(cpu=not torch.accelerator.is_available()).device
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
    click.echo(f"On {device.type}{threads}; multiply-adds are those of convolutions and matrix products.\n")
    click.echo(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for name in names or tuple(GENERATORS):
        click.echo(line(name, device, seconds))


def line(name: str, device: "torch.device", seconds: float) -> str:
    """One generator's row of the table. ValueError for an unknown name."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    generator = train_generator.build(name)
    for network in generator.networks.values():
        network.to(device, memory_format=torch.channels_last)
    parameters = sum(p.numel() for network in generator.networks.values() for p in network.parameters())
    size, sigma_px = generator.params.image_size, getattr(generator.params, "sigma_px", 1.0)
    batches = [upright(number, size, sigma_px, device) for number in BATCHES]
    with FlopCounterMode(display=False) as counter:
        generator.generate(batches[0])
    times = [median_seconds(generator.generate, batch, device, seconds) / len(batch) for batch in batches]
    memory = "-"  # a CPU's allocations are not counted
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        generator.generate(batches[-1])
        memory = f"{torch.cuda.max_memory_allocated(device) / 1e6:.0f}"
    one, many = (f"{1000 * each:.1f}" for each in times)
    cost = f"{parameters / 1e6:.2f}", f"{counter.get_total_flops() / 2e9:.2f}"
    cells = (name, "x".join(map(str, size)), *cost, one, many, memory)
    return f"| {' | '.join(cells)} |"


def upright(number: int, size: tuple[int, int], sigma_px: float, device: "torch.device") -> "Batch":
    """Pairs of upright persons in random pixels."""
    import torch

    from generators.pairs import ImageSet, make_batch
    from generators.parsing import from_keypoints

    draws = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (2 * number, 3, *size), dtype=torch.uint8, generator=draws)
    points = torch.tensor(UPRIGHT).expand(2 * number, -1, -1) * torch.tensor(size, dtype=torch.float32)
    images = ImageSet(pixels, points.contiguous(), from_keypoints(points, size))
    return make_batch(images, torch.arange(2 * number).view(number, 2), sigma_px, device)


def median_seconds(work: Callable, batch: "Batch", device: "torch.device", seconds: float) -> float:
    """Of one call: the median over `seconds` of them, at least 3, after two that warm up."""
    import torch

    times: list[float] = []
    for number in range(10**6):
        started = time.perf_counter()
        work(batch)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if number >= 2:
            times.append(time.perf_counter() - started)
        if len(times) >= 3 and sum(times) >= seconds:
            break
    return statistics.median(times)
