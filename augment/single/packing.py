"""pack: a trained generator and the pose network of the same images, in one file."""

from pathlib import Path

import click

from augment import paths
from generators.registry import POSE_NETWORK
from generators.training.checkpoint import pack, read_trained_on


def run(generator: str, portion: float | None, output: Path) -> None:
    """Raises FileNotFoundError where one of them is not trained, ValueError where a file is
    none."""
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
    pack(files[generator], files[POSE_NETWORK], output)
    seen = read_trained_on(output)
    megabytes = output.stat().st_size / 1e6
    click.echo(
        f"pack: {generator} and its pose network, trained on {len(seen['images']):,} images of {seen['set']} -> {output} "
        f"({megabytes:.1f} MB)"
    )
