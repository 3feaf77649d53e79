"""user-study: held-out pairs -> a page for raters; raters' answers -> a table.

user_study.html       the page with instructions and all images; it saves answers as a file and needs
                      no network
user_study.key.json   what every image is; not for raters, required by `--score`
user_study.csv        from `--score`: one row per generator
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from augment import files, params, prepared
from augment.files import whole
from augment.images import contact_sheet
from augment.results.report_card import pairs, render
from augment.results.report_card.pairs import HeldOut
from augment.results.report_card.render import Renderer
from augment.results.user_study import answers, page, score, study
from generators.body.pose import rescale
from generators.training.loop import joined_processes

BATCH = 32
POSE_SIZE = (384, 192)  # (height, width) of the drawing of a pose, px


@dataclasses.dataclass(frozen=True)
class Options:
    """A study's settings: the command's flags."""

    generators: tuple[str, ...]
    form: str
    images: int
    practice: int
    seed: int
    with_target: bool


def key_file(output: Path) -> Path:
    """The path of a page's key."""
    return output.with_suffix(".key.json")


def run(options: Options, output: Path, dry_run: bool) -> None:
    """Write the page and its key."""
    dataset = params.raw("dataset.name")
    trials = study.draw(
        options.form, options.generators, options.images, options.practice, options.seed
    )
    number = max(trial.pair for trial in trials) + 1
    device = joined_processes().device or torch.device("cpu")
    size = tuple(params.raw("evaluation.image_size"))
    renderers = {name: render.renderer(name, None, size, device) for name in options.generators}
    held = pairs.held_out(dataset, None, options.seed)
    held = held.chosen(torch.from_numpy(study.distinct(held.frame(), number)))
    click.echo(
        f"user-study: {options.form}, {', '.join(options.generators)}: {len(trials)} trials of {dataset} -> {output}"
    )
    if dry_run:
        return
    shown = _pictures(trials, held, renderers)
    given = (
        _tasks(trials, held, options.with_target)
        if options.form == study.AB
        else [{}] * len(trials)
    )
    about = {"dataset": dataset, **dataclasses.asdict(options), "shown_ms": page.SHOWN_MS}
    key = study.key(options.form, trials, held.frame(), shown, about)
    _refuse_other(key_file(output), key)
    files.write_json(key_file(output), key)
    page.write(output, key, shown, given)
    click.echo(
        f"the page, for raters: {output.absolute().as_uri()} ({output.stat().st_size / 1e6:.1f} MB)"
    )
    click.echo(
        f"the key, not for raters: {key_file(output)}; then `augment user-study --score ANSWERS.json ...`"
    )
    if dataset != "mini_market":
        click.echo(
            f"The page contains images of {dataset}: show it to raters, but do not publish it."
        )


def _pictures(
    trials: Sequence[study.Trial], held: HeldOut, renderers: dict[str, Renderer]
) -> list[list[np.ndarray]]:
    """The images to judge in each trial, uint8 [H, W, 3].

    A real image has the size of the generated ones of its part.
    """
    images: dict[tuple[int, str], np.ndarray] = {}
    for part, (name, renderer) in enumerate(renderers.items()):
        of_name = [trial.pair for trial in trials if name in trial.shown]
        batches = renderer.outputs(held, held.pairs[of_name], BATCH)
        generated = (image for batch in batches for image in batch.permute(0, 2, 3, 1).numpy())
        images |= {(pair, name): image for pair, image in zip(of_name, generated, strict=True)}
        real = [trial.pair for trial in trials if trial.part == part and study.REAL in trial.shown]
        if real:
            pixels = (
                held.images(renderer.size).pixels[held.pairs[real, 1]].permute(0, 2, 3, 1).numpy()
            )
            images |= {(pair, study.REAL): image for pair, image in zip(real, pixels, strict=True)}
    return [
        [np.ascontiguousarray(images[trial.pair, name]) for name in trial.shown] for trial in trials
    ]


def _tasks(
    trials: Sequence[study.Trial], held: HeldOut, with_target: bool
) -> list[dict[str, np.ndarray]]:
    """What the generators were given in each trial: caption -> image."""
    pixels = held.images(prepared.size()).pixels.permute(0, 2, 3, 1).numpy()
    poses = rescale(held.keypoints, prepared.size(), POSE_SIZE).numpy()
    tasks = []
    for source, target in held.pairs[[trial.pair for trial in trials]].tolist():
        task = {
            "the person": pixels[source],
            "the pose": np.asarray(contact_sheet.skeleton(poses[target], POSE_SIZE)),
        }
        tasks.append(task | ({"as it really was": pixels[target]} if with_target else {}))
    return tasks


def _refuse_other(file: Path, key: dict[str, Any]) -> None:
    """Refuse to overwrite another study's key, without which its answers cannot be scored.

    Raises:
        ValueError: If `file` is another study's key.
    """
    if file.is_file() and (other := files.read_json(file)["study"]) != key["study"]:
        raise ValueError(
            f"{file}: is the key of study {other}, needed to score its answers: choose another --output, or delete it"
        )


def run_score(answer_files: Sequence[Path], output: Path) -> None:
    """Print the table of all raters' answers, and write it next to the key."""
    key_path = key_file(output)
    if not key_path.is_file():
        raise FileNotFoundError(
            f"{key_path}: key not found; --output must name the study's page, which lies next to its key"
        )
    key = files.read_json(key_path)
    raters = answers.read_all(answer_files, key, key_path)
    scored = score.table(key, raters)
    for line in score.irregular(key, raters, key["shown_ms"]):
        click.secho(line, fg="yellow")
    click.echo(score.markdown(key, scored))
    with whole(output.with_suffix(".csv")) as temporary:
        scored.to_csv(temporary, index=False, float_format="%.6g")
