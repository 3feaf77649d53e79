import json
import re
import shutil
from pathlib import Path

import hostile
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from augment.export import embedding
from augment.export.reid_model import of_file
from augment.images import untrusted

WEIGHTS = Path("models/reid/iterations/inception/none/0.4/seed0/weights.pt")
ARM = "--reid inception --portion 0.4"


@pytest.fixture
def crops(inside, tmp_path) -> Path:
    """Images in folders of two cameras, including a PNG, and a file that is not an image."""
    folder = tmp_path / "crops"
    for number, file in enumerate(sorted((inside / "data/prepared/query").iterdir())):
        place = folder / f"camera{number % 2}" / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
    Image.fromarray(hostile.PICTURE).resize((50, 90)).save(folder / "another.png")
    (folder / "notes.txt").write_text("of the day")
    return folder


def embed(augment, folder, output, *flags):
    return augment(*f"embed --folder {folder} {ARM} --output {output}".split(), *flags)


def test_features_are_those_that_the_model_is_scored_with(crops, augment, tmp_path):
    from reid.data import load
    from reid.retrieval import features

    result = embed(augment, crops, tmp_path / "f.parquet", "--batch", "4")
    assert result.exit_code == 0, result.output
    assert "embed: 10 images" in result.output
    assert (
        "not read, because they are not named as images: 1 files, e.g. 'notes.txt'" in result.output
    )
    table = pd.read_parquet(tmp_path / "f.parquet")
    assert list(table["path"]) == sorted(
        p.relative_to(crops).as_posix() for p in crops.rglob("*.*g")
    )
    loaded = of_file("inception", WEIGHTS)
    rows = pd.DataFrame(
        {
            "path": [str(crops / path) for path in table["path"]],
            "pid": 0,
            "camid": 0,
            "generator": "",
        }
    )
    settings = loaded.settings
    wanted = features(
        loaded.model,
        load(rows, settings.image_size),
        settings.image_size,
        settings.features,
        "float32",
    )
    found = np.stack(table["features"])
    assert found.dtype == np.float32
    np.testing.assert_allclose(
        found, wanted, rtol=0.02, atol=0.02
    )  # bfloat16 where the machine has it


def test_both_files_hold_the_same_numbers(crops, augment, tmp_path):
    for name in ("f.parquet", "f.npy"):
        assert embed(augment, crops, tmp_path / "out" / name).exit_code == 0
    table, array = pd.read_parquet(tmp_path / "out/f.parquet"), np.load(tmp_path / "out/f.npy")
    np.testing.assert_array_equal(np.stack(table["features"]), array)
    index = pd.read_csv(tmp_path / "out/f.index.csv")
    assert list(index["row"]) == list(range(10)) and list(index["path"]) == list(table["path"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "f.index.csv",
        "f.npy",
        "f.parquet",
    ]


def test_a_parquet_file_says_whose_features_it_holds(crops, augment, tmp_path):
    from pyarrow import parquet

    embed(augment, crops, tmp_path / "f.parquet")
    said = {
        key.decode(): value.decode()
        for key, value in parquet.read_schema(tmp_path / "f.parquet").metadata.items()
    }
    assert (said["model"], said["metric"], said["trained_on"]) == (
        "inception",
        "cosine",
        "none, portion 0.4, ratio 1",
    )
    assert json.loads(said["image_size"]) == [32, 16]


BAD = {
    "bomb": lambda folder: hostile.png_header(folder / "z.png", 30_000, 30_000),
    "truncated": lambda folder: hostile.truncated(folder / "z.jpg"),
    "gif": lambda folder: hostile.gif(folder / "z.jpg"),
    "empty": lambda folder: hostile.empty(folder / "z.jpg"),
    "newline": hostile.with_newline,
    "foreign bytes": hostile.with_foreign_bytes,
    "link out": lambda folder: hostile.link(folder / "z.jpg", Path(__file__)),
    "folder link out": lambda folder: hostile.link(folder / "more", Path(__file__).parent),
}
SAID = {
    "bomb": "z.png: far too many pixels by its header",
    "truncated": "z.jpg: cannot be decoded",
    "gif": "z.jpg: is a GIF file by its content",
    "empty": "z.jpg: is empty",
    "newline": "the name holds a control character; rename the file",
    "foreign bytes": "the name holds bytes that are not UTF-8; rename the file",
    "link out": "through a symbolic link; only files inside it are read",
    "folder link out": "through a symbolic link; only files inside it are read",
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_are_named_before_the_network_runs(kind, crops, augment, tmp_path, monkeypatch):
    BAD[kind](crops)
    monkeypatch.setattr(embedding, "_features", None)  # would raise a TypeError
    result = embed(augment, crops, tmp_path / "f.parquet")
    assert result.exit_code == 1 and "Error" in result.output and SAID[kind] in result.output
    assert not (tmp_path / "f.parquet").exists()


def test_odd_files_are_read(crops, augment, tmp_path):
    for make in (hostile.cmyk, hostile.sixteen_bits, hostile.rotated):
        make(crops / f"{make.__name__}.{'png' if make is hostile.sixteen_bits else 'jpg'}")
    assert embed(augment, crops, tmp_path / "f.npy").exit_code == 0
    assert np.isfinite(np.load(tmp_path / "f.npy")).all()


@pytest.mark.parametrize("name", ["f.parquet", "f.npy"])
def test_what_breaks_half_way_leaves_no_file(crops, tmp_path, monkeypatch, name):
    calls = []
    honest = untrusted.read

    def fail_late(path):
        calls.append(path)
        if len(calls) > 15:  # ten images are checked first
            raise ValueError("the disk is gone")
        return honest(path)

    monkeypatch.setattr(untrusted, "read", fail_late)
    output = tmp_path / "out" / name
    with pytest.raises(ValueError, match="the disk is gone"):
        embedding.run(crops, of_file("inception", WEIGHTS), output, 2, False)
    assert not list((tmp_path / "out").iterdir())


def test_a_failed_run_keeps_the_file_that_was_there(crops, augment, tmp_path):
    embed(augment, crops, tmp_path / "f.npy")
    before = (tmp_path / "f.npy").read_bytes()
    hostile.empty(crops / "z.jpg")
    assert embed(augment, crops, tmp_path / "f.npy").exit_code == 1
    assert (tmp_path / "f.npy").read_bytes() == before


@pytest.mark.parametrize(
    ("folder", "output", "message"),
    [
        ("nowhere", "f.npy", "nowhere: folder not found"),
        ("empty", "f.npy", "empty: holds no images (.jpg, .jpeg,"),
        ("crops", "f.csv", "f.csv: --output must end in .parquet or .npy"),
    ],
)
def test_folders_and_outputs_that_make_no_sense(crops, augment, tmp_path, folder, output, message):
    (tmp_path / "empty").mkdir()
    result = embed(augment, tmp_path / folder, tmp_path / output)
    assert result.exit_code == 1 and re.search(re.escape(message), result.output)


def test_a_dry_run_checks_and_writes_nothing(crops, augment, tmp_path):
    result = embed(augment, crops, tmp_path / "f.npy", "--dry-run")
    assert result.exit_code == 0 and not (tmp_path / "f.npy").exists()
