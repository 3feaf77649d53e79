"""Commands that hand things on: export, export-onnx, embed."""

from pathlib import Path
from typing import Any

import click

from augment.arms import Arm
from augment.commands.options import dry_run, examples, portion_option
from augment.commands.pipeline import (
    augmentation_options,
    budget,
    named_augmentation,
    portion,
    ratio,
)

FORMATS = ("market1501", "torchreid", "fastreid", "csv", "huggingface")


@click.command(
    epilog=examples(
        "augment export --format torchreid --portion 0.3 --generator puppet --output exports/puppet-0.3",
        "augment export --format market1501 --portion 0.3 --output exports/reduced-0.3",
        "augment export --format huggingface --portion 1.0 --ratio 2 --generator patn --output exports/patn-x2",
    )
)
@click.option(
    "--format", required=True, type=click.Choice(FORMATS), help="Whose readers the folder is for."
)
@portion
@ratio
@click.option("--generator", help="Add this generator's images; without it, the reduced set alone.")
@augmentation_options
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help="The folder to write."
)
@click.option(
    "--link",
    is_flag=True,
    help="Hard links in place of copies, where possible: they share their bytes with data/.",
)
@click.option("--overwrite", is_flag=True, help="Replace an export that is there.")
@click.option(
    "--force",
    is_flag=True,
    help="Write names that torchreid's and fast-reid's Market1501 do not read.",
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
    """Write a reduced, augmented or extended set, with query and gallery, as a folder that other
    frameworks read.
    """
    from augment.export import export_set

    chosen = named_augmentation(augmentation, generator, protocol, background)
    export_set.run(chosen, portion, ratio, format, output, link, overwrite, force, dry_run)


reid_weights = click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help="A weights.pt of that model, in place of the one of an arm.",
)
reid_seed = click.option("--seed", type=int, default=0, show_default=True, help="The arm's seed.")


@click.command(
    epilog=examples(
        "augment export-onnx --reid inception --portion 0.3 --augmentation puppet --output reid.onnx",
        "augment export-onnx --reid inception --weights weights.pt --output reid.onnx",
        "augment export-onnx --generator patn --output patn.onnx",
        "augment export-onnx --generator spt --checkpoint generator.pt --output spt.onnx",
    )
)
@click.option(
    "--reid",
    metavar="MODEL",
    help="A re-ID model: a key under `reid` in params.yaml, of the arm that follows.",
)
@portion_option(
    False,
    "With --reid: the arm's. Else: the generator that was trained on the reduced set of this portion alone.",
)
@ratio
@click.option(
    "--generator",
    help="With --reid: whose images it was trained on. Else: the trained generator to export.",
)
@augmentation_options
@budget
@reid_seed
@reid_weights
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    help="A generator.pt of it, in place of the pipeline's.",
)
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help="The .onnx file to write."
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
    """Export a re-ID model or a generator to ONNX, for batches of any size, and check it against
    torch.
    """
    if reid is not None and checkpoint is not None:
        raise click.UsageError("--checkpoint is a generator's; a re-ID model's file is --weights")
    if reid is None and (
        generator is None or {protocol, background, augmentation, weights} != {None}
    ):
        raise click.UsageError(
            "give --reid MODEL with its arm or --weights; or --generator NAME alone, with --portion or --checkpoint"
        )
    from augment.export import export_onnx

    if reid is None:
        export_onnx.run_generator(str(generator), portion, checkpoint, output, dry_run)
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
    epilog=examples(
        "augment embed --folder crops --reid inception --portion 0.3 --augmentation puppet --output features.parquet",
        "augment embed --folder crops --reid inception --weights weights.pt --output features.npy",
    )
)
@click.option(
    "--folder", required=True, type=click.Path(path_type=Path), help="Images, in subfolders too."
)
@click.option(
    "--reid",
    required=True,
    metavar="MODEL",
    help="A key under `reid` in params.yaml, of the arm that follows.",
)
@portion_option(False, "The arm's.")
@ratio
@click.option("--generator", help="Whose images the model was trained on.")
@augmentation_options
@budget
@reid_seed
@reid_weights
@click.option(
    "--batch", type=click.IntRange(1), default=128, show_default=True, help="Images at a time."
)
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help="A .parquet or .npy file."
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
    """Write a re-ID model's features of every image in a folder."""
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
    """The model of a weights file, or of the arm that the flags describe; named: as
    named_augmentation takes it.
    """
    from augment.export import reid_model

    if (weights is None) == (portion is None):
        raise click.UsageError(
            "give --portion, and whatever else says which trained model, or --weights FILE"
        )
    if weights is not None:
        return reid_model.of_file(model, weights)
    return reid_model.of_arm(Arm(model, named_augmentation(*named), portion, ratio, budget, seed))


COMMANDS: tuple[click.Command, ...] = (export, export_onnx, embed)
