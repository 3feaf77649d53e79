"""train-reid: a reduced set, with or without generated images -> results/reid/.../seed<k>.json and models/reid/..."""

from pathlib import Path
from typing import Any

import click
import pandas as pd

from augment import files, index, params, paths, tracking
from augment.files import whole


def run(model: str, augmentation: str, portion: float, seed: int, dry_run: bool) -> None:
    from reid.models import MODELS
    from reid.params import ReidParams, plan

    settings = params.load(ReidParams, f"reid.{model}")
    if model not in MODELS:
        raise ValueError(f"unknown re-ID model {model!r}; there are {', '.join(sorted(MODELS))}")
    train_rows = training_rows(augmentation, portion)
    planned = plan(len(train_rows), settings)
    prepared = index.locate(index.read(paths.PREPARED / "index.csv"), paths.PREPARED)
    generated = int((train_rows["generator"] != "").sum())
    result_file = paths.reid_result(model, augmentation, portion, seed)
    click.echo(
        f"train-reid: {model} on {len(train_rows) - generated:,} real and {generated:,} generated images of "
        f"{train_rows['pid'].nunique():,} identities, {planned.iterations:,} iterations of {planned.batch_size}, seed {seed} "
        f"-> {result_file}"
    )
    for note in planned.notes:
        click.echo(f"note: {note}")
    if dry_run:
        return
    arm = {
        "dataset": params.raw("dataset.name"),
        "model": model,
        "augmentation": augmentation,
        "portion": portion,
        "ratio": 1,
        "budget": settings.budget,
        "seed": seed,
    }
    folder = paths.reid_model(model, augmentation, portion, seed)
    name = f"{model} {augmentation} {portion} seed {seed}"
    with tracking.run(name, {"stage": "train_reid", **arm}, {"reid": settings}, result_file) as run:
        result = arm | _train_and_score(model, train_rows, prepared, settings, seed, folder, run)
        files.write_json(result_file, result)
        run.metrics({key: float(result[key]) for key in ("rank1", "rank5", "rank10", "mAP", "mAP_trapezoid")}, step=0)
        _track_sheet(run, augmentation, portion)
    click.echo(f"rank-1 {result['rank1']:.3f}, mAP {result['mAP']:.3f} ({result['seconds']:.0f} s)")


def training_rows(augmentation: str, portion: float) -> pd.DataFrame:
    """Rows of the reduced set and of the generated images, `path` as found from here, in one list.

    Raises:
        ValueError: a generated image has an identity that the reduced set lacks.
    """
    kept = index.locate(index.read(paths.reduced(portion) / "index.csv"), paths.PREPARED)
    if augmentation == paths.NONE:
        return kept
    folder = paths.generated(augmentation, portion)
    added = index.locate(index.read(folder / "index.csv"), folder)
    if strangers := sorted(set(added["pid"]) - set(kept["pid"])):
        raise ValueError(f"{folder / 'index.csv'}: identity {strangers[0]} is not in {paths.reduced(portion)}: generate again")
    return pd.concat([kept, added], ignore_index=True)


def _train_and_score(
    model: str, train_rows: pd.DataFrame, prepared: pd.DataFrame, settings: Any, seed: int, folder: Path, run: tracking.Run
) -> dict[str, Any]:
    import dataclasses

    import torch

    from reid.data import load
    from reid.evaluation import score
    from reid.training import train

    train_set = load(train_rows, settings.image_size)
    query, gallery = (load(prepared[prepared["split"] == split], settings.image_size) for split in ("query", "gallery"))
    trained = train(model, train_set, settings, seed, folder, lambda step, values: run.metrics(values, step))
    scores = dataclasses.asdict(score(trained.model, query, gallery, settings))
    with whole(folder / "weights.pt") as temporary:
        torch.save(trained.model.state_dict(), temporary)
    (folder / "checkpoint.pt").unlink(missing_ok=True)
    return scores | {
        "train_images": len(train_rows),
        "generated_images": int(train_set.generated.sum()),
        "iterations": trained.plan.iterations,
        "seconds": round(trained.seconds, 1),
    }


def _track_sheet(run: tracking.Run, augmentation: str, portion: float) -> None:
    if augmentation != paths.NONE:
        run.artifact(paths.generated(augmentation, portion) / "contact_sheet.png", "samples")
