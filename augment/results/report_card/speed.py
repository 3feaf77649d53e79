"""Size and speed of a generator, which depend neither on its weights nor on the images."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from generators.body.parsing import from_keypoints
from generators.training.batch import Batch
from generators.training.generator import Generator
from generators.training.pairs import ImageSet, make_batch

Input = TypeVar("Input", Batch, Tensor)

BATCHES = (1, 32)
# (y, x) of an upright person, in image heights and widths, in the order of body.skeleton.JOINTS.
UPRIGHT = (
    (0.13, 0.50), (0.21, 0.50), (0.22, 0.36), (0.34, 0.30), (0.45, 0.28), (0.22, 0.64),
    (0.34, 0.70), (0.45, 0.72), (0.50, 0.41), (0.70, 0.40), (0.90, 0.40), (0.50, 0.59),
    (0.70, 0.60), (0.90, 0.60), (0.12, 0.47), (0.12, 0.53), (0.13, 0.44), (0.13, 0.56),
)  # fmt: skip


@dataclass(frozen=True)
class Speed:
    """Size and speed.

    images_per_second_1, images_per_second_32: throughput in batches of 1 and 32
    parameters: number of parameters of all networks
    multiply_adds: number per image, in convolutions and matrix products; None without a network
    peak_memory_bytes: GPU memory of a batch of 32; None on a CPU, whose allocations are not counted
    """

    images_per_second_1: float
    images_per_second_32: float
    parameters: int
    multiply_adds: int | None
    peak_memory_bytes: int | None


def of_generator(generator: Generator, device: torch.device, seconds: float) -> Speed:
    """Measure a generator whose networks are on `device`; each timing is repeated for `seconds`."""
    size, sigma_px = generator.params.image_size, getattr(generator.params, "sigma_px", 1.0)
    batches = [upright(number, size, sigma_px, device) for number in BATCHES]
    with FlopCounterMode(display=False) as counter:
        generator.generate(batches[0])
    parameters = sum(
        p.numel() for network in generator.networks.values() for p in network.parameters()
    )
    return _timed(
        generator.generate, batches, device, seconds, parameters, counter.get_total_flops() // 2
    )


def of_puppet(
    draw: Callable[[Tensor], Tensor], pairs: Tensor, device: torch.device, seconds: float
) -> Speed:
    """Measure `draw`, which renders rows of pairs [P, 2] without a network.

    Fewer than 32 pairs are repeated.
    """
    many = pairs.repeat(-(-BATCHES[1] // len(pairs)), 1)
    return _timed(draw, [many[:number] for number in BATCHES], device, seconds, 0, None)


def _timed(
    work: Callable[[Input], Tensor],
    batches: list[Input],
    device: torch.device,
    seconds: float,
    parameters: int,
    multiply_adds: int | None,
) -> Speed:
    one, many = (len(batch) / median_seconds(work, batch, device, seconds) for batch in batches)
    memory = None
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        work(batches[-1])
        memory = torch.cuda.max_memory_allocated(device)
    return Speed(one, many, parameters, multiply_adds, memory)


def upright(number: int, size: tuple[int, int], sigma_px: float, device: torch.device) -> Batch:
    """A batch of `number` pairs of upright persons, with random pixels."""
    draws = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (2 * number, 3, *size), dtype=torch.uint8, generator=draws)
    points = torch.tensor(UPRIGHT).expand(2 * number, -1, -1) * torch.tensor(
        size, dtype=torch.float32
    )
    images = ImageSet(pixels, points.contiguous(), from_keypoints(points, size))
    return make_batch(images, torch.arange(2 * number).view(number, 2), sigma_px, device)


def median_seconds(
    work: Callable[[Input], Tensor], batch: Input, device: torch.device, seconds: float
) -> float:
    """Median time of one call, over at least 3 calls and `seconds`, after two warm-up calls."""
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
