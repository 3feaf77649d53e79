"""`augment inspect`: what the data set has, what each generator still needs, what has run, and what
comes next.
"""

import click

from augment import params, paths, prepared
from augment.data.params import DatasetParams
from augment.inspection import data, needs, progress


def show() -> None:
    settings = params.load(DatasetParams, "dataset")
    stale = why_to_prepare(settings)
    if stale is None:
        there = data.of_prepared(settings)
    else:
        click.echo(f"{stale}; `augment prepare` would read:\n")
        there = data.to_prepare(settings)
    _show(there.lines)
    if stale is None:
        _title("Generators")
        _show(needs.of_generators(there))
    _title("Has run")
    _show(progress.lines())
    if there.missing:
        command, why = (
            progress.annotate(settings, there.missing[0]),
            "params.yaml names keypoints that are not there",
        )
    else:
        command, why = (
            ("augment prepare", stale) if stale else progress.following(settings, there.joints > 0)
        )
    _title("Next")
    click.echo(f"  {click.style(command, bold=True)}    {why}")


def why_to_prepare(settings: DatasetParams) -> str | None:
    """Why data/prepared is not what params.yaml sets; None where nothing speaks against it."""
    if not (paths.PREPARED / "index.csv").is_file():
        return f"{paths.PREPARED} is not there yet"
    about = prepared.about()
    if about.name != settings.name:
        return f"{paths.PREPARED} is of {about.name}, params.yaml of {settings.name}"
    if about.image_size != settings.image_size:
        there, wanted = data.size(about.image_size), data.size(settings.image_size)
        return f"{paths.PREPARED} has images of {there}, params.yaml sets {wanted}"
    if settings.annotations and not prepared.joints():
        return f"{paths.PREPARED} has no keypoints, params.yaml names some"
    return None


def _title(text: str) -> None:
    click.secho(f"\n{text}", bold=True)


def _show(lines: list[str]) -> None:
    for line in lines:
        click.echo(f"  {line}")
