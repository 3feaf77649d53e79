"""Commands on the project as a whole: profile, plan, inspect."""

from pathlib import Path

import click

from augment.commands.options import dry_run, examples


@click.command(
    epilog=examples(
        "augment profile                                   list the profiles",
        "augment profile grid && dvc repro",
        "augment profile market1501 --set dataset.root=/data/Market --dry-run",
        "augment profile folder --set dataset.annotations='[a.csv, b.csv]'",
    ),
    short_help="List profiles, or write params.yaml from one.",
)
@click.argument("name", required=False)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Value for a key of the profile, in YAML. Repeatable.",
)
@click.option("--force", is_flag=True, help="Overwrite a params.yaml that has edits.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default="params.yaml",
    show_default=True,
    help="File to write; sweep.yaml is written next to a params.yaml.",
)
@dry_run
def profile(
    name: str | None, settings: tuple[str, ...], force: bool, output: Path, dry_run: bool
) -> None:
    """Write params.yaml from the profile NAME, and sweep.yaml; without NAME, list the profiles.

    A file with edits is not overwritten without --force.
    """
    from augment.stages import profile

    if name is None:
        profile.show()
    else:
        profile.run(name, settings, output, force, dry_run)


@click.command(
    short_help="Derive the cells of dvc.yaml from params.yaml.",
    epilog=examples("augment plan", "augment plan && dvc repro"),
)
@click.option(
    "--check", is_flag=True, help="Exit with 1 if sweep.yaml had to be rewritten, as in dvc.yaml."
)
@dry_run
def plan(check: bool, dry_run: bool) -> None:
    """Derive the cells of dvc.yaml (sweep.yaml) from the arms in params.yaml, section `sweep`."""
    from augment.stages import plan

    if not plan.run(dry_run) and check:
        raise SystemExit(1)


@click.command(
    short_help="Show what exists, what is missing and what to run next.",
    epilog=examples("augment inspect"),
)
def inspect() -> None:
    """Show the data set, what each generator still needs, finished stages and the next command."""
    from augment import inspection

    inspection.show()


COMMANDS: tuple[click.Command, ...] = (profile, plan, inspect)
