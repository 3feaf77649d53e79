"""Contents of an exported set.

These are a reduced, augmented or extended set to train on, and the prepared set's query and
gallery. Every image has a unique name in Market-1501's form: pid, camera, sequence, frame and box.
Real images keep the names that prepare gave them; a generated one, which has box 00, gets another
number if its name is taken.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from augment import files, params, paths, prepared
from augment.augmentations import Augmentation
from augment.prepared import index, market1501
from augment.reid_training import training_set

ORIGINS = "names.csv"
# Limits that torchreid's and fast-reid's Market1501 assert for names.
MOST_PID, MOST_CAMERA = 1501, 6
LICENCES = {
    "mini_market": "rendered; part of reid-augment",
    "market1501": "Market-1501: research use only, no redistribution; that holds for the generated images as for the real ones",
}
OTHER_LICENCE = "the data set's own, which holds for the generated images as for the real ones"


@dataclass(frozen=True)
class Contents:
    """Contents of an exported set.

    rows: one row per image: file (relative to the working folder), name, pid, camid, split; label,
        the class in training, in the order of the pids, -1 outside train; generated, bool; source,
        target, scene: names, empty for real images; generator
    about: entries of the manifest that are known before writing
    origins: the images' names before prepare, rows of its names.csv with `path` as `file` in
        `rows`; None if prepare has kept the names
    """

    rows: pd.DataFrame
    about: dict[str, Any]
    origins: pd.DataFrame | None


def gather(augmentation: Augmentation, portion: float, ratio: int) -> Contents:
    """Gather the set of a portion with an augmentation's images, and query and gallery.

    Raises:
        FileNotFoundError: If a stage has not run.
        ValueError: If the augmentation has no images on disk, or the name of an image contradicts
            the index.
    """
    if not augmentation.is_plain and not augmentation.on_disk:
        raise ValueError(
            f"{augmentation.name} has no images on disk to export; choose a generator, e.g. puppet, or none for the reduced "
            "set alone"
        )
    train = training_set.rows(augmentation, portion, ratio)
    every = index.read_set(paths.PREPARED / "index.csv", paths.PREPARED)
    rows = pd.concat([train, every[every["split"] != "train"]], ignore_index=True)
    rows = (
        index.locate(rows)
        .rename(columns={"path": "file"})
        .assign(generated=rows["generator"] != "")
    )
    classes = {pid: label for label, pid in enumerate(sorted(set(train["pid"])))}
    labels = [
        classes[pid] if split == "train" else -1
        for pid, split in zip(rows["pid"], rows["split"], strict=True)
    ]
    rows = rows.assign(name=_names(rows), label=labels)
    for column in ("source", "target", "scene"):
        rows[column] = [Path(path).name for path in rows[column]]
    return Contents(rows, _about(augmentation, portion, ratio), _origins(set(rows["file"])))


def beyond_readers(rows: pd.DataFrame) -> str | None:
    """Why the Market1501 classes of torchreid and fast-reid cannot read these names, if so."""
    reasons = []
    if (most := int(rows["pid"].max())) > MOST_PID:
        reasons.append(f"identities go up to {most}, but these classes accept up to {MOST_PID}")
    if (most := int(rows["camid"].max()) + 1) > MOST_CAMERA:
        reasons.append(f"cameras go up to {most}, but these classes accept up to {MOST_CAMERA}")
    return "; ".join(reasons) or None


def counts(rows: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Counts per split: images, identities and cameras as loaders count them, and special images.

    Special images are generated ones, junk and distractors.
    """
    numbers = {}
    for split in index.SPLITS:
        part = rows[rows["split"] == split]
        people = part[part["pid"] > market1501.DISTRACTOR]
        numbers[split] = {
            "images": len(part),
            "identities": int(people["pid"].nunique()),
            "cameras": int(part["camid"].nunique()),
            "generated": int(part["generated"].sum()),
            "junk": int((part["pid"] == market1501.JUNK).sum()),
            "distractors": int((part["pid"] == market1501.DISTRACTOR).sum()),
        }
    return numbers


def _names(rows: pd.DataFrame) -> list[str]:
    """A name for every row, unique in the whole set."""
    names = [Path(file).name for file in rows["file"]]
    for row, (name, pid, camid) in enumerate(zip(names, rows["pid"], rows["camid"], strict=True)):
        parsed = market1501.parse_name(name)
        if (parsed.pid, parsed.camid) != (pid, camid):
            raise ValueError(
                f"{rows.at[row, 'file']}: its name says pid {parsed.pid} and camera {parsed.camid + 1}, its index {pid} and "
                f"{camid + 1}; run `augment prepare` again"
            )
    taken: set[str] = set()
    for name, generated, file in zip(names, rows["generated"], rows["file"], strict=True):
        if not generated and name in taken:
            raise ValueError(
                f"{file}: another image of the prepared set has the same name; run `augment prepare` again"
            )
        if not generated:
            taken.add(name)
    number = int(rows["generated"].sum())
    for row in rows.index[rows["generated"]]:
        while names[row] in taken:
            names[row] = market1501.unused_name(
                int(rows["pid"].iloc[row]), int(rows["camid"].iloc[row]), number
            )
            number += 1
        taken.add(names[row])
    return names


def _origins(exported: set[str]) -> pd.DataFrame | None:
    """Original names of the exported images; those of other images, e.g. removed ones, are left out."""
    file = paths.PREPARED / ORIGINS
    if not file.is_file():
        return None
    origins = pd.read_csv(file, dtype=str, keep_default_na=False)
    origins = index.locate(origins.assign(folder=str(paths.PREPARED)))
    return origins[origins["path"].isin(exported)].reset_index(drop=True)


def _about(augmentation: Augmentation, portion: float, ratio: int) -> dict[str, Any]:
    about = prepared.about()
    manifest: dict[str, Any] = {"seed": None, "trained_on": None, "counts": None}
    if augmentation.on_disk:
        manifest = files.read_json(paths.generated(augmentation, portion, ratio) / "manifest.json")
    return {
        "dataset": about.name,
        "cameras_known": about.cameras_known,
        "portion": portion,
        "ratio": ratio,
        "augmentation": augmentation.name,
        "generator": augmentation.generator,
        "protocol": augmentation.protocol if augmentation.on_disk else None,
        "made_of": manifest["counts"],
        "seeds": {
            "reduce": params.raw("reduce.seed"),
            "generate": manifest["seed"],
            "generator": (manifest["trained_on"] or {}).get("seeds"),
        },
        "licence": LICENCES.get(about.name, OTHER_LICENCE),
    }
