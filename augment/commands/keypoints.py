"""Commands about keypoints: check-keypoints, annotate."""

import click

COMMANDS: tuple[click.Command, ...] = ()
