"""Commands on single images: transfer, import-weights."""

import click

COMMANDS: tuple[click.Command, ...] = ()
