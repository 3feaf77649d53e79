"""The command `augment`; each subcommand imports its code only when it is called."""

import os
from typing import Any

import click

from augment.commands import analysis, edit, export, keypoints, pipeline, project, sweep, transfer
from augment.commands.options import examples

EXPECTED = (ValueError, OSError, FloatingPointError)
# Heading of --help -> commands below it, in this order.
SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Project": project.COMMANDS,
    "Pipeline": (*sweep.COMMANDS, *pipeline.COMMANDS),
    "Around the pipeline": analysis.COMMANDS,
    "Your own data": keypoints.COMMANDS,
    "Use elsewhere": export.COMMANDS,
    "Generators on single images": (*transfer.COMMANDS, *edit.COMMANDS),
}


class _Commands(click.Group):
    """A group that prints expected errors as one line; AUGMENT_DEBUG=1 shows the traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EXPECTED as error:
            if os.environ.get("AUGMENT_DEBUG"):
                raise
            raise click.ClickException(str(error)) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = formatter.width - 6 - max(len(str(name)) for name in self.commands)
        for heading, commands in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [(str(entry.name), entry.get_short_help_str(width)) for entry in commands]
                )


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=examples(
        "augment profile mini && augment sweep    the whole experiment of a profile",
        "augment prepare                          ... or stage by stage",
        "augment reduce --portion 0.3",
        "augment train-generator --generator patn",
        "augment generate --portion 0.3",
        "augment train-reid --model inception --portion 0.3 --generator patn",
        "augment report",
        "augment ui",
    ),
)
@click.version_option(package_name="reid-augment")
def main() -> None:
    """Measure how much re-ID accuracy generated images recover when real images are scarce."""


for commands in SECTIONS.values():
    for command in commands:
        main.add_command(command)
