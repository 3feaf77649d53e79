"""train-reid: a reduced set, with or without generated images -> results/reid/.../seed<k>.json and models/reid/..."""

import dataclasses
from pathlib import Path
from typing import Any

import click
import pandas as pd

from augment import files, index, keypoints, market1501, params, paths, puppets, tracking
from augment.augmentations import Augmentation
from augment.files import whole
from augment.online import OnlineParams, OnlinePuppets

BUDGET = "iterations"
TRACKED = ("rank1", "rank5", "rank10", "mAP", "mAP_trapezoid")


def run(model: str, augmentation: Augmentation, portion: float, seed: int, dry_run: bool) -> None:
    from reid.generated import GeneratedParams
    from reid.params import ReidParams, plan
    from reid.training import joined_processes

    settings = params.load(ReidParams, f"reid.{model}")
    train_rows = training_rows(augmentation, portion)
    online = params.load(OnlineParams, "online") if augmentation.online else None
    handling = params.load(GeneratedParams, "generated")
    planned = plan(len(train_rows), settings, BUDGET)
    prepared = index.locate(index.read(paths.PREPARED / "index.csv"), paths.PREPARED)
    generated = int((train_rows["generator"] != "").sum())
    result_file = paths.reid_result(model, augmentation.name, portion, seed)
    drawn = f"{generated:,} generated" if online is None else f"{online.share:.0%} online"
    click.echo(
        f"train-reid: {model} on {len(train_rows) - generated:,} real and {drawn} images of "
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
        "augmentation": augmentation.name,
        "portion": portion,
        "ratio": 1,
        "budget": BUDGET,
        "seed": seed,
    }
    folder = paths.reid_model(model, augmentation.name, portion, seed)
    name = f"{model} {augmentation.name} {portion} seed {seed}"
    main_process = joined_processes().is_main_process
    described = {"reid": settings, "generated": handling} | ({} if online is None else {"online": online})
    with tracking.run(name, {"stage": "train_reid", **arm}, described, result_file, main_process) as run:
        trained = _train(train_rows, settings, handling, online, seed, folder, run)
        if not main_process:
            return
        scores = _score(trained.model, prepared, settings)
        result = (
            arm
            | scores
            | {
                "train_images": len(train_rows),
                "generated_images": generated,
                "online_share": 0.0 if online is None else online.share,
                "iterations": trained.plan.iterations,
                "seconds": round(trained.seconds, 1),
            }
        )
        _keep_weights(trained.model, folder)
        files.write_json(result_file, result)
        run.metrics(trained.plan.iterations, {key: scores[key] for key in TRACKED})
        if generated:
            run.artifact(paths.generated(augmentation.name, portion) / "contact_sheet.png", "samples")
    click.echo(f"rank-1 {result['rank1']:.3f}, mAP {result['mAP']:.3f} ({result['seconds']:.0f} s)")


def training_rows(augmentation: Augmentation, portion: float) -> pd.DataFrame:
    """Rows of the reduced set and of the generated images, `path` as found from here, in one list.

    Raises:
        ValueError: a generated image has an identity that the reduced set lacks.
    """
    kept = index.locate(index.read(paths.reduced(portion) / "index.csv"), paths.PREPARED)
    if augmentation.generator is None or augmentation.online:
        return kept
    folder = paths.generated(augmentation.name, portion)
    added = index.locate(index.read(folder / "index.csv"), folder)
    if strangers := sorted(set(added["pid"]) - set(kept["pid"])):
        raise ValueError(f"{folder / 'index.csv'}: identity {strangers[0]} is not in {paths.reduced(portion)}: generate again")
    return pd.concat([kept, added], ignore_index=True)


def _train(
    rows: pd.DataFrame, settings: Any, handling: Any, online: OnlineParams | None, seed: int, folder: Path, run: tracking.Run
) -> Any:
    from reid.data import load
    from reid.training import joined_processes, train

    renewal = None
    if online is not None:
        found = keypoints.read(paths.PREPARED / "keypoints.csv", market1501.SIZE)
        inside = rows.assign(path=[Path(path).relative_to(paths.PREPARED).as_posix() for path in rows["path"]])
        state = joined_processes()
        renewal = OnlinePuppets(inside, found, puppets.build(), online, settings.image_size, seed, state.device)
        click.echo(f"images without torso, cut as an oval and never a scene: {renewal.without_torso:,}")
        if state.is_main_process:
            with whole(folder / "puppets.png") as temporary:
                renewal.sheet().save(temporary)
            run.artifact(folder / "puppets.png", "samples")
    return train(load(rows, settings.image_size), settings, BUDGET, handling, seed, folder, run.metrics, renewal)


def _score(model: Any, prepared: pd.DataFrame, settings: Any) -> dict[str, float]:
    from reid.data import load
    from reid.evaluation import score

    query, gallery = (load(prepared[prepared["split"] == split], settings.image_size) for split in ("query", "gallery"))
    return dataclasses.asdict(score(model, query, gallery, settings))


def _keep_weights(model: Any, folder: Path) -> None:
    """The finished model's weights; the state that only a resumed training needs goes."""
    import torch

    with whole(folder / "weights.pt") as temporary:
        torch.save(model.state_dict(), temporary)
    (folder / "checkpoint.pt").unlink(missing_ok=True)
