"""plan: params.yaml's section `sweep` -> sweep.yaml, the cells of dvc.yaml.

sweep.yaml is committed next to params.yaml. `dvc repro` runs `augment plan --check` whenever `sweep`
has changed: it writes the file and stops the pipeline, because DVC has read the old one by then. The
next `dvc repro` runs the new cells. If the file is up to date, the stage does nothing.
"""

from pathlib import Path

import click

from augment import params
from augment.files import whole
from augment.sweep.cells import rendered

FILE = Path("sweep.yaml")


def run(dry_run: bool) -> bool:
    """Write sweep.yaml unless it is up to date. Returns whether it was."""
    if dry_run:
        click.echo(rendered(params.FILE), nl=False)
        return True
    written = write(dry_run)
    if written:
        click.echo("now run `dvc repro`, or `augment sweep`")
    return not written


def write(dry_run: bool) -> bool:
    """Write sweep.yaml unless it is up to date. Returns whether it had to be written."""
    text = rendered(params.FILE)
    if FILE.is_file() and FILE.read_text() == text:
        return False
    click.echo(f"plan: {FILE} follows params.yaml's section `sweep` again")
    if not dry_run:
        with whole(FILE) as temporary:
            temporary.write_text(text)
    return True
