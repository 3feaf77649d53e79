import numpy as np
import pytest

from augment.single_images import sequences

TORSO = [2, 5, 8, 11]


def shoulder_width(poses):
    """Right to left as x grows: positive seen from the front."""
    return poses[:, 5, 1] - poses[:, 2, 1]


@pytest.mark.parametrize("name", sequences.SEQUENCES)
def test_every_frame_has_a_torso_and_the_last_leads_to_the_first(name):
    poses = sequences.sequence(name, 12, 45.0)
    assert poses.shape == (12, 18, 2) and (poses[:, TORSO] >= 0).all()
    step = np.abs(np.diff(np.concatenate([poses, poses[:1]])[:, TORSO], axis=0)).max((1, 2))
    assert step[-1] <= 1.5 * step[:-1].max() + 1e-9
    assert np.array_equal(poses, sequences.sequence(name, 12, 45.0))


def test_a_turn_shows_every_side():
    poses = sequences.sequence("turn", 4, 0.0)
    width = shoulder_width(poses)
    assert width[0] > 30 and width[2] < -30 and abs(width[1]) < 8 and abs(width[3]) < 8
    assert (poses[0, 0] >= 0).all() and (poses[2, 0] == -1).all()  # the nose, and none from behind


def test_a_step_swaps_the_legs():
    poses = sequences.sequence("walk", 8, 90.0)
    right, left = poses[2], poses[6]  # half a period apart
    assert right[10, 1] - right[13, 1] > 20 and left[13, 1] - left[10, 1] > 20
    assert not np.array_equal(sequences.sequence("walk", 8, 0.0), poses)


def test_fitted_to_a_person():
    poses = sequences.sequence("walk", 8, 0.0)
    person = np.full((18, 2), -1.0)
    person[TORSO] = [[30, 10], [30, 30], [70, 12], [70, 28]]
    found = sequences.fitted(poses, person)
    assert np.allclose(found[:, TORSO].mean((0, 1)), person[TORSO].mean(0))
    length = np.sqrt(((found[:, [8, 11]] - found[:, [2, 5]]) ** 2).sum(-1).mean(-1)).mean()
    assert length == pytest.approx(np.sqrt(40**2 + 2**2), rel=1e-6)
    assert ((found == -1).all(-1) == (poses == -1).all(-1)).all()


def test_refusals():
    with pytest.raises(ValueError, match="unknown pose sequence 'dance'; available: walk, turn"):
        sequences.sequence("dance", 4, 0.0)
    with pytest.raises(ValueError, match="a heading of inf degrees is not a number"):
        sequences.sequence("walk", 4, float("inf"))
