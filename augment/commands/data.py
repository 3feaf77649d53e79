"""Commands that look at what there is: inspect."""

import click

from augment.commands.options import examples


@click.command(epilog=examples("augment inspect"))
def inspect() -> None:
    """Say what the data set has, what each generator still needs, what has run, and what to run
    next.
    """
    from augment import inspection

    inspection.show()


COMMANDS: tuple[click.Command, ...] = (inspect,)
