"""Every path of the pipeline, as a function of its cell (generator, protocol, portion, model, seed).

All are relative to the project's folder, where dvc.yaml and params.yaml are. dvc.yaml repeats them, since DVC reads no
Python; a test holds the two together.
"""

from pathlib import Path

PREPARED = Path("data/prepared")
RESULTS = Path("results")
REPORTS = Path("reports")


def reduced(portion: float) -> Path:
    return Path("data/reduced") / str(portion)


def generator_model(generator: str, portion: float | None = None) -> Path:
    """Of a generator that was trained on the reduced set of `portion` alone, or on all real images (None)."""
    return Path("models") / ("full" if portion is None else f"reduced/{portion}") / generator


def generated(augmentation: str, portion: float) -> Path:
    return Path("data/generated") / augmentation / str(portion)


def reid_model(model: str, augmentation: str, portion: float, seed: int) -> Path:
    return Path("models/reid") / model / augmentation / str(portion) / f"seed{seed}"


def reid_result(model: str, augmentation: str, portion: float, seed: int) -> Path:
    return RESULTS / "reid" / model / augmentation / str(portion) / f"seed{seed}.json"
