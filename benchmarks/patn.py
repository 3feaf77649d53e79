"""Speed of PATN in float32 and bfloat16, compared with the machine's peak.

    python benchmarks/patn.py [--size laptop|paper] [--batch N] [--steps N] [--threads N]

Prints one Markdown table of forward passes and training steps. GFLOP are those of convolutions,
forward and backward, counted by torch's FlopCounterMode. A training step is that of the training
loop (batch, network, both discriminators, Adam). The peak is the better of a matrix product and a
3x3 convolution.
"""

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from accelerate import PartialState
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from generators.networks.transfer_params import DiscriminatorParams
from generators.patn.patn import Patn, PatnParams
from generators.training.loop import train
from generators.training.pairs import ImageSet, make_batch
from generators.training.phases import TrainingParams

SIZES = {
    # image_size, sigma_px, ngf, blocks, norm, ndf, discriminator blocks, batch
    "laptop": ((64, 32), 3.0, 16, 5, "batch", 8, 1, 16),
    "paper": ((128, 64), 6.0, 64, 9, "batch", 64, 3, 32),
}


def patn(size: str, precision: str, batch: int, iterations: int) -> Patn:
    image_size, sigma_px, ngf, blocks, norm, ndf, deep, _ = SIZES[size]
    training = TrainingParams(
        iterations=iterations,
        decay_start=iterations,
        batch_size=batch,
        learning_rate=2e-4,
        betas=(0.5, 0.999),
        flip=True,
        seed=0,
        precision=precision,
        log_every=1,
        sheet_every=iterations,
        checkpoint_every=iterations,
    )
    params = PatnParams(
        image_size=image_size,
        sigma_px=sigma_px,
        ngf=ngf,
        downsamplings=2,
        blocks=blocks,
        block="patb",
        norm=norm,
        dropout=0.0,
        discriminator=DiscriminatorParams(ndf=ndf, blocks=deep, norm=norm, dropout=0.0),
        gan="vanilla",
        image_pool=50,
        lambda_gan=1.0,
        lambda_l1=10.0,
        person_weight=4.0,
        perceptual="none",
        lambda_perceptual=0.0,
        training=training,
    )
    return Patn(params)


def seconds(work: Callable[[], object], device: torch.device, at_least: float = 3.0) -> float:
    """Median time of a call, over `at_least` seconds of calls, after two warm-up calls."""
    times: list[float] = []
    for number in range(10**6):
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if number >= 2:
            times.append(time.perf_counter() - started)
        if sum(times) > at_least and len(times) >= 3:
            break
    return sorted(times)[len(times) // 2]


@torch.no_grad()
def peak_gflops(dtype: torch.dtype, device: torch.device) -> float:
    """The better of a 2048^3 matrix product and a 3x3 convolution of 256 channels."""
    side = 2048
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    x = torch.randn(32, 256, 32, 16, device=device, dtype=dtype).to(
        memory_format=torch.channels_last
    )
    conv = nn.Conv2d(256, 256, 3, padding=1, bias=False).to(
        device, dtype, memory_format=torch.channels_last
    )
    work = {2 * side**3: lambda: a @ b, 2 * x.shape[0] * 32 * 16 * 256 * 256 * 9: lambda: conv(x)}
    return max(flop / seconds(call, device, 1.0) / 1e9 for flop, call in work.items())


def gflop(work: Callable[[], object]) -> float:
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() / 1e9


def training_times(generator: Patn, images: ImageSet, pairs: torch.Tensor) -> list[float]:
    """Seconds between the ends of successive iterations of the training loop."""
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()):
        train(
            generator,
            images,
            pairs,
            Path(folder),
            lambda *_: ends.append(time.perf_counter()),
            lambda *_: None,
        )
    return [later - earlier for earlier, later in pairwise(ends)]


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--size", choices=SIZES, default="laptop")
    arguments.add_argument("--batch", type=int, help="images per step (default: that of --size)")
    arguments.add_argument("--steps", type=int, default=40, help="training steps to time")
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    chosen = arguments.parse_args()
    torch.set_num_threads(chosen.threads)
    size, batch_size = SIZES[chosen.size][0], chosen.batch or SIZES[chosen.size][-1]
    device = PartialState(cpu=not torch.accelerator.is_available()).device

    draws = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (256, 3, *size), dtype=torch.uint8, generator=draws)
    images = ImageSet(pixels, torch.rand(256, 18, 2, generator=draws) * torch.tensor(size))
    pairs = torch.randint(0, 256, (1000, 2), generator=draws)
    print(
        f"PATN, {chosen.size} size, {device.type}, {torch.get_num_threads()} threads, batch {batch_size}\n"
    )
    print("| work | precision | GFLOP | ms | images/s | GFLOP/s | peak GFLOP/s | of peak |")
    print("|---|---|---|---|---|---|---|---|")
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        peak = peak_gflops(dtype, device)
        generator = patn(chosen.size, precision, batch_size, 1)
        generator.networks["network"].to(device, memory_format=torch.channels_last)
        batch = make_batch(images.to(device), pairs[:batch_size], generator.params.sigma_px, device)
        render = partial(generator.generate, batch)
        forward = gflop(render), seconds(render, device)
        # The cost of the second of two iterations, which excludes the sample sheet at the end.
        one, two = (
            gflop(
                partial(
                    training_times, patn(chosen.size, precision, batch_size, number), images, pairs
                )
            )
            for number in (1, 2)
        )
        times = training_times(
            patn(chosen.size, precision, batch_size, chosen.steps), images, pairs
        )[2:]
        step = two - one, sorted(times)[len(times) // 2]
        for name, (cost, duration) in (("forward", forward), ("training step", step)):
            print(
                f"| {name} | {precision} | {cost:.1f} | {1000 * duration:.1f} | {batch_size / duration:.0f} | "
                f"{cost / duration:.0f} | {peak:.0f} | {cost / duration / peak:.0%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
