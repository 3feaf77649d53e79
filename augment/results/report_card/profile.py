"""profile-generators: size and speed of every generator as params.yaml has it, as Table 2 of the
PATN paper does.

Prints a Markdown table: parameters of all networks, multiply-adds of one image, time per image in
    batches of 1 and 32, and
the most memory a batch of 32 takes. Weights are fresh and images random: neither matters for any of
this.
"""

import click
import torch
from accelerate import PartialState

from augment import params
from augment.results.report_card import speed
from generators.registry import GENERATORS

COLUMNS = (
    "generator", "image size", "parameters (M)", "multiply-adds (G)", "ms per image, batch 1",
    "batch 32", "peak memory (MB)",
)  # fmt: skip


def run(names: tuple[str, ...], seconds: float) -> None:
    """names: of the registry, all of it where empty; seconds: how long each timing is repeated."""
    device = PartialState(cpu=not torch.accelerator.is_available()).device
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
    click.echo(
        f"On {device.type}{threads}; multiply-adds are those of convolutions and matrix products.\n"
    )
    click.echo(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for name in names or GENERATORS:
        click.echo(line(name, device, seconds))


def line(name: str, device: torch.device, seconds: float) -> str:
    """One generator's row of the table. ValueError for an unknown name."""
    generator = params.generator(name)
    for network in generator.networks.values():
        network.to(device, memory_format=torch.channels_last)
    found = speed.of_generator(generator, device, seconds)
    one, many = (
        f"{1000 / each:.1f}" for each in (found.images_per_second_1, found.images_per_second_32)
    )
    memory = "-" if found.peak_memory_bytes is None else f"{found.peak_memory_bytes / 1e6:.0f}"
    cost = f"{found.parameters / 1e6:.2f}", f"{found.multiply_adds / 1e9:.2f}"
    cells = (name, "x".join(map(str, generator.params.image_size)), *cost, one, many, memory)
    return f"| {' | '.join(cells)} |"
