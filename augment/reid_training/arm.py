"""One arm: what it is trained and scored on, its training and its scores.

With the validation split nothing of the test set is read.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from reid.params import ReidParams
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
    """What params.yaml says of an arm; None for sections that have no part in it."""

    reid: ReidParams
    generated: GeneratedParams
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


def load_settings(
    arm: Arm, validation: bool, overrides: params.Overrides = params.NO_OVERRIDES
) -> Settings:
    """The sections of params.yaml that steer this arm.

    Raises:
        ValueError: a section is not as it must be, or an override has no part in this arm.
    """
    augmentation = arm.augmentation
    sections = {
        f"reid.{arm.model}": True,
        "generated": augmentation.on_disk,
        "classic": augmentation.classic,
    }
    sections["online"] = augmentation.online

    def load(cls: type, section: str) -> Any:
        return params.load(cls, section, overrides=overrides)

    reid = load(ReidParams, f"reid.{arm.model}")
    if augmentation.classic:
        reid = dataclasses.replace(reid, augment=load(AugmentParams, "classic"))
    generated, online = (
        load(GeneratedParams, "generated"),
        load(OnlineParams, "online") if augmentation.online else None,
    )
    steering = [section for section, steers in sections.items() if steers]
    for key in overrides:
        if not key.startswith(tuple(f"{section}." for section in steering)):
            raise ValueError(
                f"{key} has no part in {arm}; what steers it is below {', '.join(steering)}"
            )
    return Settings(
        reid, generated, online, params.load(ValidationParams, "validation") if validation else None
    )


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
    scores = (
        _sift(arm, settings, rows)
        if settings.generated.gate.drop > 0 and (rows["generator"] != "").any()
        else None
    )
    if scores is not None:
        rows = rows[~rows["path"].isin(scores.loc[~scores["accepted"], "path"])].reset_index(
            drop=True
        )
    return Sets(rows, *asked, scores)


def _sift(arm: Arm, settings: Settings, rows: pd.DataFrame) -> pd.DataFrame:
    """The gate's scores of the generated ones of `rows`, judged by the same arm without them."""
    from augment.reid_training import gate  # only arms with generated images depend on it

    weights = paths.reid_model(arm.baseline, settings.validation is not None) / "weights.pt"
    network = paths.generator_model(POSE_NETWORK, arm.augmentation.trained_on(arm.portion))
    real = rows["generator"] == ""
    return gate.sift(
        rows[~real],
        rows.loc[real, "pid"].to_numpy(),
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
    """Trains the arm, with its checkpoints in `folder`; a picture of online puppets is put there
    too.
    """
    size, renewal = settings.reid.image_size, None
    if settings.online is not None:
        # Only online arms depend on what draws puppets.
        from augment.generation import puppets
        from augment.reid_training.online import OnlinePuppets

        found = prepared.joints()
        state = joined_processes()
        renewal = OnlinePuppets(
            _inside(sets.train),
            found,
            puppets.build(),
            settings.online,
            size,
            arm.seed,
            state.device,
        )
        click.echo(
            f"images without torso, cut as an oval and never a scene: {renewal.without_torso:,}"
        )
        if state.is_main_process:
            with whole(folder / "puppets.png") as temporary:
                renewal.sheet().save(temporary)
    return train(
        load(sets.train, size),
        settings.reid,
        arm.budget,
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
    """The scores; what a few queries find goes into `ranked_file`, where one is given."""
    query, gallery = (load(rows, settings.reid.image_size) for rows in (sets.query, sets.gallery))
    retrieval = comparison(
        trained.model,
        query,
        gallery,
        settings.reid,
        drop_same_camera=prepared.about().cameras_known,
    )
    if ranked_file is not None:
        lists = rankings(retrieval, ranked.chosen(sets.query), ranked.TOP)
        ranked.write(ranked_file, lists, *(_inside(rows) for rows in (sets.query, sets.gallery)))
    return dataclasses.asdict(evaluate(retrieval))


def _inside(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with `path` relative to data/prepared again."""
    return rows.assign(
        path=[Path(path).relative_to(paths.PREPARED).as_posix() for path in rows["path"]]
    )
