"""import-weights and pack: model files for `augment transfer --model`.

import-weights converts a public generator's weights; pack joins a trained generator and a pose
network.
"""

import hashlib
import pickle
from pathlib import Path

import click
import torch

from augment import paths
from generators.patn.patn import Patn
from generators.patn.public_weights import convert
from generators.registry import POSE_NETWORK
from generators.training import checkpoint
from generators.training.checkpoint import DAMAGED, read_tensors, reason, save_generator

PAPER_PARAMETERS = 41.36  # millions, from patn_apatn's Table 2


def import_weights(
    file: Path, output: Path, norm: str | None, image_size: tuple[int, int] | None, sigma_px: float
) -> None:
    """Convert the public PATN's weights into a generator's file.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If the file is damaged, would run code, or holds something else.
    """
    tensors = state_dict(file)
    try:
        converted = convert(tensors, norm, image_size, sigma_px)
    except ValueError as error:
        raise ValueError(f"{file}: not the weights of a public PATN generator: {error}") from error
    with torch.device("meta"):  # its initial weights would be discarded
        generator = Patn(converted.params)
    network = generator.networks["network"]
    network.load_state_dict(converted.state, assign=True)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    # Its training images are unknown. Because no data set has this name, `leak_free` refuses it.
    trained_on = {
        "set": f"public weights, {file.name}",
        "sha256": digest,
        "pairs": None,
        "images": ["unknown: public weights"],
    }
    save_generator(generator, output, trained_on)
    millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    size = (
        "as in the paper"
        if abs(millions - PAPER_PARAMETERS) < 0.05
        else f"the paper has {PAPER_PARAMETERS} M"
    )
    params = converted.params
    click.echo(
        f"import-weights: PATN with {params.norm} norm, {params.blocks} blocks, ngf {params.ngf}: {millions:.2f} M parameters "
        f"({size}), all shapes checked; at {'x'.join(map(str, params.image_size))}, sigma {params.sigma_px:g} px -> {output}"
    )
    click.echo("  tensors were matched by stream, order and shape")
    if converted.dropped:
        click.echo(
            f"  {converted.dropped} running statistics of instance norms left out: they were never used"
        )


def state_dict(file: Path) -> dict:
    """Read a state dict of any torch version on the CPU, without running code."""
    if not file.is_file():
        raise FileNotFoundError(f"{file}: not found")
    if not file.stat().st_size:
        raise ValueError(f"{file}: is empty; download it again")
    try:
        contents = read_tensors(file, "cpu")
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{file}: cannot be read as weights only; it is truncated, damaged, or would run code, and was not opened further "
            f"({reason(error)})"
        ) from error
    except DAMAGED as error:
        raise ValueError(
            f"{file}: truncated or damaged ({reason(error)}); download it again"
        ) from error
    if not isinstance(contents, dict):
        raise ValueError(f"{file}: holds a {type(contents).__name__}, not a state dict")
    if "format" in contents:
        raise ValueError(
            f"{file}: is a file of this project already; pass it to `augment transfer --model`"
        )
    return dict(contents)


def pack(generator: str, portion: float | None, output: Path) -> None:
    """Write a trained generator and the pose network of the same images into one file.

    Raises:
        FileNotFoundError: If one of them is not trained.
        ValueError: If a file does not hold a generator.
    """
    flags = "" if portion is None else f" --portion {portion}"
    files = {}
    for name, command in (
        (generator, f"train-generator --generator {generator}"),
        (POSE_NETWORK, "train-pose-network"),
    ):
        files[name] = paths.generator_model(name, portion) / "generator.pt"
        if not files[name].is_file():
            raise FileNotFoundError(
                f"{files[name]}: not found; run `augment {command}{flags}` first"
            )
    checkpoint.pack(files[generator], files[POSE_NETWORK], output)
    seen = checkpoint.read_trained_on(output)
    megabytes = output.stat().st_size / 1e6
    click.echo(
        f"pack: {generator} and its pose network, trained on {len(seen['images']):,} images of {seen['set']} -> {output} "
        f"({megabytes:.1f} MB)"
    )
