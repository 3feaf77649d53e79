import dataclasses

import numpy as np
import pytest

from augment.data.mini_market import figure as f
from augment.data.mini_market.render import Difficulty, build_world, identity, render
from augment.data.mini_market.scenes import CAMERAS
from augment.data.mini_market.shots import Shot, background_shots, identity_shots, stray_shots

JOINT_LABELS = {  # what may lie under a visible joint: a limb before the body is a limb
    f.R_WRIST: {7},
    f.L_WRIST: {6},
    f.R_ELBOW: {7},
    f.L_ELBOW: {6},
    f.R_ANKLE: {4, 9},
    f.L_ANKLE: {4, 8},
    f.R_KNEE: {4, 5, 9},
    f.L_KNEE: {4, 5, 8},
    f.NOSE: {1, 2},
    f.NECK: {1, 2, 3, 6, 7},
}


@pytest.fixture(scope="module")
def pictures(clear_world):
    shots = [shot for pid in range(1, 16) for shot in identity_shots(3, pid, 10, False)]
    return [(shot, render(clear_world, shot)) for shot in shots]


def test_types_and_ranges(pictures):
    for _, picture in pictures:
        assert picture.image.shape == (128, 64, 3) and picture.image.dtype == np.uint8
        assert picture.parsing.shape == (128, 64) and picture.parsing.dtype == np.uint8
        assert picture.parsing.max() <= 9
        assert picture.keypoints.shape == (18, 2)
        missing = (picture.keypoints < 0).any(1)
        assert (picture.keypoints[missing] == -1).all()
        seen = picture.keypoints[~missing]
        assert (seen < (128, 64)).all()


def test_joints_lie_on_their_limbs(pictures):
    for joint, labels in JOINT_LABELS.items():
        hits = []
        for _, picture in pictures:
            y, x = picture.keypoints[joint]
            if y >= 0:
                around = picture.parsing[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
                hits.append(bool(labels & set(around.ravel().tolist())))
        assert len(hits) > 30
        assert np.mean(hits) > 0.97, f"joint {joint}"


def test_a_face_has_its_right_shoulder_on_the_left(pictures):
    right_first = []
    for _, picture in pictures:
        points = picture.keypoints
        if (points[[f.NOSE, f.R_EYE, f.L_EYE, f.R_SHOULDER, f.L_SHOULDER], 0] >= 0).all():
            if abs(points[f.R_SHOULDER, 1] - points[f.L_SHOULDER, 1]) > 6:
                right_first.append(points[f.R_SHOULDER, 1] < points[f.L_SHOULDER, 1])
    assert len(right_first) > 15
    assert np.mean(right_first) > 0.95


def test_keypoints_are_those_of_a_detector(world):
    shots = [shot for pid in range(1, 31) for shot in identity_shots(3, pid, 8, False)]
    seen = np.array([render(world, shot).keypoints[:, 0] >= 0 for shot in shots])
    assert 12.5 < seen.sum(1).mean() < 14.8  # Market-1501: 13.4
    assert 0.003 < (seen.sum(1) == 0).mean() < 0.05  # 0.03
    assert seen[:, [f.R_SHOULDER, f.L_SHOULDER, f.R_HIP, f.L_HIP]].all(1).mean() > 0.88  # 0.94


def test_things_in_front_hide_joints_and_labels(clear_world):
    blocked = dataclasses.replace(
        clear_world, difficulty=dataclasses.replace(clear_world.difficulty, occlusions=1.0)
    )
    shots = [shot for pid in range(1, 9) for shot in identity_shots(3, pid, 6, False)]
    free, hidden = ([render(w, shot) for shot in shots] for w in (clear_world, blocked))
    fewer = 0
    for before, after in zip(free, hidden, strict=True):
        gone = (after.parsing == 0) & (before.parsing > 0)
        assert np.array_equal(after.parsing[~gone], before.parsing[~gone])
        for (y, x), (ay, ax) in zip(before.keypoints, after.keypoints, strict=True):
            assert (ay, ax) in ((y, x), (-1, -1))
        fewer += int((before.keypoints[:, 0] >= 0).sum() - (after.keypoints[:, 0] >= 0).sum())
    assert fewer > 50


def test_a_lost_picture_has_no_joints(clear_world):
    lost = dataclasses.replace(
        clear_world, difficulty=dataclasses.replace(clear_world.difficulty, lost=1.0)
    )
    for shot in identity_shots(3, 5, 6, False):
        assert (render(lost, shot).keypoints == -1).all()


def test_a_picture_depends_on_its_shot_alone(world):
    shots = identity_shots(3, 4, 6, True)
    alone = render(build_world(3, world.difficulty), shots[-1])
    for shot in shots:
        again = render(world, shot)
    for field in ("image", "keypoints", "parsing"):
        assert np.array_equal(getattr(alone, field), getattr(again, field))


def test_people_keep_their_clothes(world):
    assert identity(world, (5,)) == identity(world, (5,))
    assert len({identity(world, (pid,)) for pid in range(50)}) == 50


def test_cameras_differ(clear_world):
    """The mean colours of two cameras are far apart against their spread for most pairs."""
    means = []
    for camid in range(len(CAMERAS)):
        shots = [
            Shot("bounding_box_train", 1, camid, 1, 1, 1, (1,), (1, camid, k), (1, camid, k))
            for k in range(12)
        ]
        means.append(np.mean([render(clear_world, shot).image.mean((0, 1)) for shot in shots], 0))
    gaps = [np.linalg.norm(a - b) for k, a in enumerate(means) for b in means[:k]]
    assert np.median(gaps) > 30
    assert min(gaps) > 10


def test_junk_and_distractors_render(world):
    junk, strangers = stray_shots(3, -1, 30, [2, 4]), stray_shots(3, 0, 40, [2, 4])
    visible = [int((render(world, shot).keypoints[:, 0] >= 0).sum()) for shot in junk]
    assert np.mean(visible) < 12
    empty = [render(world, shot).parsing.max() == 0 for shot in strangers]
    assert 0.1 < np.mean(empty) < 0.6
    assert {shot.person[0] for shot in junk} == {2, 4}


def test_nobody_is_in_a_background(world):
    shots = background_shots(60)
    assert {shot.camid for shot in shots} == set(range(6)) and len(
        {shot.name for shot in shots}
    ) == 60
    pictures = [render(world, shot) for shot in shots]
    assert all(
        picture.parsing.max() == 0 and (picture.keypoints == -1).all() for picture in pictures
    )
    # Nor a passer-by or a thing in front: the scene shows through everywhere, and differs where the
    # crop does.
    again = render(dataclasses.replace(world, passers=()), shots[0])
    assert np.array_equal(again.image, pictures[0].image)
    assert len({picture.image.tobytes() for picture in pictures}) == 60


def test_difficulty_has_no_defaults():
    with pytest.raises(TypeError):
        Difficulty()
