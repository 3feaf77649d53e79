"""Held-out pairs, against a loop over the files of a small project."""

from pathlib import Path

import numpy as np
import pytest
import torch

from augment.prepared import index, keypoints, market1501
from augment.results.report_card.pairs import held_out, several_of_one


def by_hand(project, splits):
    """All ordered pairs of paths of one person, without junk and distractors, both with a torso."""
    rows = index.read(project / "data/prepared/index.csv")
    found = keypoints.read(project / "data/prepared/keypoints.csv", market1501.SIZE)
    people = {}
    for row in rows[rows["split"].isin(splits)].itertuples():
        points = found.get(Path(row.path).name)
        if (
            row.pid > 0
            and points is not None
            and all(points[joint][0] >= 0 for joint in (2, 5, 8, 11))
        ):
            people.setdefault(row.pid, []).append(row.path)
    return {(a, b) for paths in people.values() for a in paths for b in paths if a != b}


def test_all_pairs_of_test_identities(project):
    held = held_out("mini_market", None, 0)
    frame, wanted = held.frame(), by_hand(project, ("query", "gallery"))
    assert (
        set(zip(frame["source"], frame["target"], strict=True)) == wanted
        and len(frame) == len(wanted) > 20
    )
    rows = index.read(project / "data/prepared/index.csv").set_index("path")
    assert (rows.loc[frame["source"], "pid"].to_numpy() == frame["pid"]).all()
    assert not set(frame["pid"]) & set(rows["pid"][rows["split"] == "train"])


def test_on_market1501_from_the_gallery_alone(project):
    frame = held_out("market1501", None, 0).frame()
    assert set(zip(frame["source"], frame["target"], strict=True)) == by_hand(project, ("gallery",))
    assert frame["source"].str.startswith("bounding_box_test/").all()


def test_a_sample_is_drawn_by_its_seed_and_opens_no_other_image(project):
    one, again, other = (held_out("mini_market", 5, seed) for seed in (0, 0, 1))
    assert (
        len(one.pairs) == 5
        and one.frame().equals(again.frame())
        and not one.frame().equals(other.frame())
    )
    assert sorted(one.rows["path"]) == sorted({*one.frame()["source"], *one.frame()["target"]})
    assert len(held_out("mini_market", 10**6, 0).pairs) == len(
        held_out("mini_market", None, 0).pairs
    )


def test_images_and_keypoints_belong_together(project):
    held = held_out("mini_market", 6, 0)
    found = keypoints.read(project / "data/prepared/keypoints.csv", market1501.SIZE)
    images = held.images((64, 32))
    assert images.pixels.shape == (len(held.rows), 3, 64, 32) and images.parsing is None
    for row, path in enumerate(held.rows["path"]):
        points = torch.from_numpy(found[Path(path).name]).float()
        there = points[:, 0] >= 0
        assert torch.allclose(images.keypoints[row][there], (points[there] + 0.5) / 2 - 0.5)
    assert held.images((64, 32), "files").parsing.shape == (len(held.rows), 64, 32)


def test_no_pair_is_an_error(project):
    file = project / "data/prepared/keypoints.csv"
    keypoints.write(
        {name: np.full((18, 2), -1) for name in keypoints.read(file, market1501.SIZE)}, file
    )
    with pytest.raises(
        ValueError,
        match="index.csv: no held-out pairs: no identity of split query or gallery has two images",
    ):
        held_out("mini_market", None, 0)


def test_several_poses_of_one_source(project):
    held = held_out("mini_market", None, 0)
    pairs = several_of_one(held, 3, 2, 0)
    assert pairs.shape == (6, 2) and len(pairs.unique(dim=0)) == 6
    sources, times = pairs[:, 0].unique(return_counts=True)
    assert len(sources) == 3 and times.tolist() == [2, 2, 2]
    assert (held.owners(pairs[:, 0]) == held.owners(pairs[:, 1])).all() and (
        pairs[:, 0] != pairs[:, 1]
    ).all()
    every = several_of_one(held, 10**6, 10**6, 0)
    assert every.unique(dim=0).tolist() == held.pairs.unique(dim=0).tolist()
