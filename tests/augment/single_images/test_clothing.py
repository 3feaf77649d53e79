import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.single_images import clothing

SIZE = (100, 80)
ALL = {
    "left_collar": [10, 50],
    "right_collar": [12, 30],
    "left_elbow": [40, 60],
    "right_elbow": [40, 20],
    "left_sleeve_end": [60, 65],
    "right_sleeve_end": [60, 15],
    "left_hem": [80, 48.5],
    "right_hem": [80, 32],
}


@pytest.fixture
def file(tmp_path):
    def write(contents) -> str:
        path = tmp_path / "C.json"
        path.write_text(contents if isinstance(contents, str) else json.dumps(contents))
        return path

    return write


def test_joints_of_landmarks(file):
    found = clothing.read_landmarks(file(ALL), SIZE)
    expected = np.full((18, 2), -1.0)
    expected[[5, 2, 6, 3, 7, 4, 11, 8]] = list(ALL.values())
    expected[1] = 11, 40
    assert np.array_equal(found, expected) and not clothing.missing(found)
    some = clothing.read_landmarks(
        file({name: ALL[name] for name in ("left_collar", "right_hem")}), SIZE
    )
    assert (some >= 0).all(1).sum() == 2 and len(clothing.missing(some)) == 6


def test_seen_from_behind(file):
    turned = {name: [y, 79 - x] for name, (y, x) in ALL.items()}
    assert clothing.read_landmarks(file(turned | {"view": "back"}), SIZE)[5].tolist() == [10, 29]
    with pytest.raises(
        ValueError, match="left and right collar look swapped: left is the wearer's, and lies right"
    ):
        clothing.read_landmarks(file(turned), SIZE)
    with pytest.raises(
        ValueError,
        match='swapped.*lies left in a picture from the back; swap them, or set "view": "front"',
    ):
        clothing.read_landmarks(file(ALL | {"view": "back"}), SIZE)
    swapped = ALL | {"left_hem": ALL["right_hem"], "right_hem": ALL["left_hem"]}
    with pytest.raises(ValueError, match="left and right hem look swapped"):
        clothing.read_landmarks(file(swapped), SIZE)


def test_corners_of_a_styled_image():
    found = clothing.corners(SIZE)
    assert found[[2, 5, 8, 11]].tolist() == [[0, 0], [0, 79], [99, 0], [99, 79]]


@pytest.mark.parametrize(
    "contents, words",
    [
        ("{", "not JSON"),
        ("[1, 2]", 'expected {"left_collar": [y, x], ...}, found a list'),
        ({}, "holds no landmarks"),
        (
            {"neck": [1, 2]},
            "unknown landmark 'neck'; available: left_collar, right_collar, left_elbow",
        ),
        ({"left_hem": 3}, "left_hem: expected [y, x], found 3"),
        ({"left_hem": [True, 2]}, "left_hem: expected [y, x], found [True, 2]"),
        ({"left_hem": [1, 2, 3]}, "left_hem: expected [y, x], found [1, 2, 3]"),
        (
            '{"left_hem": [NaN, 2]}',
            "left_hem: (nan, 2) lies outside the image, 100 high and 80 wide",
        ),
        (
            {"left_hem": [70, 90]},
            "left_hem: (70, 90) lies outside the image, 100 high and 80 wide; y comes first",
        ),
        ({"left_hem": [-1, -1]}, "left_hem: (-1, -1) lies outside the image, 100 high and 80 wide"),
        ({"left_hem": [1, 2], "view": "side"}, "view is 'side'; it must be one of front, back"),
        ("[" * 50_000, "not JSON"),
        (" " * 200_000, "has 200,000 bytes; eight landmarks need fewer than 100,000"),
    ],
)
def test_refusals(file, contents, words):
    with pytest.raises(ValueError) as caught:
        clothing.read_landmarks(file(contents), SIZE)
    assert words in str(caught.value) and "C.json" in str(caught.value)


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*ALL, "view"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(values)
@settings(max_examples=150, deadline=None)
def test_anything_is_read_or_refused(tmp_path_factory, contents):
    path = tmp_path_factory.mktemp("json") / "C.json"
    path.write_text(json.dumps(contents))
    try:
        found = clothing.read_landmarks(path, SIZE)
    except ValueError as error:
        assert "C.json" in str(error)
    else:
        assert (
            found.shape == (18, 2)
            and np.isfinite(found).all()
            and (found[:, 0] < 100).all()
            and (found[:, 1] < 80).all()
        )
