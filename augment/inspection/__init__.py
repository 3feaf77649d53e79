"""inspect: the data set, what each generator still needs, finished stages and the next command."""

import click

from augment import params, paths, prepared
from augment.data.params import DatasetParams
from augment.inspection import data, needs, progress


def show() -> None:
    settings = params.load(DatasetParams, "dataset")
    stale = why_to_prepare(settings)
    if stale is None:
        contents = data.of_prepared(settings)
    else:
        click.echo(f"{stale}; `augment prepare` would read:\n")
        contents = data.to_prepare(settings)
    _show(contents.lines)
    if stale is None:
        _title("Generators")
        _show(needs.of_generators(contents))
    _title("Has run")
    _show(progress.lines())
    if contents.missing:
        command = progress.annotate(settings, contents.missing[0])
        why = "params.yaml names a keypoint file that does not exist"
    elif stale:
        command, why = "augment prepare", stale
    else:
        command, why = progress.following(settings, contents.joints > 0)
    _title("Next")
    click.echo(f"  {click.style(command, bold=True)}    {why}")


def why_to_prepare(settings: DatasetParams) -> str | None:
    """Why data/prepared does not match params.yaml; None if it does."""
    if not (paths.PREPARED / "index.csv").is_file():
        return f"{paths.PREPARED} does not exist yet"
    about = prepared.about()
    if about.name != settings.name:
        return f"{paths.PREPARED} is of {about.name}, params.yaml of {settings.name}"
    if about.image_size != settings.image_size:
        prepared_size, size = data.size(about.image_size), data.size(settings.image_size)
        return f"{paths.PREPARED} has images of {prepared_size}, params.yaml sets {size}"
    if settings.annotations and not prepared.joints():
        return f"{paths.PREPARED} has no keypoints, params.yaml names some"
    return None


def _title(text: str) -> None:
    click.secho(f"\n{text}", bold=True)


def _show(lines: list[str]) -> None:
    for line in lines:
        click.echo(f"  {line}")
