"""user-study: held-out pairs -> a page for raters; and raters' answers -> a table.

user_study.html       the page: instructions, all images, answers saved as a file; needs no network
user_study.key.json   what every image is; not for raters, and `--score` cannot do without it
user_study.csv        of `--score`: a row per generator
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
# Of the drawing of a pose, px.
POSE_SIZE = (384, 192)


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the command's flags say of a study."""

    generators: tuple[str, ...]
    form: str
    images: int
    practice: int
    seed: int
    with_target: bool


def key_file(output: Path) -> Path:
    return output.with_suffix(".key.json")


def run(asked: Asked, output: Path, dry_run: bool) -> None:
    dataset = params.raw("dataset.name")
    trials = study.draw(asked.form, asked.generators, asked.images, asked.practice, asked.seed)
    number = max(trial.pair for trial in trials) + 1
    device = joined_processes().device
    size = tuple(params.raw("evaluation.image_size"))
    renderers = {name: render.renderer(name, None, size, device) for name in asked.generators}
    held = pairs.held_out(dataset, None, asked.seed)
    held = held.chosen(torch.from_numpy(study.distinct(held.frame(), number)))
    click.echo(
        f"user-study: {asked.form}, {', '.join(asked.generators)}: {len(trials)} trials of {dataset} -> {output}"
    )
    if dry_run:
        return
    shown = _pictures(trials, held, renderers)
    given = (
        _tasks(trials, held, asked.with_target) if asked.form == study.AB else [{}] * len(trials)
    )
    about = {"dataset": dataset, **dataclasses.asdict(asked), "shown_ms": page.SHOWN_MS}
    key = study.key(asked.form, trials, held.frame(), shown, about)
    _refuse_other(key_file(output), key)
    files.write_json(key_file(output), key)
    page.write(output, key, shown, given)
    click.echo(
        f"the page, for raters: {output.absolute().as_uri()} ({output.stat().st_size / 1e6:.1f} MB)"
    )
    click.echo(
        f"the key, not for them: {key_file(output)}; then `augment user-study --score ANSWERS.json ...`"
    )
    if dataset != "mini_market":
        click.echo(f"The page holds images of {dataset}: show it to raters, and do not publish it.")


def _pictures(
    trials: Sequence[study.Trial], held: HeldOut, renderers: dict[str, Renderer]
) -> list[list[np.ndarray]]:
    """What is judged in each trial, uint8 [H, W, 3]. A real image has the size of its part's
    generated ones.
    """
    found: dict[tuple[int, str], np.ndarray] = {}
    for part, (name, renderer) in enumerate(renderers.items()):
        wanted = [trial.pair for trial in trials if name in trial.shown]
        batches = renderer.outputs(held, held.pairs[wanted], BATCH)
        made = (image for batch in batches for image in batch.permute(0, 2, 3, 1).numpy())
        found |= {(pair, name): image for pair, image in zip(wanted, made, strict=True)}
        real = [trial.pair for trial in trials if trial.part == part and study.REAL in trial.shown]
        if real:
            pixels = (
                held.images(renderer.size).pixels[held.pairs[real, 1]].permute(0, 2, 3, 1).numpy()
            )
            found |= {(pair, study.REAL): image for pair, image in zip(real, pixels, strict=True)}
    return [
        [np.ascontiguousarray(found[trial.pair, one]) for one in trial.shown] for trial in trials
    ]


def _tasks(
    trials: Sequence[study.Trial], held: HeldOut, with_target: bool
) -> list[dict[str, np.ndarray]]:
    """What the generators were asked for in each trial: caption -> picture."""
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
    """Without its key a study that raters have answered is lost."""
    if file.is_file() and (other := files.read_json(file)["study"]) != key["study"]:
        raise ValueError(
            f"{file}: is the key of study {other} and scores its answers: choose another --output, or delete it"
        )


def run_score(found: Sequence[Path], output: Path) -> None:
    """Print the table of all raters' answers, and write it beside the key."""
    key_path = key_file(output)
    if not key_path.is_file():
        raise FileNotFoundError(
            f"{key_path}: key not found; --output names the study's page, beside which its key lies"
        )
    key = files.read_json(key_path)
    raters = answers.read_all(found, key, key_path)
    scored = score.table(key, raters)
    for line in score.irregular(key, raters, key["shown_ms"]):
        click.secho(line, fg="yellow")
    click.echo(score.markdown(key, scored))
    with whole(output.with_suffix(".csv")) as temporary:
        scored.to_csv(temporary, index=False, float_format="%.6g")
