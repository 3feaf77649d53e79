"""Each usual mistake in keypoint files is reported, and good files have no findings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.data import mini_market
from augment.data.mini_market.render import Difficulty
from augment.data.pose_formats import anatomy, names, validator
from augment.prepared import keypoints, market1501
from generators.body import skeleton

MISSING = -1.0


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Keypoints of 150 images of mini_market with all its difficulties: path -> float64 [18, 2]."""
    root = tmp_path_factory.mktemp("mini") / "market"
    counts = {
        "train_ids": 20,
        "images_per_train_id": 6,
        "test_ids": 5,
        "gallery_images_per_id": 4,
        "distractors": 6,
        "junk": 4,
    }
    difficulty = Difficulty(backpacks=0.3, occlusions=0.1, truncations=0.1, lost=0.02)
    mini_market.write(
        root, mini_market.MiniMarketParams(**counts, backgrounds=0, seed=0, difficulty=difficulty)
    )
    files = (root / name for name in market1501.ANNOTATIONS)
    return {
        f"crops/{name}": points for file in files for name, points in keypoints.parse(file).items()
    }


def sizes(people, size=(128, 64)):
    return dict.fromkeys(people, size)


def changed(people, change):
    """The same keypoints with `change` made to joints that are there."""
    return {
        n: np.where((p == MISSING).all(-1, keepdims=True), MISSING, change(p))
        for n, p in people.items()
    }


def kinds(found):
    return [finding.kind for finding in found if finding.fatal]


def test_nothing_is_found_where_there_is_nothing(people):
    assert validator.check(people, sizes(people)) == []
    # Nor where images are larger and the keypoints with them.
    larger = changed(people, lambda points: points * (3, 4))
    assert validator.check(larger, sizes(people, (384, 256))) == []


def reordered(order):
    """Keypoints in the order `order` of anatomy.ORDERS: our joint j is their joint order[j]."""

    def change(points):
        found = np.full((18, 2), MISSING)
        for joint, place in enumerate(order):
            if place >= 0:
                found[place] = points[joint]
        return found

    return change


SIDES = list(skeleton.MIRROR)
EYES = [*range(14), 15, 14, 17, 16]
CORRUPTIONS = {
    "swapped": (
        lambda p: p[:, ::-1],
        ["swapped_axes"],
        "x and y are swapped (y comes first here); joints reach to y",
    ),
    "from below": (
        lambda p: np.stack([127 - p[:, 0], p[:, 1]], 1),
        ["upside_down"],
        "y is counted from the bottom",
    ),
    "shares": (
        lambda p: p / (128, 64),
        ["scale"],
        "coordinates are shares of the image, in [0, 1], not pixels",
    ),
    "shares, swapped": (
        lambda p: (p / (128, 64))[:, ::-1],
        ["swapped_axes", "scale"],
        "x and y are swapped",
    ),
    "signed": (
        lambda p: p / (64, 32) - 1,
        ["scale"],
        "coordinates are shares of the image, in [-1, 1], not pixels",
    ),
    "half": (lambda p: p / 2, ["scale"], "seem to be for images 0.5 times as large"),
    "double": (lambda p: p * 2, ["scale"], "seem to be for images 2 times as large"),
    "another shape": (
        lambda p: p * (2, 4),
        ["scale"],
        "images 2 times (height) and 4 times (width) as large",
    ),
    "sides": (lambda p: p[SIDES], ["left_right", "eyes"], "left and right are swapped: of"),
    "eyes": (lambda p: p[EYES], ["eyes"], "left and right eye are swapped: of"),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_mistake_is_named(people, name):
    change, wanted, text = CORRUPTIONS[name]
    if name in ("sides", "eyes"):
        wrong = {n: change(p) for n, p in people.items()}
    else:
        wrong = changed(people, change)
    found = validator.check(wrong, sizes(people))
    assert kinds(found) == wanted
    assert text in found[0].message
    assert found[0].examples and set(found[0].examples) <= set(people)
    assert str(found[0]).endswith(f"(for example {', '.join(found[0].examples)})")


@pytest.mark.parametrize("name", anatomy.ORDERS)
@pytest.mark.parametrize("swapped", [False, True])
def test_another_order_is_named(people, name, swapped):
    wrong = {n: reordered(anatomy.ORDERS[name])(p) for n, p in people.items()}
    if name.endswith(
        "BODY_25"
    ):  # what stands in the place of our right hip is the middle of the hips
        wrong = {
            n: np.where(np.arange(18)[:, None] == 8, people[n][[8, 11]].mean(0), p)
            for n, p in wrong.items()
        }
    wrong = {n: p[:, ::-1] for n, p in wrong.items()} if swapped else wrong
    found = validator.check(wrong, sizes(people))
    assert kinds(found) == ["order"]
    text = f"the joints are in another order; it looks like {name}, and must be OpenPose-18"
    assert found[0].message == text + ("; and x and y are swapped" if swapped else "")


def test_an_unknown_order_is_said_to_be_one(people):
    order = np.random.default_rng(1).permutation(18)
    found = validator.check({n: p[order] for n, p in people.items()}, sizes(people))
    assert "order" in kinds(found) and "in an order that is not OpenPose-18" in found[0].message


def test_missing_joints(people):
    for value in (-1, 0):
        nobody = {n: np.full((18, 2), float(value)) for n in people}
        (found,) = validator.check(nobody, sizes(people))
        assert found.fatal and found.message == (
            f"every joint of all {len(people)} images is missing ({value}): the tool that wrote them found no one"
        )
    zeros = {n: np.where(p == MISSING, 0, p) for n, p in people.items()}
    (found,) = validator.check(zeros, sizes(people))
    assert found.kind == "zeros" and "written as (0, 0) in" in found.message
    (found,) = validator.check({}, sizes(people))
    assert found.fatal and found.message == "the file holds no keypoints at all"
    headless = {
        n: np.where(np.isin(np.arange(18), (0, 14, 15, 16, 17))[:, None], MISSING, p)
        for n, p in people.items()
    }
    (found,) = validator.check(headless, sizes(people))
    assert not found.fatal and found.message.startswith(
        "missing in nearly all images: nose (100.0%), right eye (100.0%)"
    )
    bust = {
        n: np.where(np.isin(np.arange(18), (8, 9, 10))[:, None], MISSING, p)
        for n, p in people.items()
    }
    assert [one.kind for one in validator.check(bust, sizes(people))] == ["absent", "torso"]


def test_sides_that_are_not_told_apart(people):
    wrong = {n: p[[*range(6), 3, 7, 8, 9, 10, 11, 9, *range(13, 18)]] for n, p in people.items()}
    (found,) = validator.check(wrong, sizes(people))
    assert (found.kind, found.fatal) == ("merged", False)
    assert found.message.startswith(
        "left and right are in one place in most images: elbow (100%), knee (100%); the network"
    )


def test_a_few_joints_outside_are_counted(people):
    name = next(n for n, p in people.items() if (p[4] != MISSING).all())
    wrong = people | {name: np.where(np.arange(18)[:, None] == 4, (40.0, 70.0), people[name])}
    (found,) = validator.check(wrong, sizes(people))
    assert (found.kind, found.fatal, found.examples) == ("outside", False, (name,))
    assert found.message == "1 joints in 1 images lie outside their image"
    assert validator.suspects(wrong, sizes(people))[0] == name
    assert validator.suspects(people, sizes(people)) == []


RENAMED = {
    "suffix": (lambda n: n.replace(".jpg", ".png"), "the suffix differs: "),
    "capitals": (lambda n: n.upper(), "small and capital letters differ: "),
    "something added": (
        lambda n: n.replace(".jpg", "_rendered.png"),
        "the names have something appended: ",
    ),
    "joined": (lambda n: n.replace("/", "").replace("_", ""), "folders are joined into the name: "),
}


@pytest.mark.parametrize("how", RENAMED)
def test_names_that_match_nothing(people, how):
    change, hint = RENAMED[how]
    wrong = {change(n): p for n, p in people.items()}
    found = validator.check(wrong, sizes(people))[0]
    assert found.kind == "names" and found.fatal
    first, theirs = min(wrong), min(people)
    assert found.message.startswith(
        f"none of the {len(people)} names matches an image: {first!r}, "
    )
    assert f"; images are {theirs!r}, " in found.message
    assert hint in found.message
    meant = next(n for n in people if change(n) == first)
    assert f"{first!r} is probably {meant!r}" in found.message


def test_some_names_that_match_nothing(people):
    some = dict(list(people.items())[:20])
    (found,) = validator.check(people, sizes(some))
    assert not found.fatal and found.message.startswith(
        f"{len(people) - 20} of {len(people)} names match no image: "
    )


def test_ambiguous_names():
    images = ["a/x.jpg", "b/x.jpg"]
    assert names.match(["x.jpg"], images) == {}
    assert names.suggestion(["x.jpg"], images).startswith(
        "bare names that occur in several folders are ambiguous: write paths"
    )
    assert names.suggestion(["something"], []) == ""


@pytest.mark.parametrize(
    ("found", "images", "matched"),
    [
        (["a/x.jpg"], ["a/x.jpg", "b/x.jpg"], {"a/x.jpg": "a/x.jpg"}),
        (["x.jpg", "y.jpg"], ["a/x.jpg", "b/y.jpg"], {"a/x.jpg": "x.jpg", "b/y.jpg": "y.jpg"}),
        (["other/x.jpg"], ["a/x.jpg"], {"a/x.jpg": "other/x.jpg"}),
        (["a/x", "y"], ["a/x.jpg", "b/y.PNG"], {"a/x.jpg": "a/x", "b/y.PNG": "y"}),
        (["x.jpg"], ["query/x.jpg.jpg"], {"query/x.jpg.jpg": "x.jpg"}),
        (["x.png"], ["x.jpg"], {}),
        (["x", "a/x"], ["a/x.jpg"], {"a/x.jpg": "a/x"}),
        ([], ["x.jpg"], {}),
    ],
)
def test_names_match_by_path_by_bare_name_and_without_suffix(found, images, matched):
    assert names.match(found, images) == matched


POINT = st.floats(-1e5, 1e5, allow_nan=False)
ANY = st.dictionaries(
    st.sampled_from([f"{letter}.jpg" for letter in "abcdefghijklmnopqrstuvwxyz"]),
    st.lists(
        st.one_of(st.just((-1.0, -1.0)), st.tuples(POINT, POINT)), min_size=18, max_size=18
    ).map(np.array),
)


@settings(max_examples=50, deadline=None)
@given(people=ANY, height=st.integers(1, 300))
def test_any_keypoints_get_findings_and_no_error(people, height):
    every = dict.fromkeys([f"{letter}.jpg" for letter in "abcdefghijklmnop"], (height, 64))
    assert all(str(finding) for finding in validator.check(people, every))
    assert set(validator.suspects(people, every)) <= set(every)
