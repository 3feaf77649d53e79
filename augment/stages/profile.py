"""profile: a named configuration -> params.yaml, with its sweep.yaml."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import yaml

from augment import params
from augment.files import whole
from augment.profiles.overlay import differences
from augment.profiles.rendering import BASE, descriptions, recorded, rendered
from augment.stages import plan
from augment.sweep import cells

SHOWN = 20  # changes that are printed
WIDTH = 40  # characters of a printed value


def show() -> None:
    """Print every profile with its description."""
    profiles = descriptions()
    width = max(map(len, profiles))
    for name, description in profiles.items():
        click.echo(f"{name:{width}}  {description}")


def run(name: str, settings: Sequence[str], output: Path, force: bool, dry_run: bool) -> None:
    """Write a profile, print what changes, and write sweep.yaml next to a params.yaml.

    Args:
        settings: KEY=VALUE, which replace the profile's values.
        force: overwrite a file that was edited since `augment profile` wrote it.

    Raises:
        ValueError: If the profile or a key does not exist, the section `sweep` is invalid, or the
            file has edits.
    """
    text = rendered(name, settings)
    sweep = _sweep(text, output)
    before = output.read_text() if output.is_file() else None
    edits = _edits(before, output) if before not in (None, text) else ""
    if edits and not (force or dry_run):
        raise ValueError(f"{output}: {edits}; --force overwrites it")
    if edits:
        click.echo(f"{output}: {edits}")
    click.echo(f"profile: {name} -> {output}{' is up to date' if before == text else ''}")
    _print_changes(yaml.safe_load(before or rendered(BASE)), yaml.safe_load(text))
    if dry_run:
        return
    with whole(output) as temporary:
        temporary.write_text(text)
    if output.name == params.FILE.name:
        with whole(output.with_name(plan.FILE.name)) as temporary:
            temporary.write_text(sweep)
        click.echo(f"wrote {output} and {output.with_name(plan.FILE.name)}; next: dvc repro")


def _sweep(text: str, output: Path) -> str:
    """The text of sweep.yaml, whose cells also check the section `sweep`."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / output.name
        file.write_text(text)
        try:
            return cells.rendered(file)
        except ValueError as error:
            raise ValueError(str(error).replace(str(file), str(output))) from error


def _edits(text: str, output: Path) -> str:
    """How a file differs from the profile that its first line names; empty if it does not."""
    name = recorded(text)
    if name is None:
        return f"was not written by `augment profile`, which begins a file with e.g. `# {BASE}:`"
    profile = rendered(name)
    if text == profile:
        return ""
    try:
        changes = list(differences(yaml.safe_load(profile), yaml.safe_load(text)))
    except yaml.YAMLError:
        return "is not YAML"
    keys = ", ".join(f"{key}: {_short(new)}" for key, _, new in changes[:3])
    more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
    return f"differs from profile {name} ({keys or 'comments'}{more})"


def _print_changes(old: Any, new: Any) -> None:
    changes = list(differences(old, new))
    for key, before, after in changes[:SHOWN]:
        click.echo(f"  {key}: {_short(before)} -> {_short(after)}")
    if len(changes) > SHOWN:
        click.echo(f"  ... and {len(changes) - SHOWN} more")


def _short(value: Any) -> str:
    if value is ...:
        return "(none)"
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False)
    text = text.removesuffix("...\n").strip()
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."
