"""profile-generators: size and speed of generators, as in Table 2 of the PATN paper.

Prints a Markdown table: parameters of all networks, multiply-adds per image, time per image in
batches of 1 and 32, and the peak memory of a batch of 32. Weights are untrained and images random,
which changes none of these.
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
    """Print the table.

    Args:
        names: generators; all of the registry if empty.
        seconds: time for which each timing is repeated.
    """
    device = torch.device(PartialState(cpu=not torch.accelerator.is_available()).device or "cpu")
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
    click.echo(f"On {device.type}{threads}; multiply-adds of convolutions and matrix products.\n")
    click.echo(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for name in names or GENERATORS:
        click.echo(line(name, device, seconds))


def line(name: str, device: torch.device, seconds: float) -> str:
    """One generator's row of the table.

    Raises:
        ValueError: If the name is unknown.
    """
    generator = params.generator(name)
    for network in generator.networks.values():
        network.to(device, memory_format=torch.channels_last)
    measured = speed.of_generator(generator, device, seconds)
    memory, operations = measured.peak_memory_bytes, measured.multiply_adds
    cells = (
        name,
        "x".join(map(str, generator.params.image_size)),
        f"{measured.parameters / 1e6:.2f}",
        "-" if operations is None else f"{operations / 1e9:.2f}",
        f"{1000 / measured.images_per_second_1:.1f}",
        f"{1000 / measured.images_per_second_32:.1f}",
        "-" if memory is None else f"{memory / 1e6:.0f}",
    )
    return f"| {' | '.join(cells)} |"
