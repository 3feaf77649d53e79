"""Every path of the pipeline, as a function of its cell: augmentation, portion and ratio, or a
whole arm.

All are relative to the project's folder, where dvc.yaml and params.yaml are. dvc.yaml repeats them,
since DVC reads no Python; a test holds the two together.
"""

from pathlib import Path

from augment.arms import Arm, set_name

PREPARED = Path("data/prepared")
RESULTS = Path("results")
REPORTS = Path("reports")


def reduced(portion: float) -> Path:
    return Path("data/reduced") / str(portion)


def generator_model(generator: str, portion: float | None = None) -> Path:
    """Of a generator that was trained on the reduced set of `portion` alone, or on all real images
    (None).
    """
    return Path("models") / ("full" if portion is None else f"reduced/{portion}") / generator


def generated(augmentation: str, portion: float, ratio: int = 1) -> Path:
    return Path("data/generated") / augmentation / set_name(portion, ratio)


def reid_model(arm: Arm, validation: bool = False) -> Path:
    """`validation`: of the model that was trained without the held-out identities."""
    return Path("models") / _folder(validation) / _cell(arm) / f"seed{arm.seed}"


def reid_result(arm: Arm, validation: bool = False) -> Path:
    return RESULTS / _folder(validation) / _cell(arm) / f"seed{arm.seed}.json"


def card(name: str) -> Path:
    """Of the report card of a generator, as report_card/render.py names them."""
    return RESULTS / "generators" / f"{name}.json"


def card_folder(name: str) -> Path:
    """Its pairs and sheets."""
    return RESULTS / "generators" / name


def tuning(name: str) -> Path:
    return RESULTS / "tuning" / f"{name}.csv"


def tuning_run(key: str) -> Path:
    """Of a finished run, by the hash of all that it follows from."""
    return RESULTS / "tuning/runs" / f"{key}.json"


def tuning_model(name: str, key: str) -> Path:
    return Path("models/tuning") / name / key


def _folder(validation: bool) -> str:
    return "validation" if validation else "reid"


def _cell(arm: Arm) -> Path:
    return Path(arm.budget) / arm.model / arm.augmentation / set_name(arm.portion, arm.ratio)
