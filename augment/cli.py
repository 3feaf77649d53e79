"""The command `augment`: one command per stage, and tools beside them. Each imports its stage when
it is called.
"""

import os
from typing import Any

import click

from augment.commands import data, edit, export, keypoints, pipeline, transfer
from augment.commands.options import examples

EXPECTED = (ValueError, OSError, FloatingPointError)
# Heading of --help -> commands below it, in this order.
SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Pipeline": pipeline.COMMANDS,
    "Your own data": (*data.COMMANDS, *keypoints.COMMANDS),
    "Use elsewhere": export.COMMANDS,
    "Generators on single images": (*transfer.COMMANDS, *edit.COMMANDS),
}


class _Stages(click.Group):
    """A group that prints what a user can mend as one line; AUGMENT_DEBUG=1 shows where it
    arose.
    """

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
                    [(str(one.name), one.get_short_help_str(width)) for one in commands]
                )


@click.group(
    cls=_Stages,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=examples(
        "dvc repro                          the whole sweep, as params.yaml says",
        "augment prepare                    ... or stage by stage",
        "augment reduce --portion 0.3",
        "augment train-generator --generator patn",
        "augment generate --portion 0.3",
        "augment train-reid --model inception --portion 0.3 --generator patn",
        "augment report",
        "mlflow ui --backend-store-uri sqlite:///mlflow.db",
    ),
)
@click.version_option(package_name="reid-augment")
def main() -> None:
    """How much of the accuracy that a re-ID model loses for want of real images can generated
    images win back?
    """


for command in (one for commands in SECTIONS.values() for one in commands):
    main.add_command(command)
