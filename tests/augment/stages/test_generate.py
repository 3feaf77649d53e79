import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from augment.augmentations import Augmentation
from augment.generation.replacements import requests
from augment.generation.transfer import plan
from augment.prepared import index
from augment.prepared.market1501 import parse_name

OUT = "data/generated/patn/0.4"
POSE, NO_POSE = np.full((18, 2), 5), np.full((18, 2), -1)


def rows(*entries):
    return pd.DataFrame(
        [(f"t/{n}", pid, camid, "train", "", "", "", "") for n, pid, camid in entries],
        columns=index.COLUMNS,
    )


KEPT = rows(("a", 1, 0), ("b", 1, 3), ("c", 2, 2), ("d", 3, 5))
REMOVED = rows(("e", 1, 1), ("f", 2, 1), ("g", 3, 1), ("h", 1, 1))
FOUND = {"a": NO_POSE, "b": POSE, "c": POSE, "d": NO_POSE, "e": POSE, "f": POSE, "g": NO_POSE}


def test_paper_protocol():
    planned, counts = plan(KEPT, REMOVED, FOUND, Augmentation("patn", "paper"), 0)
    assert planned["pid"].tolist() == REMOVED["pid"].tolist()
    # a has no torso, so b is the source for identity 1; identity 3 has nothing but d.
    assert planned["source"].tolist() == ["t/b", "t/c", "t/d", "t/b"]
    assert planned["camid"].tolist() == [3, 2, 5, 3]
    # g has no torso and h no row: a pose of the reduced set stands in.
    assert planned["target"].tolist()[:2] == ["t/e", "t/f"] and set(planned["target"][2:]) <= {
        "t/b",
        "t/c",
    }
    assert counts == {"sources_without_torso": 1, "targets_without_torso": 2}


def test_star_protocol_takes_poses_of_the_reduced_set_alone():
    planned, counts = plan(KEPT, REMOVED, FOUND, Augmentation("patn", "star"), 0)
    assert set(planned["target"]) <= {"t/b", "t/c"} and counts["targets_without_torso"] == 0


def test_seeds_draw_different_sources():
    kept, removed = (
        rows(*((f"k{n}", 1, 0) for n in range(20))),
        rows(*((f"r{n}", 1, 0) for n in range(20))),
    )
    found = dict.fromkeys((f"{kind}{n}" for kind in "kr" for n in range(20)), POSE)
    first, again, other = (
        plan(kept, removed, found, Augmentation("patn", "paper"), seed)[0] for seed in (0, 0, 1)
    )
    assert first.equals(again) and not first["source"].equals(other["source"])
    assert first["source"].nunique() > 5


def test_no_pose_at_all_is_an_error():
    with pytest.raises(
        ValueError, match="no image of the reduced set shows both hips and both shoulders"
    ):
        plan(KEPT, REMOVED, {}, Augmentation("patn", "star"), 0)


def test_the_set_is_whole(finished):
    added = index.read(finished / OUT / "index.csv")
    kept, removed = (
        index.read(finished / "data/reduced/0.4" / name) for name in ("index.csv", "removed.csv")
    )
    assert added["pid"].tolist() == removed["pid"].tolist()
    assert set(added["source"]) <= set(kept["path"]) and set(added["generator"]) == {"patn"}
    for row in added.itertuples():
        name = parse_name(row.path.rsplit("/", 1)[1])
        assert (name.pid, name.camid) == (row.pid, row.camid)
        with Image.open(finished / OUT / row.path) as image:
            image.load()
            assert image.size == (16, 32) and image.format == "JPEG"
    manifest = json.loads((finished / OUT / "manifest.json").read_text())
    assert manifest["real"] == kept["path"].tolist()
    assert manifest["counts"]["generated"] == 12 and manifest["counts"]["real"] == 8
    train = set(kept["path"]) | set(removed["path"])
    assert set(manifest["trained_on"]["images"]) <= train and manifest["trained_on"]["pairs"] > 0


def test_restarting_keeps_whole_images_and_renders_the_rest(project, augment):
    added = index.read(project / OUT / "index.csv")
    files = [project / OUT / path for path in added["path"]]
    before = [file.read_bytes() for file in files]
    os.utime(files[0], (1, 1))
    files[1].unlink()
    half = files[1].with_name(f".{files[1].stem}.1.partial.jpg")
    half.write_bytes(before[1][:100])
    result = augment("generate", "--portion", "0.4")
    assert result.exit_code == 0 and "11 images exist already" in result.output
    assert files[0].stat().st_mtime == 1 and not half.exists()
    assert [file.read_bytes() for file in files] == before


def test_another_seed_starts_afresh(project, augment):
    text = (
        (project / "params.yaml")
        .read_text()
        .replace("generate:\n  seed: 0", "generate:\n  seed: 1")
    )
    (project / "params.yaml").write_text(text)
    result = augment("generate", "--portion", "0.4")
    assert "holds images of another plan or generator; starting afresh" in result.output
    assert len(list((project / OUT / "bounding_box_train").iterdir())) == 12


def test_removed_images_are_never_opened(project, augment):
    """Only their poses may be used: without the files the result is the same."""
    before = [
        (project / OUT / path).read_bytes()
        for path in index.read(project / OUT / "index.csv")["path"]
    ]
    for path in index.read(project / "data/reduced/0.4/removed.csv")["path"]:
        (project / "data/prepared" / path).unlink()
    shutil.rmtree(project / OUT)
    assert augment("generate", "--portion", "0.4").exit_code == 0
    assert [
        (project / OUT / path).read_bytes()
        for path in index.read(project / OUT / "index.csv")["path"]
    ] == before


def test_nothing_is_removed_at_portion_one(project, augment):
    result = augment("generate", "--portion", "1.0")
    assert result.exit_code == 0 and "0 images -> data/generated/patn/1.0" in result.output
    assert index.read(project / "data/generated/patn/1.0/index.csv").empty


@pytest.mark.parametrize("name", ["patn", "puppet"])
def test_extended_sets_add_images_of_the_same_people(project, augment, name):
    kept = index.read(project / "data/reduced/1.0/index.csv")
    sets = {}
    for ratio in (2, 3):
        result = augment("generate", "--portion", "1.0", "--ratio", str(ratio), "--generator", name)
        assert result.exit_code == 0, result.output
        sets[ratio] = index.read(project / f"data/generated/{name}/1.0x{ratio}/index.csv")
        assert sets[ratio]["pid"].tolist() == kept["pid"].tolist() * (ratio - 1)
        # With five images for each identity there is always another one to take the person from.
        assert not (sets[ratio]["source"].to_numpy() == kept["path"].tolist() * (ratio - 1)).any()
        assert {*sets[ratio]["source"], *sets[ratio]["target"]} <= set(kept["path"])
        assert (
            project / f"data/generated/{name}/1.0x{ratio}" / sets[ratio]["path"].iat[-1]
        ).is_file()
    assert sets[3].iloc[: len(kept)].equals(sets[2])
    assert not sets[3].iloc[len(kept) :]["source"].reset_index(drop=True).equals(sets[2]["source"])
    manifest = json.loads((project / f"data/generated/{name}/1.0x3/manifest.json").read_text())
    assert (
        manifest["ratio"] == 3
        and manifest["counts"]["generated"] == 2 * len(kept) == 2 * manifest["counts"]["real"]
    )
    result = augment(
        "train-reid",
        "--model",
        "inception",
        "--portion",
        "1.0",
        "--ratio",
        "3",
        "--generator",
        name,
        "--budget",
        "epochs",
        "--dry-run",
    )
    assert (
        "20 real and 40 generated images of 4 identities, 750 iterations of 4, seed 0"
        in result.output
    )
    assert f"-> results/reid/epochs/inception/{name}/1.0x3/seed0.json" in result.output


def test_the_only_image_of_an_identity_is_its_own_source():
    single = requests(KEPT, REMOVED, 3)
    planned, _ = plan(KEPT, single, FOUND, Augmentation("patn", "paper"), 0)
    assert planned["pid"].tolist() == [1, 1, 2, 3] * 2
    # b is the only image of identity 1 with a torso.
    assert planned["source"].tolist() == ["t/b", "t/b", "t/c", "t/d"] * 2


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            "--portion 0.4 --ratio 2",
            "--ratio 2 extends the set of all real images: it requires --portion 1.0, not 0.4",
        ),
        (
            "--portion 1.0 --ratio 2 --protocol leak_free",
            "all protocols are the same: use patn, not patn-leak_free",
        ),
    ],
)
def test_extended_sets_that_there_are_not(project, augment, flags, message):
    for command in ("generate", "train-reid --model inception"):
        result = augment(*command.split(), "--generator", "patn", *flags.split())
        assert result.exit_code == 1 and message in result.output


def test_what_is_missing_is_named(project, augment):
    assert (
        "data/reduced/0.7/index.csv: not found; run the stage"
        in augment("generate", "--portion", "0.7").output
    )
    shutil.rmtree(project / "models")
    result = augment("generate", "--portion", "0.4", "--generator", "patn", "--dry-run")
    assert (
        result.exit_code == 1
        and "run `augment train-generator --generator patn` first" in result.output
    )
