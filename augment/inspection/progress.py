"""Finished stages, and the next command on the way to a first curve."""

import shlex
from pathlib import Path

from augment import files, params, paths
from augment.arms import BUDGETS, Arm
from augment.augmentations import PUPPET, Augmentation, parse
from augment.data.params import DatasetParams
from augment.prepared import index

ANNOTATIONS = "annotations.csv"
LAST = ("dvc repro", "all cells of params.yaml's section `sweep`; finished ones are kept")


def annotate(settings: DatasetParams, output: str = ANNOTATIONS) -> str:
    """The command for the original images, whose names do not change when images are added."""
    return f"augment annotate {shlex.quote(str(settings.root))} --output {shlex.quote(output)}"


def lines() -> list[str]:
    """A line for each stage."""
    portions = {
        file.parent.name: is_reduced(float(file.parent.name))
        for file in sorted(paths.reduced(0).parent.glob("*/index.csv"))
    }
    trained = [file.parent for file in sorted(Path("models").glob("*/**/generator.pt"))]
    results = sorted((paths.RESULTS / "reid").rglob("seed*.json"))
    augmentations = sorted({file.parent.parent.name for file in results})
    report = paths.REPORTS / "index.html"
    old = report.is_file() and any(
        file.stat().st_mtime > report.stat().st_mtime for file in results
    )
    output = {
        "prepare": str(paths.PREPARED) if (paths.PREPARED / "index.csv").is_file() else "",
        "reduce": ", ".join(
            f"{name}{'' if fits else ' (of other images)'}" for name, fits in portions.items()
        ),
        "train": ", ".join(folder.relative_to("models").as_posix() for folder in trained),
        "generate": ", ".join(
            f"{file.parent.parent.name} {file.parent.name}" for file in _generated()
        ),
        "train-reid": f"{len(results):,} runs, of {', '.join(augmentations)}" if results else "",
        "report": f"{report}{', older than some results' if old else ''}"
        if report.is_file()
        else "",
    }
    return [f"{stage:<12} {text or '-'}" for stage, text in output.items()]


def is_reduced(portion: float) -> bool:
    """Whether a reduced set exists and has the images of the present data/prepared."""
    parts = [paths.reduced(portion) / name for name in ("index.csv", "removed.csv")]
    if not all(file.is_file() for file in (*parts, paths.PREPARED / "index.csv")):
        return False
    rows = index.read(paths.PREPARED / "index.csv")
    return {path for file in parts for path in index.read(file)["path"]} == set(
        rows.loc[rows["split"] == "train", "path"]
    )


def following(settings: DatasetParams, has_joints: bool) -> tuple[str, str]:
    """The next command on the shortest way to a curve, and its purpose, for a prepared data set."""
    if not has_joints and not settings.annotations:
        if Path(ANNOTATIONS).is_file():
            return (
                "augment prepare",
                f"once params.yaml says `annotations: [{ANNOTATIONS}]` in its section dataset",
            )
        return annotate(settings), "no keypoints yet; without poses no images can be generated"
    swept = params.raw("sweep.augmented_portions")
    portions = sorted(portion for portion in swept if portion < 1)
    model = next(iter(params.raw("sweep.models")), None) or next(iter(params.raw("reid")))
    portion = portions[0] if portions else 0.3
    for needed in (portion, 1.0):
        if not is_reduced(needed):
            return f"augment reduce --portion {needed}", "chooses the real images that are kept"
    kept = list(index.read(paths.reduced(portion) / "index.csv")["path"])
    sets = [
        file.parent.parent.name
        for file in _generated()
        if file.parent.name == str(portion)
        and files.read_json(file.with_name("manifest.json"))["real"] == kept
    ]
    if not sets:
        return (
            f"augment generate --portion {portion} --generator {PUPPET}",
            "one image for every removed one, without training",
        )
    arms = [
        (Augmentation(), portion),
        (parse(PUPPET if PUPPET in sets else sets[0]), portion),
        (Augmentation(), 1.0),
    ]
    for augmentation, part in arms:
        file = paths.reid_result(Arm(model, augmentation, part, 1, BUDGETS[0], 0))
        if not file.is_file() or files.read_json(file)["dataset"] != settings.name:
            flag = "" if augmentation.is_plain else f" --augmentation {augmentation.name}"
            return (
                f"augment train-reid --model {model} --portion {part}{flag}",
                "a point of the curve",
            )
    report, results = (
        paths.REPORTS / "index.html",
        list((paths.RESULTS / "reid").rglob("seed*.json")),
    )
    if not report.is_file() or any(
        file.stat().st_mtime > report.stat().st_mtime for file in results
    ):
        return "augment report", "draws the curves"
    return LAST


def _generated() -> list[Path]:
    return sorted(Path("data/generated").glob("*/*/index.csv"))
