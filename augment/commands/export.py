"""Commands that write sets, models and features for other tools: export, export-onnx, embed."""

from pathlib import Path
from typing import Any

import click

from augment.arms import Arm
from augment.commands.arm_options import (
    augmentation_options,
    budget,
    named_augmentation,
    portion,
    ratio,
)
from augment.commands.options import dry_run, examples, portion_option, trained_on

FORMATS = ("market1501", "torchreid", "fastreid", "csv", "huggingface")


@click.command(
    short_help="Write a set for another framework.",
    epilog=examples(
        "augment export --format torchreid --portion 0.3 --generator puppet --output exports/puppet-0.3",
        "augment export --format market1501 --portion 0.3 --output exports/reduced-0.3",
        "augment export --format huggingface --portion 1.0 --ratio 2 --generator patn --output exports/patn-x2",
    ),
)
@click.option(
    "--format",
    required=True,
    type=click.Choice(FORMATS),
    help="Layout of the folder: the framework that reads it.",
)
@portion
@ratio
@click.option(
    "--generator", help="Generator whose images to add.  [default: none, the reduced set alone]"
)
@augmentation_options
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option(
    "--link",
    is_flag=True,
    help="Hard-link images where possible instead of copying them.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing export.")
@click.option(
    "--force",
    is_flag=True,
    help="Write names that torchreid's and fast-reid's Market1501 classes cannot read.",
)
@dry_run
def export(
    format: str,
    portion: float,
    ratio: int,
    generator: str | None,
    protocol: str | None,
    background: str | None,
    augmentation: str | None,
    output: Path,
    link: bool,
    overwrite: bool,
    force: bool,
    dry_run: bool,
) -> None:
    """Write a reduced, augmented or extended set, with query and gallery, for other frameworks."""
    from augment.export import export_set

    chosen = named_augmentation(augmentation, generator, protocol, background)
    export_set.run(chosen, portion, ratio, format, output, link, overwrite, force, dry_run)


reid_weights = click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help="weights.pt to load instead of a trained arm's.",
)
reid_seed = click.option(
    "--seed", type=int, default=0, show_default=True, help="Random seed of the arm."
)


@click.command(
    short_help="Export a re-ID model or a generator to ONNX.",
    epilog=examples(
        "augment export-onnx --reid inception --portion 0.3 --augmentation puppet --output reid.onnx",
        "augment export-onnx --reid inception --weights weights.pt --output reid.onnx",
        "augment export-onnx --generator patn --output patn.onnx",
        "augment export-onnx --generator spt --checkpoint generator.pt --output spt.onnx",
    ),
)
@click.option(
    "--reid",
    metavar="MODEL",
    help="Re-ID model to export: a key of the section `reid` in params.yaml.",
)
@portion_option(
    False,
    "Portion of the arm (with --reid), or of the reduced set that the generator was trained on.",
)
@ratio
@click.option(
    "--generator",
    help="Generator of the arm (with --reid), or the trained generator to export.",
)
@augmentation_options
@budget
@reid_seed
@reid_weights
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    help="generator.pt to export instead of the pipeline's.",
)
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help=".onnx file to write."
)
@dry_run
def export_onnx(
    reid: str | None,
    portion: float | None,
    ratio: int,
    generator: str | None,
    protocol: str | None,
    background: str | None,
    augmentation: str | None,
    budget: str,
    seed: int,
    weights: Path | None,
    checkpoint: Path | None,
    output: Path,
    dry_run: bool,
) -> None:
    """Export a re-ID model or a generator to ONNX, with a dynamic batch size, and check it against torch."""
    if reid is not None and checkpoint is not None:
        raise click.UsageError("--checkpoint is for generators; use --weights for a re-ID model")
    if reid is None and (
        generator is None or {protocol, background, augmentation, weights} != {None}
    ):
        raise click.UsageError(
            "expected --reid MODEL with its arm or --weights; or only --generator NAME, with --portion or --checkpoint"
        )
    from augment.export import export_onnx

    if reid is None:
        export_onnx.run_generator(str(generator), trained_on(portion), checkpoint, output, dry_run)
    else:
        loaded = _reid_model(
            reid,
            portion,
            ratio,
            (augmentation, generator, protocol, background),
            budget,
            seed,
            weights,
        )
        export_onnx.run_reid(loaded, output, dry_run)


@click.command(
    short_help="Write the re-ID features of a folder of images.",
    epilog=examples(
        "augment embed --folder crops --reid inception --portion 0.3 --augmentation puppet --output features.parquet",
        "augment embed --folder crops --reid inception --weights weights.pt --output features.npy",
    ),
)
@click.option(
    "--folder",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of images, searched recursively.",
)
@click.option(
    "--reid",
    required=True,
    metavar="MODEL",
    help="Re-ID model: a key of the section `reid` in params.yaml.",
)
@portion_option(False, "Portion of the arm.")
@ratio
@click.option("--generator", help="Generator of the arm.")
@augmentation_options
@budget
@reid_seed
@reid_weights
@click.option("--batch", type=click.IntRange(1), default=128, show_default=True, help="Batch size.")
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help=".parquet or .npy file to write.",
)
@dry_run
def embed(
    folder: Path,
    reid: str,
    portion: float | None,
    ratio: int,
    generator: str | None,
    protocol: str | None,
    background: str | None,
    augmentation: str | None,
    budget: str,
    seed: int,
    weights: Path | None,
    batch: int,
    output: Path,
    dry_run: bool,
) -> None:
    """Write the re-ID features of every image in a folder."""
    from augment.export import embedding

    loaded = _reid_model(
        reid, portion, ratio, (augmentation, generator, protocol, background), budget, seed, weights
    )
    embedding.run(folder, loaded, output, batch, dry_run)


def _reid_model(
    model: str,
    portion: float | None,
    ratio: int,
    named: tuple[str | None, ...],
    budget: str,
    seed: int,
    weights: Path | None,
) -> Any:
    """The model of a weights file, or of the arm that the flags describe.

    Args:
        named: the arguments of named_augmentation.
    """
    from augment.export import reid_model

    if weights is not None and portion is None:
        return reid_model.of_file(model, weights)
    if weights is None and portion is not None:
        augmentation = named_augmentation(*named)
        return reid_model.of_arm(Arm(model, augmentation, portion, ratio, budget, seed))
    raise click.UsageError(
        "expected --portion and the other options of a trained arm, or --weights FILE"
    )


COMMANDS: tuple[click.Command, ...] = (export, export_onnx, embed)
