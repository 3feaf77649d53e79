"""import-weights: a public generator's weights -> a file for `augment transfer --model` and for
what reads generators.
"""

import hashlib
import pickle
from pathlib import Path

import click
import torch

from generators.patn.patn import Patn
from generators.patn.public_weights import convert
from generators.training.checkpoint import DAMAGED, read_tensors, reason, save_generator

PAPER_PARAMETERS = 41.36  # millions, of patn_apatn's Table 2


def run(
    file: Path, output: Path, norm: str | None, image_size: tuple[int, int] | None, sigma_px: float
) -> None:
    """Raises FileNotFoundError, or ValueError where the file is damaged, would run code, or holds
    something else."""
    tensors = state_dict(file)
    try:
        converted = convert(tensors, norm, image_size, sigma_px)
    except ValueError as error:
        raise ValueError(f"{file}: not the weights of a public PATN generator: {error}") from error
    with torch.device("meta"):  # its own start would only be thrown away
        generator = Patn(converted.params)
    network = generator.networks["network"]
    network.load_state_dict(converted.state, assign=True)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    # What it was trained on is not known: with a name that no data set has, `leak_free` refuses it.
    trained_on = {
        "set": f"public weights, {file.name}",
        "sha256": digest,
        "pairs": None,
        "images": ["unknown: public weights"],
    }
    save_generator(generator, output, trained_on)
    millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    size = (
        "as the paper's"
        if abs(millions - PAPER_PARAMETERS) < 0.05
        else f"the paper's has {PAPER_PARAMETERS} M"
    )
    params = converted.params
    click.echo(
        f"import-weights: PATN with {params.norm} norm, {params.blocks} blocks, ngf {params.ngf}: {millions:.2f} M parameters "
        f"({size}), every shape checked; at {'x'.join(map(str, params.image_size))}, sigma {params.sigma_px:g} px -> {output}"
    )
    click.echo("  tensors were matched by stream, order and shape")
    if converted.dropped:
        click.echo(
            f"  {converted.dropped} running statistics of instance norms left out: they were never used"
        )


def state_dict(file: Path) -> dict:
    """A state dict of any torch version, on the CPU, read without running code."""
    if not file.is_file():
        raise FileNotFoundError(f"{file}: not found")
    if not file.stat().st_size:
        raise ValueError(f"{file}: is empty; get it again")
    try:
        contents = read_tensors(file, "cpu")
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{file}: cannot be read as weights alone; it is cut short, damaged, or would run code, and was not opened further "
            f"({reason(error)})"
        ) from error
    except DAMAGED as error:
        raise ValueError(f"{file}: cut short or damaged ({reason(error)}); get it again") from error
    if not isinstance(contents, dict):
        raise ValueError(f"{file}: holds a {type(contents).__name__}, not a state dict")
    if "format" in contents:
        raise ValueError(
            f"{file}: is a file of this project already; give it to `augment transfer --model`"
        )
    return dict(contents)
