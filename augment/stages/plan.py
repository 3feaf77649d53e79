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
    """Write sweep.yaml unless it is up to date.

    Returns:
        Whether it was up to date.
    """
    text = rendered(params.FILE)
    if FILE.is_file() and FILE.read_text() == text:
        click.echo(f"plan: {FILE} is up to date")
        return True
    if dry_run:
        click.echo(text, nl=False)
        return True
    with whole(FILE) as temporary:
        temporary.write_text(text)
    click.echo(f"plan: {FILE} follows params.yaml's section `sweep` again; now run `dvc repro`")
    return False
