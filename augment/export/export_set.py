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
    """Raises ValueError where the readers of a format would not take the set, FileExistsError as
    folder.check_output."""
    folder.check_output(output, overwrite)
    contents = gather(augmentation, portion, ratio)
    click.echo(
        f"export: {augmentation.name}, portion {set_name(portion, ratio)}, as {format} -> {output}"
    )
    for split, found in counts(contents.rows).items():
        click.echo(f"{split}: " + ", ".join(f"{count:,} {kind}" for kind, count in found.items()))
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
            f"{format}: {reason}; take --format torchreid with augment.export.torchreid, or csv or huggingface, or give "
            "--force where your reader knows no such bounds"
        )
    if FORMATS[format].by_name or format == "torchreid":
        click.echo(
            f"note: the Market1501 classes of torchreid and fast-reid do not read this set: {reason}"
        )
