"""The data sets that a run names as its inputs: what a model is trained on, and what its generator
has seen.

No image is read: a digest is of the rows of an index, which begin with the image's name.
"""

import csv
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from augment import files, paths
from augment.arms import Arm, set_name

TRAINING, GENERATED, SEEN = "training", "generated", "seen_by_generator"
DIGEST_LENGTH = 36  # MLflow accepts no more
DRAWN_FROM = ("source", "target", "scene")


@dataclass(frozen=True)
class DataSet:
    """An input of a run.

    name: such as reduced-0.3, patn-leak_free-0.3, seen_by-patn-leak_free-0.3
    context: TRAINING, GENERATED or SEEN
    digest: of the sorted rows; equal sets have equal digests, whatever their name
    source: file that lists the images
    profile: counts
    """

    name: str
    context: str
    digest: str
    source: str
    profile: dict[str, int]


# Data sets of a run, and the tags that follow from them.
Inputs = tuple[list[DataSet], dict[str, str]]


def digest(rows: Iterable[str], more: bytes = b"") -> str:
    """SHA-256 of the sorted rows and of further bytes, shortened to DIGEST_LENGTH hex digits."""
    text = "\n".join(sorted(rows)).encode()
    return hashlib.sha256(text + more).hexdigest()[:DIGEST_LENGTH]


def of_generator(
    name: str, portion: float | None, images: Iterable[str], training_set: Path
) -> Inputs:
    """What a generator is trained on.

    Args:
        name: the generator.
        portion: of its reduced set; None for all real images.
        images: those of its pairs.
        training_set: folder of the index that lists them.
    """
    file = training_set / "index.csv"
    title = f"seen_by-{name}-{1.0 if portion is None else portion}"
    return [_data_set(title, TRAINING, file, _of(images, _rows(file)))], {}


def of_arm(arm: Arm) -> Inputs:
    """What an arm is trained on, with the tags `leak_free` and `removed_images_seen`.

    An arm is leak-free if no image that the reduced set lacks has been seen by its generator, in
    training or as a source, a target pose or a scene. Arms without generated images are.
    """
    file = paths.reduced(arm.portion) / "index.csv"
    kept = _rows(file)
    sets, removed = [_data_set(f"reduced-{arm.portion}", TRAINING, file, kept.values())], 0
    if arm.augmentation.on_disk:
        folder = paths.generated(arm.augmentation, arm.portion, arm.ratio)
        name = f"{arm.augmentation.name}-{set_name(arm.portion, arm.ratio)}"
        generated, manifest = folder / "index.csv", folder / "manifest.json"
        seen = _seen(generated, files.read_json(manifest))
        removed = len(seen - kept.keys())
        listed = _rows(paths.PREPARED / "index.csv") if removed else kept
        # Images of two generators can have the same rows; the manifest tells them apart.
        rows, described = _rows(generated).values(), manifest.read_bytes()
        sets += [
            _data_set(name, GENERATED, generated, rows, described),
            _data_set(f"seen_by-{name}", SEEN, manifest, _of(seen, listed), removed_images=removed),
        ]
    return sets, {"leak_free": str(removed == 0).lower(), "removed_images_seen": str(removed)}


def _seen(generated: Path, manifest: dict[str, Any]) -> set[str]:
    """All real images that generated ones depend on."""
    with generated.open(newline="") as file:
        seen = {row[part] for row in csv.DictReader(file) for part in DRAWN_FROM} - {""}
    trained_on = manifest["trained_on"]
    if not trained_on:  # puppets take scenes from all of the reduced set
        return seen | {*manifest["real"]}
    network = trained_on.get("pose_network") or {"images": []}
    return seen | {*trained_on["images"]} | {*network["images"]}


def _data_set(
    name: str, context: str, source: Path, rows: Iterable[str], more: bytes = b"", **counts: int
) -> DataSet:
    rows = list(rows)
    return DataSet(
        name, context, digest(rows, more), source.as_posix(), {"images": len(rows), **counts}
    )


def _rows(index: Path) -> dict[str, str]:
    """The lines of an index by the image that they begin with."""
    lines = index.read_text().splitlines()[1:]
    return {line.split(",", 1)[0]: line for line in lines}


def _of(images: Iterable[str], listed: dict[str, str]) -> list[str]:
    """The lines of these images; an image that is no longer listed stands for itself."""
    return [listed.get(image, image) for image in images]


def entity(data: DataSet) -> Any:
    """The data set as MLflow's DatasetInput."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps({"uri": data.source})
    described = Dataset(data.name, data.digest, "local", source, profile=json.dumps(data.profile))
    return DatasetInput(described, [InputTag("mlflow.data.context", data.context)])
