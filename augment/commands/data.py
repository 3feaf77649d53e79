"""Commands that look at what there is: inspect."""

import click

COMMANDS: tuple[click.Command, ...] = ()
