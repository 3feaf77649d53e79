"""Commands that hand things on: export, export-onnx, embed."""

from pathlib import Path

import click

from augment.commands.options import dry_run, examples
from augment.commands.pipeline import augmentation_options, named_augmentation, portion, ratio

FORMATS = ("market1501", "torchreid", "fastreid", "csv", "huggingface")


@click.command(
    epilog=examples(
        "augment export --format torchreid --portion 0.3 --generator puppet --output exports/puppet-0.3",
        "augment export --format market1501 --portion 0.3 --output exports/reduced-0.3",
        "augment export --format huggingface --portion 1.0 --ratio 2 --generator patn --output exports/patn-x2",
    )
)
@click.option("--format", required=True, type=click.Choice(FORMATS), help="Whose readers the folder is for.")
@portion
@ratio
@click.option("--generator", help="Add this generator's images; without it, the reduced set alone.")
@augmentation_options
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The folder to write.")
@click.option("--link", is_flag=True, help="Hard links in place of copies, where possible: they share their bytes with data/.")
@click.option("--overwrite", is_flag=True, help="Replace an export that is there.")
@click.option("--force", is_flag=True, help="Write names that torchreid's and fast-reid's Market1501 do not read.")
@dry_run
def export(
    format: str, portion: float, ratio: int, generator: str | None, protocol: str | None, background: str | None,
    augmentation: str | None, output: Path, link: bool, overwrite: bool, force: bool, dry_run: bool,
) -> None:  # fmt: skip
    """Write a reduced, augmented or extended set, with query and gallery, as a folder that other frameworks read."""
    from augment.export import export_set

    chosen = named_augmentation(augmentation, generator, protocol, background)
    export_set.run(chosen, portion, ratio, format, output, link, overwrite, force, dry_run)


COMMANDS: tuple[click.Command, ...] = (export,)
