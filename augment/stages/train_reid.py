"""train-reid: a reduced or extended set, with or without generated images -> results/reid/.../seed<k>.json and models/reid/...

With the validation split nothing of the test set is read, and results/validation and models/validation are written.
"""

import dataclasses
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pandas as pd

from augment import augmentations, files, gate, index, params, paths, prepared, puppets, ranked, tracking, training_set
from augment.arms import Arm
from augment.files import whole
from augment.online import OnlineParams, OnlinePuppets
from augment.validation import ValidationParams, held_out, queries_and_gallery

if TYPE_CHECKING:
    from reid.generated import GeneratedParams
    from reid.params import ReidParams
    from reid.training import Trained

TRACKED = ("rank1", "rank5", "rank10", "mAP", "mAP_trapezoid")
VERSIONS = ("torch", "torchvision", "numpy", "reid-augment")


@dataclass(frozen=True)
class Settings:
    """What params.yaml says of an arm; None for sections that have no part in it."""

    reid: "ReidParams"
    generated: "GeneratedParams"
    online: OnlineParams | None
    validation: ValidationParams | None


@dataclass(frozen=True)
class Sets:
    """Index rows, `path` as found from the project's folder.

    train: real images, then generated ones that the gate let in
    query, gallery: what the model is scored on
    gate: what `gate.sift` says of all generated images; None without a gate
    """

    train: pd.DataFrame
    query: pd.DataFrame
    gallery: pd.DataFrame
    gate: pd.DataFrame | None

    @property
    def generated(self) -> int:
        return int((self.train["generator"] != "").sum())

    @property
    def rejected(self) -> int:
        return 0 if self.gate is None else int((~self.gate["accepted"]).sum())


def run(arm: Arm, validation: bool, dry_run: bool) -> None:
    from reid.params import plan
    from reid.training import joined_processes

    settings = load_settings(arm, validation)
    sets = load_sets(arm, settings)
    planned = plan(len(sets.train), settings.reid, arm.budget)
    result_file, folder = paths.reid_result(arm, validation), paths.reid_model(arm, validation)
    drawn = f"{sets.generated:,} generated" if settings.online is None else f"{settings.online.share:.0%} online"
    click.echo(
        f"train-reid: {arm.model} on {len(sets.train) - sets.generated:,} real and {drawn} images of "
        f"{sets.train['pid'].nunique():,} identities, {planned.iterations:,} iterations of {planned.batch_size}, "
        f"seed {arm.seed} -> {result_file}"
    )
    if sets.gate is not None:
        click.echo(f"the gate left out {sets.rejected:,} of {len(sets.gate):,} generated images")
    if validation:
        click.echo(f"validation: {sets.query['pid'].nunique():,} other identities, {len(sets.query):,} queries")
    for note in (*planned.notes, *(() if prepared.about().cameras_known else (prepared.CAMERAS_UNKNOWN,))):
        click.echo(f"note: {note}")
    if dry_run:
        return
    described = {"dataset": params.raw("dataset.name"), **dataclasses.asdict(arm)}
    main_process = joined_processes().is_main_process
    used = {key: value for key, value in vars(settings).items() if value is not None}
    tags = {"stage": "validation" if validation else "train_reid", **described}
    with tracking.run(str(arm), tags, used, result_file, main_process) as run:
        if sets.gate is not None and main_process:
            gate.write(sets.gate, folder)
        trained = train(arm, settings, sets, folder, run.metrics)
        if not main_process:
            return
        scores = score(trained, settings, sets, folder / "ranked.json")
        result = described | scores | _facts(arm, settings, sets, trained) | {"mlflow": run.ids}
        _keep_weights(trained.model, folder)
        files.write_json(result_file, result)
        run.metrics(trained.plan.iterations, {key: scores[key] for key in TRACKED})
        if settings.online is not None:
            run.artifact(folder / "puppets.png", "samples")
        elif sets.generated:
            run.artifact(_images(arm) / "contact_sheet.png", "samples")
        if sets.gate is not None:
            run.artifact(folder / "gate.png", "samples")
    click.echo(f"rank-1 {result['rank1']:.3f}, mAP {result['mAP']:.3f} ({result['seconds']:.0f} s)")


def load_settings(arm: Arm, validation: bool, overrides: params.Overrides = params.NO_OVERRIDES) -> Settings:
    """The sections of params.yaml that steer this arm.

    Raises:
        ValueError: a section is not as it must be, or an override has no part in this arm.
    """
    from reid.data import AugmentParams
    from reid.generated import GeneratedParams
    from reid.params import ReidParams

    augmentation = augmentations.parse(arm.augmentation)
    sections = {f"reid.{arm.model}": True, "generated": augmentation.on_disk, "classic": augmentation.classic}
    sections["online"] = augmentation.online

    def load(cls: type, section: str) -> Any:
        return params.load(cls, section, overrides=overrides)

    reid = load(ReidParams, f"reid.{arm.model}")
    if augmentation.classic:
        reid = dataclasses.replace(reid, augment=load(AugmentParams, "classic"))
    generated, online = load(GeneratedParams, "generated"), load(OnlineParams, "online") if augmentation.online else None
    steering = [section for section, steers in sections.items() if steers]
    for key in overrides:
        if not key.startswith(tuple(f"{section}." for section in steering)):
            raise ValueError(f"{key} has no part in {arm}; what steers it is below {', '.join(steering)}")
    return Settings(reid, generated, online, params.load(ValidationParams, "validation") if validation else None)


def load_sets(arm: Arm, settings: Settings) -> Sets:
    """What the arm is trained and scored on."""
    rows = training_set.rows(arm.augmentation, arm.portion, arm.ratio)
    every = index.locate(index.read(paths.PREPARED / "index.csv"), paths.PREPARED)
    if settings.validation is None:
        asked = [every[every["split"] == split] for split in ("query", "gallery")]
    else:
        real = every[every["split"] == "train"]
        out = held_out(real["pid"].to_numpy(), settings.validation)
        asked = queries_and_gallery(real[real["pid"].isin(out)], settings.validation.seed)
        rows = rows[~rows["pid"].isin(out)].reset_index(drop=True)
    scores = _sift(arm, settings, rows) if settings.generated.gate.drop > 0 and (rows["generator"] != "").any() else None
    if scores is not None:
        rows = rows[~rows["path"].isin(scores.loc[~scores["accepted"], "path"])].reset_index(drop=True)
    return Sets(rows, *asked, scores)


def _sift(arm: Arm, settings: Settings, rows: pd.DataFrame) -> pd.DataFrame:
    """The gate's scores of the generated ones of `rows`, judged by the same arm without them."""
    from reid.params import ReidParams

    judge = dataclasses.replace(arm, augmentation=augmentations.NONE, ratio=1)
    weights = paths.reid_model(judge, settings.validation is not None) / "weights.pt"
    network = gate.pose_network_of(augmentations.parse(arm.augmentation), arm.portion)
    real = rows["generator"] == ""
    return gate.sift(
        rows[~real], rows.loc[real, "pid"].to_numpy(), params.load(ReidParams, f"reid.{arm.model}"), settings.generated.gate,
        weights, paths.generator_model(*network) / "generator.pt",
        prepared.joints(),
    )  # fmt: skip


def train(
    arm: Arm, settings: Settings, sets: Sets, folder: Path, on_log: Callable[[int, dict[str, float]], None] | None
) -> "Trained":
    """Trains the arm, with its checkpoints in `folder`; a picture of online puppets is put there too."""
    from reid.data import load
    from reid.training import joined_processes, train

    size, renewal = settings.reid.image_size, None
    if settings.online is not None:
        found = prepared.joints()
        state = joined_processes()
        renewal = OnlinePuppets(_inside(sets.train), found, puppets.build(), settings.online, size, arm.seed, state.device)
        click.echo(f"images without torso, cut as an oval and never a scene: {renewal.without_torso:,}")
        if state.is_main_process:
            with whole(folder / "puppets.png") as temporary:
                renewal.sheet().save(temporary)
    return train(load(sets.train, size), settings.reid, arm.budget, settings.generated, arm.seed, folder, on_log, renewal)


def score(trained: "Trained", settings: Settings, sets: Sets, ranked_file: Path | None) -> dict[str, float]:
    """The scores; what a few queries find goes into `ranked_file`, where one is given."""
    from reid.data import load
    from reid.evaluation import comparison, evaluate, rankings

    query, gallery = (load(rows, settings.reid.image_size) for rows in (sets.query, sets.gallery))
    compared, drop_same_camera = comparison(trained.model, query, gallery, settings.reid), prepared.about().cameras_known
    if ranked_file is not None:
        found = rankings(*compared, drop_same_camera, rows=ranked.chosen(sets.query), top=ranked.TOP)
        ranked.write(ranked_file, found, *(_inside(rows) for rows in (sets.query, sets.gallery)))
    return dataclasses.asdict(evaluate(*compared, drop_same_camera))


def _inside(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with `path` relative to data/prepared again."""
    return rows.assign(path=[Path(path).relative_to(paths.PREPARED).as_posix() for path in rows["path"]])


def _facts(arm: Arm, settings: Settings, sets: Sets, trained: "Trained") -> dict[str, Any]:
    """What a result says besides its arm and scores: counts, and all that is needed to have it again."""
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
        "versions": {"python": platform.python_version(), **{name: version(name) for name in VERSIONS}},
    }


def _seeds(arm: Arm, settings: Settings) -> dict[str, Any]:
    """Every seed that a result follows from; None where nothing was drawn, and a list for a generator with several."""
    manifest: dict[str, Any] = {"seed": None, "trained_on": None}
    if augmentations.parse(arm.augmentation).on_disk:
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


def _keep_weights(model: Any, folder: Path) -> None:
    """The finished model's weights; the state that only a resumed training needs goes."""
    import torch

    with whole(folder / "weights.pt") as temporary:
        torch.save(model.state_dict(), temporary)
    (folder / "checkpoint.pt").unlink(missing_ok=True)
