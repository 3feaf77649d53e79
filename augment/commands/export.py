"""Commands that hand things on: export, export-onnx, embed."""

import click

COMMANDS: tuple[click.Command, ...] = ()
