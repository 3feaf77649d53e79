import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.data.mini_market import figure as f
from augment.data.mini_market.person import draw_person
from augment.data.mini_market.wardrobe import draw_identity

SIZE, FOOT, SCALE, LIGHT = (256, 128), (240.0, 64.0), 230.0, (0.0, -0.6, 0.8)
FOLDS = np.zeros(SIZE, np.float32)
STILL = f.Arm(0.0, 0.12, 0.1, 0.0)
GREEN, MAGENTA = (0, 250, 0), (250, 0, 250)


def _draw(who, heading, phase=0.0, stride=0.0, **changes):
    pose = f.Pose(
        heading, phase, stride, 0.03, 0.0, 0.0, 0.05, **({"right": STILL, "left": STILL} | changes)
    )
    return draw_person(who, pose, 0.1, SCALE, FOOT, SIZE, LIGHT, FOLDS)


def _share(layer, colour):
    """Pixels that are mostly of a pure colour."""
    strong = np.array(colour) > 0
    return int(
        ((layer.colour[..., strong] > 60).all(-1) & (layer.colour[..., ~strong] < 30).all(-1)).sum()
    )


@given(
    seed=st.integers(0, 10**6),
    heading=st.floats(-7, 7),
    phase=st.floats(-7, 7),
    stride=st.floats(0, 1),
)
@settings(max_examples=40, deadline=None)
def test_every_view_is_drawn_whole(seed, heading, phase, stride):
    rng = np.random.default_rng(seed)
    who = draw_identity(rng, 0.5)
    layer = draw_person(
        who, f.draw_pose(rng, heading, phase, stride), 0.1, SCALE, FOOT, SIZE, LIGHT, FOLDS
    )
    assert np.isfinite(layer.joints).all()
    assert set(np.unique(layer.label)) <= set(range(10))
    assert np.array_equal(layer.label > 0, layer.mask)
    assert 2500 < layer.mask.sum() < 14000
    for joint in (f.NECK, f.R_HIP, f.L_HIP):  # the trunk is one piece
        y, x = layer.joints[joint].astype(int)
        assert layer.mask[y - 2 : y + 3, x - 2 : x + 3].any()


def test_a_logo_is_on_the_front_only(someone):
    who = someone(pattern="logo", second=GREEN)
    front, side, back = (_share(_draw(who, heading), GREEN) for heading in (0.0, np.pi / 2, np.pi))
    assert front > 200
    assert side < 0.5 * front
    assert back == 0


def test_a_backpack_shows_from_behind_and_the_side_and_its_straps_from_the_front(someone):
    who, without = someone(backpack=MAGENTA), someone()
    front, side, back = (
        _share(_draw(who, heading), MAGENTA) for heading in (0.0, np.pi / 2, np.pi)
    )
    assert back > 1500
    assert 300 < side < back
    assert 20 < front < 0.3 * back
    assert np.array_equal(
        _draw(who, 0.0).mask, _draw(without, 0.0).mask
    )  # nothing sticks out in front
    assert _share(_draw(without, np.pi), MAGENTA) == 0


def test_stripes_go_around_the_body(someone):
    who = someone(pattern="striped", second=GREEN, stripe=0.2)
    for heading in (0.0, np.pi / 2, np.pi):
        layer = _draw(who, heading)
        green = (layer.colour[..., 1] > 60) & (layer.colour[..., 0] < 30) & (layer.label == 3)
        rows = green.sum(1) > 3
        assert 4 <= np.count_nonzero(np.diff(rows.astype(int)) == 1) <= 7


@pytest.mark.parametrize(
    ("kind", "worn", "never"), [("trousers", 4, 5), ("shorts", 4, 5), ("skirt", 5, 4)]
)
def test_labels_of_what_the_legs_wear(someone, kind, worn, never):
    layer = _draw(someone(lower_kind=kind, lower_length=0.8), 0.3)
    counts = np.bincount(layer.label.ravel(), minlength=10)
    assert counts[worn] > 500
    assert counts[never] == 0
    assert min(counts[8], counts[9]) > (
        30 if kind == "trousers" else 200
    )  # shoes, or bare legs with them


def test_labels_know_left_from_right(someone):
    for heading, sign in ((0.0, 1), (np.pi, -1)):
        layer = _draw(someone(lower_kind="shorts"), heading)
        middle = {label: np.nonzero(layer.label == label)[1].mean() for label in (6, 7, 8, 9)}
        assert (
            sign * (middle[6] - middle[7]) > 20
        )  # the left arm is to the right of a picture from the front
        assert sign * (middle[8] - middle[9]) > 5


def test_face_joints_follow_the_view(someone):
    face = {
        "front": _draw(someone(), 0.0),
        "back": _draw(someone(), np.pi),
        "side": _draw(someone(), np.pi / 2),
    }
    seen = {
        view: layer.visible[[f.NOSE, f.R_EYE, f.L_EYE, f.R_EAR, f.L_EAR]]
        for view, layer in face.items()
    }
    assert seen["front"][:3].all()
    assert not seen["back"][:3].any()
    assert seen["side"].tolist() == [
        True,
        True,
        False,
        True,
        False,
    ]  # walking right shows the right side


def test_an_arm_behind_the_body_is_missing(someone):
    layer = _draw(someone(), np.pi / 2)
    assert not layer.visible[f.L_ELBOW] and not layer.visible[f.L_WRIST]
    assert layer.visible[f.R_ELBOW] and layer.visible[f.R_WRIST]
    assert layer.visible[[f.NECK, f.R_SHOULDER, f.L_SHOULDER, f.R_HIP, f.L_HIP]].all()


def test_long_sleeves_stay_the_arm(someone):
    bare, dressed = (
        _draw(someone(sleeve="none"), 0.0),
        _draw(someone(sleeve="long", upper=GREEN), 0.0),
    )
    for label in (6, 7):
        assert (dressed.label == label).sum() >= (bare.label == label).sum()
        assert dressed.colour[dressed.label == label][:, 1].mean() > 100
