"""Options that select an arm or a set of images."""

from collections.abc import Callable

import click

from augment import augmentations
from augment.arms import BUDGETS
from augment.augmentations import Augmentation
from augment.commands.options import portion_option

portion = portion_option(True, "Portion of the real training images to keep, in (0, 1].")
ratio = click.option(
    "--ratio",
    type=click.IntRange(1, 3),
    default=1,
    show_default=True,
    help="Size of an extended set, with --portion 1.0: 2 or 3 images per real image.",
)
model = click.option(
    "--model", required=True, help="Re-ID model: a key of the section `reid` in params.yaml."
)
budget = click.option(
    "--budget",
    type=click.Choice(BUDGETS),
    default=BUDGETS[0],
    show_default=True,
    help="What all sets have in common: updates (iterations) or passes over their images (epochs).",
)


def augmentation_options(command: Callable) -> Callable:
    """Add --protocol, --background and --augmentation NAME, which replaces all of them."""
    for option in (
        click.option(
            "--augmentation",
            metavar="NAME",
            help="Generator, protocol and background as one name: patn-recomposed, puppet-plate, classic, ...",
        ),
        click.option(
            "--background",
            type=click.Choice(("source", "other")),
            help="Background of generated images: as generated (source), or another camera's scene "
            "(other).  [default: source; puppet: other]",
        ),
        click.option(
            "--protocol",
            type=click.Choice(augmentations.PROTOCOLS),
            help="Origin of target poses: the removed images (paper) or the reduced set (star, leak_free). "
            "For leak_free the generator was trained on the reduced set alone.  "
            "[default: paper; puppet: leak_free]",
        ),
    ):
        command = option(command)
    return command


def named_augmentation(
    name: str | None, generator: str | None, protocol: str | None, background: str | None
) -> Augmentation:
    if name is None:
        return augmentations.from_flags(generator, protocol, background)
    if (generator, protocol, background) != (None, None, None):
        raise click.UsageError(
            "--augmentation replaces --generator, --protocol and --background: do not combine them"
        )
    return augmentations.parse(name)
