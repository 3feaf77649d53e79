"""train-reid: a reduced or extended set -> results/reid/.../seed<k>.json and models/reid/...

The set comes with or without generated images. With the validation split nothing of the test set is
read, and results/validation and models/validation are written.
"""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import click
import torch

from augment import files, params, paths, prepared, tracking
from augment.arms import Arm
from augment.files import whole
from augment.reid_training.arm import Sets, Settings, fit, load_sets, load_settings, score
from reid.params import Budget, plan
from reid.training import Trained, joined_processes

TRACKED = ("rank1", "rank5", "rank10", "mAP", "mAP_trapezoid")
VERSIONS = ("torch", "torchvision", "numpy", "reid-augment")


def run(arm: Arm, validation: bool, dry_run: bool) -> None:
    settings = load_settings(arm, validation)
    sets = load_sets(arm, settings)
    planned = plan(len(sets.train), settings.reid, cast(Budget, arm.budget))
    result_file, folder = paths.reid_result(arm, validation), paths.reid_model(arm, validation)
    drawn = (
        f"{sets.generated:,} generated"
        if settings.online is None
        else f"{settings.online.share:.0%} online"
    )
    click.echo(
        f"train-reid: {arm.model} on {len(sets.train) - sets.generated:,} real and {drawn} images of "
        f"{sets.train['pid'].nunique():,} identities, {planned.iterations:,} iterations of {planned.batch_size}, "
        f"seed {arm.seed} -> {result_file}"
    )
    if sets.gate is not None:
        click.echo(f"the gate left out {sets.rejected:,} of {len(sets.gate):,} generated images")
    if validation:
        click.echo(
            f"validation: {sets.query['pid'].nunique():,} other identities, {len(sets.query):,} queries"
        )
    for note in (
        *planned.notes,
        *(() if prepared.about().cameras_known else (prepared.CAMERAS_UNKNOWN,)),
    ):
        click.echo(f"note: {note}")
    if dry_run:
        return
    described = {"dataset": params.raw("dataset.name"), **arm.as_dict()}
    main_process = joined_processes().is_main_process
    used = {key: value for key, value in vars(settings).items() if value is not None}
    tags = {"stage": "validation" if validation else "train_reid", **described}
    with tracking.run(str(arm), tags, used, result_file, main_process, watch=True) as run:
        run.inputs(lambda: tracking.data_sets.of_arm(arm))
        if sets.gate is not None and main_process:
            from augment.reid_training import gate  # as in reid_training/arm.py

            gate.write(sets.gate, folder)
        trained = fit(arm, settings, sets, folder, run.metrics)
        if not main_process:
            return
        scores = score(trained, settings, sets, folder / "ranked.json")
        result = described | scores | _facts(arm, settings, sets, trained) | {"mlflow": run.ids}
        _keep_weights(trained.model, folder)
        files.write_json(result_file, result)
        run.metrics(trained.plan.iterations, {key: scores[key] for key in TRACKED})
        run.model(_model(arm, settings, trained.model))
        if settings.online is not None:
            run.artifact(folder / "puppets.png", "samples")
        elif sets.generated:
            run.artifact(_images(arm) / "contact_sheet.png", "samples")
        if sets.gate is not None:
            run.artifact(folder / "gate.png", "samples")
    click.echo(f"rank-1 {result['rank1']:.3f}, mAP {result['mAP']:.3f} ({result['seconds']:.0f} s)")


def _facts(arm: Arm, settings: Settings, sets: Sets, trained: Trained) -> dict[str, Any]:
    """A result's counts and provenance, with all that is needed to reproduce it."""
    return {
        "train_images": len(sets.train),
        "generated_images": sets.generated,
        "rejected_images": sets.rejected,
        "online_share": 0.0 if settings.online is None else settings.online.share,
        "degenerate_pairs": trained.degenerate_pairs,
        "iterations": trained.plan.iterations,
        "seconds": round(trained.seconds, 1),
        "same_camera_rule": prepared.about().cameras_known,
        "seeds": _seeds(arm, settings),
        "commit": tracking.commit(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in VERSIONS},
        },
    }


def _seeds(arm: Arm, settings: Settings) -> dict[str, Any]:
    """Every seed that a result depends on.

    A seed is None if nothing was drawn, and a list for a generator with several.
    """
    manifest: dict[str, Any] = {"seed": None, "trained_on": None}
    if arm.augmentation.on_disk:
        manifest = files.read_json(_images(arm) / "manifest.json")
    of_generator = (manifest["trained_on"] or {}).get("seeds", [None])  # puppets are not trained
    return {
        "reduce": params.raw("reduce.seed"),
        "generate": manifest["seed"],
        "generator": of_generator if len(of_generator) > 1 else of_generator[0],
        "train": arm.seed,
        **({} if settings.validation is None else {"validation": settings.validation.seed}),
    }


def _images(arm: Arm) -> Path:
    return paths.generated(arm.augmentation, arm.portion, arm.ratio)


def _model(arm: Arm, settings: Settings, network: Any) -> tracking.Model:
    size = (3, *settings.reid.image_size)
    device = next(network.parameters()).device
    with torch.no_grad():
        features = getattr(network(torch.zeros(1, *size, device=device)), settings.reid.features)
    described = {
        key: str(value) for key, value in tracking.flatten({"": settings.reid.network}).items()
    }
    return tracking.Model(
        name=str(arm),
        kind="re-ID",
        weights=network.state_dict(),
        params={"backbone": settings.reid.backbone}
        | {f"network{key}": value for key, value in described.items()},
        inputs={"images": ("float32", (-1, *size))},
        outputs={"features": ("float32", (-1, features.shape[1]))},
        about=f"RGB normalised by ImageNet's mean and deviation; features are compared by {settings.reid.metric}",
    )


def _keep_weights(model: Any, folder: Path) -> None:
    """Write the finished model's weights; delete the state that only a resumed run needs."""
    with whole(folder / "weights.pt") as temporary:
        torch.save(model.state_dict(), temporary)
    (folder / "checkpoint.pt").unlink(missing_ok=True)
