import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.prepared import keypoints

SIZE = (128, 64)
JOINT = st.one_of(st.just((-1, -1)), st.tuples(st.integers(0, 127), st.integers(0, 63)))
PEOPLE = st.dictionaries(
    st.from_regex(r"[0-9]{4}_c[1-6]s1_[0-9]{6}_[0-9]{2}\.jpg", fullmatch=True),
    st.lists(JOINT, min_size=18, max_size=18),
    max_size=5,
)


@given(PEOPLE)
def test_what_is_written_is_read(tmp_path_factory, people):
    file = tmp_path_factory.mktemp("keypoints") / "k.csv"
    keypoints.write({name: np.array(points) for name, points in people.items()}, file)
    found = keypoints.read(file, SIZE)
    assert list(found) == list(people)
    assert all((found[name] == points).all() for name, points in people.items())


YS, XS = str([20] * 18), str([10] * 18)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "row 1: expected the header 'name:keypoints_y:keypoints_x', found ''"),
        ("name,keypoints_y,keypoints_x", "row 1: the separator is ','; expected ':'"),
        ("name;keypoints_y;keypoints_x", "row 1: the separator is ';'; expected ':'"),
        ("name:keypoints_x:keypoints_y", "row 1: x comes before y here"),
        (
            f"{keypoints.HEADER}\na.jpg: {YS}",
            "row 2: expected three fields separated by ':', found 2",
        ),
        (
            f"{keypoints.HEADER}\na.jpg: {YS}: {XS}\nb.jpg: [1, 2]: {XS}",
            "row 3: keypoints_y must hold 18 numbers",
        ),
        (f"{keypoints.HEADER}\na.jpg: {YS}: [1; 2]", "row 2: keypoints_x is not a list of numbers"),
        (
            f"{keypoints.HEADER}\na.jpg: {YS}: {[-1] + [10] * 17}",
            "row 2: joint 0 is missing (-1) in one list",
        ),
        (
            f"{keypoints.HEADER}\na.jpg: {YS}: {[100] + [10] * 17}",
            "row 2 (a.jpg): x and y look swapped",
        ),
        (
            f"{keypoints.HEADER}\na.jpg: {YS}: {[300] + [10] * 17}",
            "row 2 (a.jpg): a joint lies outside the image",
        ),
        (
            f"{keypoints.HEADER}\na.jpg: {YS}: {XS}\na.jpg: {YS}: {XS}",
            "row 3: a.jpg has a row already",
        ),
    ],
)
def test_names_file_and_row(tmp_path, text, message):
    file = tmp_path / "k.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=re.escape(f"{file}: {message}")):
        keypoints.read(file, SIZE)


def test_names_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"k.csv: keypoint file not found"):
        keypoints.read(tmp_path / "k.csv", SIZE)


def test_images_without_a_row_have_no_joint():
    points = keypoints.of_images({"a": np.ones((18, 2))}, ["b", "a"])
    assert points.dtype == np.float32 and points.shape == (2, 18, 2)
    assert (points[0] == -1).all() and (points[1] == 1).all()
    assert keypoints.of_images({}, []).shape == (0, 18, 2)
