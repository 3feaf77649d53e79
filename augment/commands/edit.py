"""SPT's applications on two images with parsing maps (spt_journal, 4.4)."""

import click

COMMANDS: tuple[click.Command, ...] = ()
