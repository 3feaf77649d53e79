import dataclasses
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augment.data.mini_market import Difficulty, MiniMarketParams, write
from augment.data.mini_market.write import plan
from generators.body.parsing import COLOURS

PARAMS = MiniMarketParams(
    train_ids=4,
    images_per_train_id=5,
    test_ids=3,
    gallery_images_per_id=4,
    distractors=6,
    junk=4,
    backgrounds=6,
    seed=0,
    difficulty=Difficulty(backpacks=0.3, occlusions=0.1, truncations=0.1, lost=0.02),
)
NAME = re.compile(r"(\d{4}|-1)_c[1-6]s[1-6]_\d{6}_\d{2}\.jpg")


def _bytes(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "mini_market"
    write(root, PARAMS)
    return root


def test_equal_seeds_equal_bytes_other_seeds_other_bytes(written, tmp_path):
    write(tmp_path / "again", PARAMS)
    assert _bytes(tmp_path / "again") == _bytes(written)
    write(tmp_path / "other", dataclasses.replace(PARAMS, seed=1))
    other = _bytes(tmp_path / "other")
    assert not set(other.values()) & {v for k, v in _bytes(written).items() if k.endswith(".jpg")}


def test_pictures_do_not_depend_on_the_size_of_the_set(written, tmp_path):
    write(tmp_path / "more", dataclasses.replace(PARAMS, distractors=9, junk=2))
    more, base = _bytes(tmp_path / "more"), _bytes(written)
    common = {name for name in base if name.endswith((".jpg", ".png"))} & more.keys()
    assert len(common) == 2 * (len(plan(PARAMS)) - PARAMS.backgrounds - 2) + PARAMS.backgrounds
    assert all(more[name] == base[name] for name in common)


def test_layout(written):
    folders, tables = (
        {"bounding_box_test", "bounding_box_train", "parsing", "query", "backgrounds"},
        {"train", "test"},
    )
    assert len(list((written / "backgrounds").iterdir())) == PARAMS.backgrounds
    assert {path.name for path in written.iterdir()} == folders | {
        f"market-annotation-{t}.csv" for t in tables
    }
    names = {
        folder: sorted(path.name for path in (written / folder).iterdir())
        for folder in ("bounding_box_train", "bounding_box_test", "query")
    }
    assert all(NAME.fullmatch(name) for group in names.values() for name in group)
    assert len(names["bounding_box_train"]) == 20
    assert len(names["bounding_box_test"]) == 3 * 4 + 6 + 4
    pids = {folder: {int(name.split("_")[0]) for name in group} for folder, group in names.items()}
    assert not pids["bounding_box_train"] & pids["bounding_box_test"]
    assert pids["bounding_box_test"] == pids["query"] | {0, -1}
    everything = [name for group in names.values() for name in group]
    assert len(everything) == len(set(everything))
    maps = sorted(path.name for path in (written / "parsing").iterdir())
    assert maps == sorted(name.removesuffix(".jpg") + ".png" for name in everything)


def test_images_and_parsing_maps(written):
    for path in written.glob("*/*.jpg"):
        with Image.open(path) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (64, 128))
        if path.parent.name == "backgrounds":
            continue
        with Image.open(written / "parsing" / f"{path.stem}.png") as label:
            assert (label.mode, label.size) == ("P", (64, 128))
            assert np.asarray(label).max() <= 9
            assert tuple(label.getpalette()[:30]) == tuple(np.array(COLOURS).ravel())


def test_keypoint_tables(written):
    folders = {"train": ("bounding_box_train",), "test": ("bounding_box_test", "query")}
    for split, where in folders.items():
        head, *rows = (written / f"market-annotation-{split}.csv").read_text().splitlines()
        assert head == "name:keypoints_y:keypoints_x"
        names = []
        for row in rows:
            name, ys, xs = row.split(": ")
            names.append(name)
            ys, xs = json.loads(ys), json.loads(xs)
            assert len(ys) == len(xs) == 18
            for y, x in zip(ys, xs, strict=True):
                assert (y, x) == (-1, -1) or (0 <= y < 128 and 0 <= x < 64)
        assert sorted(names) == sorted(
            path.name for folder in where for path in (written / folder).iterdir()
        )


def test_the_folder_appears_whole_or_not_at_all(tmp_path):
    def stop_early(shots, total):
        assert total == len(plan(PARAMS))
        yield from shots[:3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "set", PARAMS, stop_early)
    assert not (tmp_path / "set").exists()
    write(tmp_path / "set", PARAMS)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_folder_in_use_is_left_alone(written, tmp_path):
    before = _bytes(written)
    with pytest.raises(
        ValueError,
        match=r"mini_market exists and is not an empty folder: remove it or choose another",
    ):
        write(written, PARAMS)
    assert _bytes(written) == before
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", dataclasses.replace(PARAMS, train_ids=1, distractors=0, junk=0))
    assert (tmp_path / "empty" / "query").is_dir()


@pytest.mark.parametrize(
    ("key", "value"), [("train_ids", 0), ("gallery_images_per_id", 1), ("junk", -1), ("seed", -1)]
)
def test_impossible_counts(key, value, tmp_path):
    with pytest.raises(ValueError, match=rf"mini_market\.{key} is {value}: it must be at least"):
        write(tmp_path / "set", dataclasses.replace(PARAMS, **{key: value}))
    assert not any(tmp_path.iterdir())


def test_names_hold_four_digits(tmp_path):
    with pytest.raises(ValueError, match="at most 9999"):
        plan(dataclasses.replace(PARAMS, train_ids=9000, test_ids=1500))
