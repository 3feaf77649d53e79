"""Trains and scores one arm.

With the validation split, nothing of the test set is read.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import click
import pandas as pd

from augment import params, paths, prepared
from augment.arms import Arm
from augment.files import whole
from augment.prepared import index
from augment.reid_training import ranked, training_set
from augment.reid_training.params import OnlineParams
from augment.reid_training.validation import ValidationParams, held_out, queries_and_gallery
from generators import code
from generators.registry import POSE_NETWORK
from reid.augmentation import AugmentParams
from reid.data import load
from reid.evaluation import evaluate
from reid.generated import GeneratedParams
from reid.params import Budget, ReidParams
from reid.rankings import rankings
from reid.retrieval import comparison
from reid.training import Trained, joined_processes, train

# The packages that train an arm, and those that draw its online puppets.
CODE = ("reid",)
ONLINE_CODE = (
    "augment/generation",
    "augment/reid_training",
    "generators/body",
    "generators/puppet",
)


@dataclass(frozen=True)
class Settings:
    """Sections of params.yaml for an arm; None for those that it does not use."""

    reid: ReidParams
    generated: GeneratedParams
    online: OnlineParams | None
    validation: ValidationParams | None


@dataclass(frozen=True)
class Sets:
    """Index rows with a column `folder`, as from index.read_set.

    train: real images, then the generated ones that the gate accepted
    query, gallery: images that the model is scored on
    gate: scores of all generated images, from gate.sift; None without a gate
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


def load_settings(
    arm: Arm, validation: bool, overrides: params.Overrides = params.NO_OVERRIDES
) -> Settings:
    """The sections of params.yaml that this arm uses.

    Raises:
        ValueError: If a section is invalid, or the arm does not use an overridden key.
    """
    augmentation = arm.augmentation
    sections = {
        f"reid.{arm.model}": True,
        "generated": augmentation.on_disk,
        "classic": augmentation.classic,
        "online": augmentation.online,
    }

    def load(cls: type, section: str) -> Any:
        return params.load(cls, section, overrides=overrides)

    reid = load(ReidParams, f"reid.{arm.model}")
    if augmentation.classic:
        reid = dataclasses.replace(reid, augment=load(AugmentParams, "classic"))
    generated, online = (
        load(GeneratedParams, "generated"),
        load(OnlineParams, "online") if augmentation.online else None,
    )
    used = [section for section, is_used in sections.items() if is_used]
    for key in overrides:
        if not key.startswith(tuple(f"{section}." for section in used)):
            raise ValueError(f"{key} does not affect {arm}; its settings are in {', '.join(used)}")
    return Settings(
        reid, generated, online, params.load(ValidationParams, "validation") if validation else None
    )


def load_sets(arm: Arm, settings: Settings) -> Sets:
    """Load the images that the arm is trained and scored on."""
    train = training_set.rows(arm.augmentation, arm.portion, arm.ratio)
    prepared_rows = index.read_set(paths.PREPARED / "index.csv", paths.PREPARED)
    query, gallery, real = (
        prepared_rows[prepared_rows["split"] == split] for split in ("query", "gallery", "train")
    )
    if settings.validation is not None:
        pids = held_out(real["pid"].to_numpy(), settings.validation)
        query, gallery = queries_and_gallery(real[real["pid"].isin(pids)], settings.validation.seed)
        train = train[~train["pid"].isin(pids)].reset_index(drop=True)
    generated = train["generator"] != ""
    if settings.generated.gate.drop == 0 or not generated.any():
        return Sets(train, query, gallery, None)
    scores = _sift(arm, settings, train[~generated], train[generated])
    rejected = train.index[generated][~scores["accepted"].to_numpy()]
    return Sets(train.drop(rejected).reset_index(drop=True), query, gallery, scores)


def _sift(
    arm: Arm, settings: Settings, real: pd.DataFrame, generated: pd.DataFrame
) -> pd.DataFrame:
    """The gate's scores of generated images, judged by the same arm without them."""
    from augment.reid_training import gate  # only arms with generated images depend on it

    weights = paths.reid_model(arm.baseline, settings.validation is not None) / "weights.pt"
    network = paths.generator_model(POSE_NETWORK, arm.augmentation.trained_on(arm.portion))
    return gate.sift(
        index.locate(generated),
        real["pid"].to_numpy(),
        params.load(ReidParams, f"reid.{arm.model}"),
        settings.generated.gate,
        weights,
        network / "generator.pt",
        prepared.joints(),
    )


def code_of(settings: Settings) -> str:
    """A hash of the code that trains the arm."""
    return code.digest(CODE if settings.online is None else (*CODE, *ONLINE_CODE))


def fit(
    arm: Arm,
    settings: Settings,
    sets: Sets,
    folder: Path,
    on_log: Callable[[int, dict[str, float]], None] | None,
) -> Trained:
    """Train the arm; checkpoints and a sheet of online puppets are written to `folder`."""
    size, renewal = settings.reid.image_size, None
    if settings.online is not None:
        # Only online arms depend on the code that draws puppets.
        from augment.generation import puppets
        from augment.reid_training.online import OnlinePuppets

        state = joined_processes()
        renewal = OnlinePuppets(
            sets.train,
            prepared.joints(),
            puppets.build(),
            settings.online,
            size,
            arm.seed,
            state.device,
        )
        click.echo(
            f"images without torso, cut out as an oval and never used as a scene: {renewal.without_torso:,}"
        )
        if state.is_main_process:
            with whole(folder / "puppets.png") as temporary:
                renewal.sheet().save(temporary)
    return train(
        load(index.locate(sets.train), size),
        settings.reid,
        cast(Budget, arm.budget),
        settings.generated,
        arm.seed,
        folder,
        on_log,
        renewal,
        code_of(settings),
    )


def score(
    trained: Trained, settings: Settings, sets: Sets, ranked_file: Path | None
) -> dict[str, float]:
    """The scores; the ranked lists of a few queries are written to `ranked_file`, if any."""
    query, gallery = (
        load(index.locate(rows), settings.reid.image_size) for rows in (sets.query, sets.gallery)
    )
    retrieval = comparison(
        trained.model,
        query,
        gallery,
        settings.reid,
        drop_same_camera=prepared.about().cameras_known,
    )
    if ranked_file is not None:
        lists = rankings(retrieval, ranked.chosen(sets.query), ranked.TOP)
        ranked.write(ranked_file, lists, sets.query, sets.gallery)
    return dataclasses.asdict(evaluate(retrieval))
