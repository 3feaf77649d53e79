"""evaluate-generator: a trained generator, puppets or a reference -> its report card.

    results/generators/NAME.json         all metrics with their intervals, speed, and provenance
    results/generators/NAME/pairs.csv    one row per pair, which `augment compare` compares
    results/generators/NAME/*.png        sheets
    reports/generators.csv               one row per card, for all cards

The people are those of the test set; neither the generator nor the re-ID judge was trained on them
(report_card/pairs.py).
"""

import dataclasses
import platform
import shutil
import time
from importlib.metadata import version
from typing import Any

import click
import torch

from augment import files, params, paths, tracking
from augment.files import whole
from augment.prepared import index
from augment.pretrained.weights import Unavailable
from augment.results.report_card import card, identity, pairs, pose, render, scoring, sheets, speed
from augment.results.report_card.metrics import METRICS
from augment.results.report_card.settings import EvaluationParams
from generators.training.loop import joined_processes

SPEED_SECONDS = 0.5  # duration of each timing
VERSIONS = ("torch", "torchvision", "numpy", "pillow", "reid-augment")


def run(name: str, portion: float | None, dry_run: bool) -> None:
    started = time.perf_counter()
    settings = params.load(EvaluationParams, "evaluation")
    dataset = params.raw("dataset.name")
    device = joined_processes().device or torch.device("cpu")
    renderer = render.renderer(name, portion, settings.image_size, device)
    _check_known(renderer)
    judge = _judge(settings, device)
    finder = pose.load_finder(device, settings.batch_size)
    held = pairs.held_out(dataset, settings.pairs, settings.seed)
    out, people = paths.card(renderer.name), len(set(held.pids))
    click.echo(
        f"evaluate-generator: {renderer.name} on {len(held.pairs):,} held-out pairs of {people:,} identities at "
        f"{'x'.join(map(str, renderer.size))} -> {out}"
    )
    for missing in (judge, finder):
        if isinstance(missing, Unavailable):
            click.echo(f"note: {missing.reason}")
    if dry_run:
        return
    tags = {"stage": "evaluate_generator", "generator": renderer.name, "dataset": dataset}
    with tracking.run(f"card {renderer.name}", tags, {"evaluation": settings}, out) as run:
        rendered = render.render(renderer, held, settings)
        scored = scoring.score(rendered, judge, finder, settings, device)
        metrics = {
            key: scoring.entry(scored.metrics[key]) for key in METRICS if key in scored.metrics
        }
        folder = paths.card_folder(renderer.name)
        out.unlink(missing_ok=True)  # a card never lies next to the pairs of another run
        shutil.rmtree(folder, ignore_errors=True)
        with whole(folder / "pairs.csv") as temporary:
            scored.pairs.to_csv(temporary, index=False, float_format="%.6g")
        sheets.write(folder, renderer, held, scored.pairs, rendered.paired)
        result = {
            "generator": renderer.name,
            "dataset": dataset,
            "image_size": list(renderer.size),
            "sees": list(renderer.sees),
            "pairs": len(held.pairs),
            "identities": people,
            "seed": settings.seed,
            "reid_model": str(identity.weights_file(settings.judge)),
            "pose_model": None if isinstance(finder, Unavailable) else finder.name,
            "metrics": metrics,
            "speed": _speed(renderer, held, device),
            "seconds": round(time.perf_counter() - started, 1),
            "seconds_of": {group: round(seconds, 1) for group, seconds in scored.seconds.items()},
            "closest": scored.closest,
            "commit": tracking.commit(),
            "versions": {
                "python": platform.python_version(),
                **{package: version(package) for package in VERSIONS},
            },
            "mlflow": run.ids,
        }
        files.write_json(out, result)
        run.metrics(0, {key: entry["value"] for key, entry in metrics.items() if "value" in entry})
        for sheet in sorted(folder.glob("*.png")):
            run.artifact(sheet, "samples")
    card.write_table()
    show(result)


def show(result: dict[str, Any]) -> None:
    """Print a card: its metrics, then the unavailable ones, why, and which file they need."""
    missing = {}
    for key, entry in result["metrics"].items():
        if "value" not in entry:
            missing.setdefault((entry["unavailable"], entry["file"]), []).append(key)
            continue
        interval = "" if entry["low"] is None else f"  [{entry['low']:.4f}, {entry['high']:.4f}]"
        click.echo(f"{key:>22} {entry['value']:9.4f}{interval}")
    for (reason, file), keys in missing.items():
        needed = "" if file is None else f"; needs {file}"
        click.secho(f"unavailable: {', '.join(keys)}: {reason}{needed}", fg="yellow")
    click.echo(f"{result['seconds']:.0f} s")


def _check_known(renderer: render.Renderer) -> None:
    """Check that the generator was trained on training images only.

    Raises:
        ValueError: If it was trained on other images; test people may be among them.
    """
    if renderer.trained_on is None:
        return
    rows = index.read(paths.PREPARED / "index.csv")
    training = set(rows["path"][rows["split"] == "train"])
    if strangers := [path for path in renderer.trained_on if path not in training]:
        raise ValueError(
            f"{renderer.name} was trained on {len(strangers):,} images that are not training images of {paths.PREPARED}, e.g. "
            f"{strangers[0]}; train it again"
        )


def _judge(settings: EvaluationParams, device: Any) -> Any:
    judge = identity.load_judge(settings.judge, device)
    if judge is None:
        file, command = (
            identity.weights_file(settings.judge),
            identity.train_command(settings.judge),
        )
        return Unavailable(f"the re-ID judge is not trained; run `{command}`", str(file))
    return judge


def _speed(renderer: render.Renderer, held: pairs.HeldOut, device: Any) -> dict[str, Any] | None:
    """None for references, which render nothing."""
    if renderer.generator is not None:
        measured = speed.of_generator(renderer.generator, device, SPEED_SECONDS)
    elif renderer.name in render.PUPPETS:
        measured = speed.of_puppet(renderer.start(held), held.pairs, device, SPEED_SECONDS)
    else:
        return None
    return dataclasses.asdict(measured)
