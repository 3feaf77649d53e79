"""export: a training set with query and gallery -> a folder that other frameworks read."""

from pathlib import Path

import click

from augment.arms import set_name
from augment.augmentations import Augmentation
from augment.export import folder
from augment.export.contents import Contents, beyond_readers, counts, gather
from augment.export.formats import FORMATS


def run(
    augmentation: Augmentation,
    portion: float,
    ratio: int,
    format: str,
    output: Path,
    link: bool,
    overwrite: bool,
    force: bool,
    dry_run: bool,
) -> None:
    """Export a set and print its counts.

    Raises:
        ValueError: If the readers of the format cannot read the set.
        FileExistsError: As folder.check_output.
    """
    folder.check_output(output, overwrite)
    contents = gather(augmentation, portion, ratio)
    click.echo(
        f"export: {augmentation.name}, portion {set_name(portion, ratio)}, as {format} -> {output}"
    )
    for split, numbers in counts(contents.rows).items():
        click.echo(
            f"{split}: " + ", ".join(f"{number:,} {kind}" for kind, number in numbers.items())
        )
    _check_readers(contents, format, force)
    if dry_run:
        return
    manifest = folder.write(contents, format, FORMATS[format], output, link, overwrite)
    click.echo(f"licence: {manifest['licence']}")
    if link and (copied := len(contents.rows) - manifest["hard_links"]):
        click.echo(f"{copied:,} images are copies: they could not be linked")


def _check_readers(contents: Contents, format: str, force: bool) -> None:
    reason = beyond_readers(contents.rows)
    if reason is None:
        return
    if FORMATS[format].by_name and not force:
        raise ValueError(
            f"{format}: {reason}; use --format torchreid with augment.export.torchreid, or csv or huggingface, or use "
            "--force if your reader has no such limits"
        )
    if FORMATS[format].by_name or format == "torchreid":
        click.echo(
            f"note: the Market1501 classes of torchreid and fast-reid cannot read this set: {reason}"
        )
