"""From a folder of crops to a re-ID score: text identities, no cameras, PNGs of 100 x 40 px."""

from pathlib import Path

import hostile
import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from augment import files, prepared
from augment.images import untrusted
from augment.prepared import index, keypoints

NAMES = ("ann", "bob", "cy", "dee", "eva", "flo", "gus")


@pytest.fixture
def crops(project) -> Path:
    """The project's rendered people as a user's folder, with a keypoint file in px of the crops."""
    rows = index.read(project / "data/prepared/index.csv")
    rows = rows[rows["pid"] > 0]
    found = keypoints.read(project / "data/prepared/keypoints.csv", (128, 64))
    people, table = dict(zip(sorted(rows["pid"].unique()), NAMES, strict=True)), {}
    for number, (path, pid) in enumerate(zip(rows["path"], rows["pid"], strict=True)):
        file = project / f"crops/{people[pid]}/Foto {number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        untrusted.read(project / "data/prepared" / path).resize((40, 100)).save(file)
        points = found[Path(path).name]
        scaled = np.rint((points + 0.5) * (100 / 128, 40 / 64) - 0.5).clip(0, (99, 39))
        table[f"{people[pid]}/{file.name}"] = np.where(points < 0, -1, scaled)
    keypoints.write(table, project / "annotations.csv")
    use(name="folder", root="crops", annotations=["annotations.csv"])
    return project / "crops"


def use(**dataset):
    text = yaml.safe_load(Path("params.yaml").read_text())
    text["dataset"] |= dataset
    Path("params.yaml").write_text(yaml.safe_dump(text, sort_keys=False))


def run(augment, *commands):
    for command in commands:
        result = augment(*command.split())
        assert result.exit_code == 0, result.output
    return result.output


def test_from_a_folder_to_a_score(crops, augment):
    said = run(augment, "prepare")
    assert "- drawn: 4 of 7 identities are for the test\n" in said
    assert "- 7 identities are renumbered from 1; names.csv has the original ones\n" in said
    assert "- cameras are not known: gallery images of the query's own camera count\n" in said
    assert prepared.about() == prepared.About("folder", (128, 64), False)
    rows, names = (
        index.read(Path("data/prepared/index.csv")),
        pd.read_csv("data/prepared/names.csv"),
    )
    assert list(names["path"]) == list(rows["path"]) and set(rows["camid"]) == {0}
    assert names.columns.tolist() == ["path", "file", "identity", "camera", "height", "width"]
    assert set(names["height"]) == {100} and set(names["width"]) == {40}
    assert {file.split("/")[0] for file in names["file"]} == set(NAMES) == set(names["identity"])
    first = untrusted.read(Path("data/prepared") / rows["path"][0])
    assert first.size == (64, 128)
    original = untrusted.read(crops / names["file"][0]).resize((64, 128))
    assert np.abs(np.asarray(first).astype(int) - np.asarray(original)).mean() < 6
    assert len(prepared.joints()) == len(rows)
    said = run(
        augment,
        "reduce --portion 0.4",
        "reduce --portion 1.0",
        "generate --portion 0.4 --generator puppet",
        "train-reid --model inception --portion 0.4",
        "train-reid --model inception --portion 0.4 --generator puppet",
        "train-reid --model inception --portion 1.0",
    )
    for augmentation, portion in (("none", 0.4), ("puppet", 0.4), ("none", 1.0)):
        result = files.read_json(
            Path(f"results/reid/iterations/inception/{augmentation}/{portion}/seed0.json")
        )
        assert result["same_camera_rule"] is False and result["dataset"] == "folder"
        assert result["num_queries"] == (rows["split"] == "query").sum() == 4
    assert "note: cameras are not known: gallery images of the query's own camera count\n" in said
    assert "folder: cameras are not known: gallery images" in run(augment, "report --no-tracking")


def test_another_size(crops, augment):
    use(image_size=[256, 176])
    run(augment, "prepare", "reduce --portion 0.4", "generate --portion 0.4 --generator puppet")
    rows = index.read(Path("data/prepared/index.csv"))
    assert {untrusted.check(Path("data/prepared") / path).size for path in rows["path"]} == {
        (256, 176)
    }
    pose = prepared.joints()[Path(rows["path"][0]).name]
    assert pose.max() > 128
    assert len(index.read(Path("data/generated/puppet/0.4/index.csv")))


def test_without_keypoints(crops, augment):
    use(annotations=None)
    said = run(augment, "prepare")
    assert (
        "- no keypoints: re-ID models can be trained, but no images generated; `augment annotate FOLDER --output"
        in said
    )
    assert prepared.joints() == {}
    run(augment, "reduce --portion 0.4")
    result = augment("generate", "--portion", "0.4", "--generator", "puppet")
    assert result.exit_code == 1 and "Error: no image of the reduced set" in result.output


def test_parsing_maps_by_path(crops, augment):
    for file in crops.rglob("*.png"):
        out = Path("maps") / file.relative_to(crops)
        out.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((100, 40), 3, np.uint8)).save(out)
    use(parsing={"root": "maps", "labels": "ten"})
    run(augment, "prepare")
    maps = sorted(Path("data/prepared/parsing").glob("*.png"))
    assert len(maps) == len(index.read(Path("data/prepared/index.csv")))
    assert all(
        untrusted.read_labels(file).shape == (128, 64) and (untrusted.read_labels(file) == 3).all()
        for file in maps
    )


def test_dry_run_opens_no_image(crops, augment):
    hostile.empty(crops / "ann" / "empty.png")
    said = run(augment, "prepare --dry-run")
    assert "prepare: folder from crops -> data/prepared" in said and "  train " in said
    result = augment("prepare")
    assert result.exit_code == 1 and "Error: crops/ann/empty.png: is empty\n" in result.output


BAD = {
    "bomb.png": (
        lambda p: hostile.png_header(p, 30_000, 30_000),
        "far too many pixels by its header; images have at most 64",
    ),
    "cut.jpg": (hostile.truncated, "cannot be decoded (image file is truncated"),
    "gif.jpg": (
        hostile.gif,
        "is a GIF file by its content; expected JPEG, PNG, BMP, WEBP, TIFF, PPM",
    ),
    "link.jpg": (
        lambda p: hostile.link(p, Path("params.yaml").absolute()),
        "lies outside crops through a symbolic link; only files inside it are read",
    ),
    "newline": (
        lambda p: hostile.with_newline(p.parent),
        "the name holds a control character; rename the file",
    ),
    "bytes": (
        lambda p: hostile.with_foreign_bytes(p.parent),
        "the name holds bytes that are not UTF-8; rename the file",
    ),
    "empty.jpg": (hostile.empty, "is empty"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_before_anything_is_written(crops, augment, name):
    before = sorted(Path("data").rglob("*"))
    make, message = BAD[name]
    file = make(crops / "ann" / name)
    result = augment("prepare")
    shown = ascii(
        str(file.relative_to(crops.parent))
    )  # in quotes where the name or the place is at fault
    shown = shown if "the name" in message or "lies" in message else shown[1:-1]
    assert result.exit_code == 1 and f"Error: {shown}: {message}" in result.output, result.output
    assert sorted(Path("data").rglob("*")) == before
