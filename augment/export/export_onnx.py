"""export-onnx: a trained re-ID model or generator -> an ONNX file, checked against torch."""

from pathlib import Path
from typing import Any

import click

from augment import paths
from augment.export import onnx
from augment.export.graphs import GeneratorGraph, ReidGraph
from augment.export.reid_model import Loaded
from generators.training.checkpoint import load_generator, read_trained_on


def run_reid(loaded: Loaded, output: Path, dry_run: bool) -> None:
    _write(ReidGraph(loaded), output, dry_run)


def run_generator(
    name: str, portion: float | None, checkpoint: Path | None, output: Path, dry_run: bool
) -> None:
    """Export a trained generator.

    Args:
        portion: reduced set that it was trained on; None for all real images.
        checkpoint: file to read instead of the trained generator of this project.

    Raises:
        FileNotFoundError: If the generator is not trained.
        ValueError: If the checkpoint holds another generator, or as `onnx.write`.
    """
    file = checkpoint or paths.generator_model(name, portion) / "generator.pt"
    if not file.is_file():
        flags = "" if portion is None else f" --portion {portion}"
        raise FileNotFoundError(
            f"{file}: not found; run `augment train-generator --generator {name}{flags}` first, or use --checkpoint FILE"
        )
    generator = load_generator(file, "cpu")
    if generator.name != name:
        raise ValueError(
            f"{file}: holds {generator.name}, not {name}: use --generator {generator.name}"
        )
    _write(GeneratorGraph(generator, read_trained_on(file)), output, dry_run)


def _write(graph: Any, output: Path, dry_run: bool) -> None:
    onnx.check_installed()
    if output.suffix != ".onnx":
        raise ValueError(f"{output}: the file's name must end in .onnx")
    click.echo(
        f"export-onnx: {graph.about['model']}, trained on {graph.about['trained_on']} -> {output}"
    )
    for side in ("input", "output"):
        click.echo(f"{side}: {graph.about[side]}")
    if dry_run:
        return
    worst = onnx.write(graph, output)
    click.echo(
        f"onnxruntime and torch differ by at most {worst:.1e} (batches of {' and '.join(map(str, onnx.CHECKED))})"
    )
