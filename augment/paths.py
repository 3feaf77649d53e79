"""Every path of the pipeline, as a function of augmentation, portion and ratio, or of a whole arm.

All are relative to the project's folder, which holds dvc.yaml and params.yaml. dvc.yaml repeats
some of them, because DVC does not read Python; the paths in sweep.yaml come from here.
"""

from pathlib import Path

from augment.arms import Arm, set_name
from augment.augmentations import Augmentation

PREPARED = Path("data/prepared")
RESULTS = Path("results")
REPORTS = Path("reports")
LOSS_CURVES = "loss_curves.csv"  # in the folder of a generator


def reduced(portion: float) -> Path:
    return Path("data/reduced") / str(portion)


def generator_model(generator: str, portion: float | None = None) -> Path:
    """Folder of a generator trained on the reduced set of `portion`; None for all real images."""
    return Path("models") / ("full" if portion is None else f"reduced/{portion}") / generator


def generated(augmentation: Augmentation, portion: float, ratio: int = 1) -> Path:
    return Path("data/generated") / augmentation.name / set_name(portion, ratio)


def reid_model(arm: Arm, validation: bool = False) -> Path:
    """Folder of a re-ID model; with `validation`, the one trained without held-out identities."""
    return Path("models") / _folder(validation) / _cell(arm) / f"seed{arm.seed}"


def reid_result(arm: Arm, validation: bool = False) -> Path:
    return RESULTS / _folder(validation) / _cell(arm) / f"seed{arm.seed}.json"


def card(name: str) -> Path:
    """Report card of a generator; report_card/render.py lists the names."""
    return RESULTS / "generators" / f"{name}.json"


def card_folder(name: str) -> Path:
    """Folder of the pairs and sheets of a report card."""
    return RESULTS / "generators" / name


def tuning(name: str) -> Path:
    return RESULTS / "tuning" / f"{name}.csv"


def tuning_run(key: str) -> Path:
    """Result of a finished run, named by the hash of everything that it depends on."""
    return RESULTS / "tuning/runs" / f"{key}.json"


def tuning_model(name: str, key: str) -> Path:
    return Path("models/tuning") / name / key


def _folder(validation: bool) -> str:
    return "validation" if validation else "reid"


def _cell(arm: Arm) -> Path:
    return Path(arm.budget) / arm.model / arm.augmentation.name / set_name(arm.portion, arm.ratio)
