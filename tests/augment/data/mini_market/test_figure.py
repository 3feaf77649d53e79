import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.data.mini_market import figure as f

BONES = [
    (f.R_SHOULDER, f.R_ELBOW),
    (f.R_ELBOW, f.R_WRIST),
    (f.R_HIP, f.R_KNEE),
    (f.R_KNEE, f.R_ANKLE),
    (f.L_SHOULDER, f.L_ELBOW),
    (f.L_ELBOW, f.L_WRIST),
    (f.L_HIP, f.L_KNEE),
    (f.L_KNEE, f.L_ANKLE),
]
angles = st.floats(-10, 10)


def _points(seed, heading, phase, stride):
    rng = np.random.default_rng(seed)
    return f.skeleton(f.draw_body(rng), f.draw_pose(rng, heading, phase, stride))


@given(seed=st.integers(0, 10**6), heading=angles, phase=angles, stride=st.floats(0, 1))
def test_any_view_of_any_pose_is_a_body(seed, heading, phase, stride):
    points = _points(seed, heading, phase, stride)
    assert np.isfinite(points).all()
    assert points[:, 1].min() >= 0  # no figure sinks into the ground
    assert 0.9 < points[f.HEAD, 1] + f.HEAD_HALF[1] < 1.03
    lengths = [np.linalg.norm(points[a] - points[b]) for a, b in BONES]
    np.testing.assert_allclose(lengths[:4], lengths[4:], rtol=0.01)
    assert 0.1 < min(lengths) < max(lengths) < 0.3


@given(seed=st.integers(0, 10**6), heading=angles, phase=angles)
def test_heading_turns_the_body_and_nothing_else(seed, heading, phase):
    ahead, turned = _points(seed, 0.0, phase, 0.7), _points(seed, heading, phase, 0.7)
    np.testing.assert_allclose(turned[:, 1], ahead[:, 1], atol=1e-9)
    np.testing.assert_allclose(
        np.hypot(turned[:, 0], turned[:, 2]), np.hypot(ahead[:, 0], ahead[:, 2]), atol=1e-9
    )


@pytest.mark.parametrize(("heading", "right_is"), [(0.0, "left of"), (np.pi, "right of")])
def test_right_and_left_in_the_picture(heading, right_is):
    for seed in range(20):
        points = _points(seed, heading, seed, 0.6)
        for right, left in ((f.R_SHOULDER, f.L_SHOULDER), (f.R_HIP, f.L_HIP)):
            assert (points[right, 0] < points[left, 0]) == (right_is == "left of")


def test_walking_to_the_right_shows_the_right_side():
    points = _points(0, np.pi / 2, 1.0, 0.8)
    assert points[f.R_SHOULDER, 2] > points[f.L_SHOULDER, 2]  # nearer to the camera
    assert points[f.NOSE, 0] > points[f.HEAD, 0]
    assert points[f.R_TOE, 0] > points[f.R_HEEL, 0]


def test_knees_bend_backwards_and_elbows_forwards():
    for phase in np.linspace(0, 2 * np.pi, 17):
        points = _points(4, 0.0, phase, 1.0)
        for hip, knee, ankle in ((f.R_HIP, f.R_KNEE, f.R_ANKLE), (f.L_HIP, f.L_KNEE, f.L_ANKLE)):
            thigh, shin = points[knee] - points[hip], points[ankle] - points[knee]
            assert (
                thigh[1] * shin[2] - thigh[2] * shin[1] > 0
            )  # the shin turns back against the thigh


def test_arms_swing_against_the_legs():
    together = []
    for seed in range(60):
        points = _points(seed, 0.0, np.pi / 2, 1.0)  # the right leg is in front
        assert points[f.R_KNEE, 2] > points[f.L_KNEE, 2]
        together.append(points[f.R_ELBOW, 2] > points[f.L_ELBOW, 2])
    assert np.mean(together) < 0.35  # some carry a phone


def test_projection_looks_down():
    points = np.array([(0, 0, 0), (0, 1, 0), (0.2, 0, 0), (0, 0, 0.5)], float)
    canvas = f.project(points, 0.2, 100.0, (200.0, 50.0))
    np.testing.assert_allclose(canvas[0], (50, 200, 0))
    np.testing.assert_allclose(canvas[1, :2], (50, 200 - 100 * np.cos(0.2)))
    np.testing.assert_allclose(canvas[2], (70, 200, 0))
    assert canvas[3, 1] > 200  # nearer ground is lower in the picture


def test_turn_is_a_rotation():
    for yaw, pitch in ((0.0, 0.0), (1.0, 0.3), (4.0, -0.5)):
        axes = f.turn(yaw, pitch)
        np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
        assert f.turn(yaw, 0.4)[2, 1] < 0  # positive pitch looks down
