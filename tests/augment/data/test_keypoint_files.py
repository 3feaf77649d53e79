import re

import numpy as np
import pandas as pd
import pytest
import upright

from augment.data import keypoint_files
from augment.prepared import keypoints

UPRIGHT = np.array(upright.UPRIGHT)  # at 128x64
FILES = ["a/1.png", "a/2.png", "b/1.png"]
NAMES = ["0001_c1s1_000001_01.jpg", "0001_c1s1_000002_01.jpg", "0002_c1s1_000001_01.jpg"]
ROWS = pd.DataFrame({"file": FILES, "name": NAMES, "split": "train"})


@pytest.fixture
def read(tmp_path):
    """read({name in file: keypoints}) -> Joints, of images of 256x128 brought to 128x64."""

    def make(*tables, strict=False, size=(256, 128), rows=ROWS):
        files = []
        for number, table in enumerate(tables):
            files.append(tmp_path / f"{number}.csv")
            keypoints.write(table, files[-1])
        return keypoint_files.read(
            files, tmp_path / "root", rows, dict.fromkeys(rows["name"], size), (128, 64), strict
        )

    return make


@pytest.mark.parametrize(
    "names", [FILES, ["./a/1.png", "a/2.png", "b/1.png"], ["a/1", "a/2", "b/1"]]
)
def test_names_match_by_path_with_or_without_suffix(read, names):
    found = read({name: UPRIGHT * 2 for name in names})
    assert list(found.keypoints) == NAMES and found.notes == ()
    assert np.abs(found.keypoints[NAMES[0]] - UPRIGHT).max() <= 1


def test_bare_names_match_where_they_are_unique(read, tmp_path):
    found = read({"2.png": UPRIGHT, "1.png": UPRIGHT})
    assert list(found.keypoints) == NAMES[1:2]
    assert found.notes == (
        f"0.csv: 1 of 2 names match no image under {tmp_path / 'root'}, e.g. '1.png'",
    )


@pytest.mark.parametrize("folder", ["", "bounding_box_train/"])
def test_prepared_names_are_pixels_of_prepared_images(read, folder):
    """As `augment annotate` writes them for data/prepared."""
    found = read({f"{folder}{name}": UPRIGHT for name in NAMES})
    assert (found.keypoints[NAMES[2]] == UPRIGHT).all()


def test_scaled_with_the_image(read):
    points = np.full((18, 2), -1)
    points[0], points[1], points[2] = (0, 0), (255, 127), (128, 64)
    found = read({"a/1.png": points})
    assert found.keypoints[NAMES[0]][:4].tolist() == [[0, 0], [127, 63], [64, 32], [-1, -1]]


def test_joints_outside_are_missing_and_counted(read):
    points = np.tile(UPRIGHT * 2, (1, 1))
    points[0] = (300, 5)
    found = read({"a/1.png": points, "a/2.png": UPRIGHT, "b/1.png": UPRIGHT})
    assert (found.keypoints[NAMES[0]][0] == -1).all() and (found.keypoints[NAMES[0]][1] >= 0).all()
    assert "0.csv: 1 joints outside their image count as missing" in found.notes


def test_strangers_are_counted_or_refused(read, tmp_path):
    table = {"a/1.png": UPRIGHT, "zz.png": UPRIGHT}
    root = tmp_path / "root"
    assert read(table).notes == (f"0.csv: 1 of 2 names match no image under {root}, e.g. 'zz.png'",)
    with pytest.raises(
        ValueError,
        match=re.escape(f"1 of 2 names match no image under {root}, e.g. 'zz.png'; images are"),
    ):
        read(table, strict=True)
    message = f"1 of 1 names match no image under {root}, e.g. 'zz.png'; images are named 'a/1.png', 'a/2.png', 'b/1.png'"
    with pytest.raises(ValueError, match=re.escape(message)):
        read({"zz.png": UPRIGHT})


def test_two_rows_of_one_image(read):
    with pytest.raises(
        ValueError, match="1.csv: a/1.png has a row in another keypoint file already"
    ):
        read({"a/1.png": UPRIGHT}, {"a/1.png": UPRIGHT})
    market = pd.DataFrame(
        {"file": ["query/0003_c2s1_000321_00.jpg.jpg"], "name": ["0003_c2s1_000321_00.jpg"]}
    )
    market["split"] = "query"
    both = {"0003_c2s1_000321_00.jpg": UPRIGHT, "0003_c2s1_000321_00.jpg.jpg": UPRIGHT}
    with pytest.raises(ValueError, match=r"0003_c2s1_000321_00.jpg.jpg has two rows"):
        read(both, strict=True, size=(128, 64), rows=market)


def test_joints_outside_are_refused_where_all_is_strict(read):
    points = UPRIGHT.copy()
    points[0] = (128, 5)
    with pytest.raises(
        ValueError,
        match=re.escape(f"{NAMES[0]}: a joint lies outside the image of height 128 and width 64"),
    ):
        read(dict(zip(NAMES, [points, UPRIGHT, UPRIGHT], strict=True)), strict=True, size=(128, 64))


def test_a_missing_file_is_named():
    with pytest.raises(
        FileNotFoundError, match=r"gone.csv: keypoint file not found \(params.yaml: dataset.annot"
    ):
        keypoint_files.check_files(["gone.csv"])
