import pytest
import torch
import upright

from generators.spt.sleeves import with_sleeves

SIZE = (128, 64)
UPPER, LEFT, RIGHT = 3, 6, 7


@pytest.fixture
def person() -> tuple[torch.Tensor, torch.Tensor]:
    """Arms held straight out to the sides along row 30, the right one towards the image's left."""
    keypoints = torch.tensor(upright.UPRIGHT, dtype=torch.float32)[None]
    keypoints[0, [2, 3, 4]] = torch.tensor([[30.0, 26], [30, 16], [30, 6]])
    keypoints[0, [5, 6, 7]] = torch.tensor([[30.0, 38], [30, 48], [30, 58]])
    labels = torch.zeros(1, *SIZE, dtype=torch.int64)
    labels[:, 25:63, 24:41] = UPPER
    labels[:, 27:34, 0:24] = RIGHT
    labels[:, 27:34, 41:64] = LEFT
    return labels, keypoints


def test_long_sleeves_end_at_the_wrist(person):
    labels, keypoints = person
    found = with_sleeves(labels, keypoints, "long")
    row = found[0, 30]
    assert (row[58:] == LEFT)[1:].all() and (
        row[:6] == RIGHT
    ).all()  # hands, beyond columns 6 and 58
    assert (row[7:58] == UPPER).all()
    outside = (labels != LEFT) & (labels != RIGHT)
    assert torch.equal(found[outside], labels[outside])
    assert torch.equal(with_sleeves(found, keypoints, "long"), found)


def test_short_sleeves_end_amid_the_upper_arm(person):
    labels, keypoints = person
    labels = with_sleeves(labels, keypoints, "long")
    row = with_sleeves(labels, keypoints, "short")[0, 30]
    # The upper arms reach from columns 26 to 16 and 38 to 48; their frames a little beyond.
    assert (row[:20] == RIGHT).all() and (row[45:] == LEFT).all()
    assert (row[22:43] == UPPER).all()


def test_short_sleeves_leave_bare_arms_and_the_rest_alone(person):
    labels, keypoints = person
    found = with_sleeves(labels, keypoints, "short")
    assert torch.equal(found, labels)


def test_an_arm_held_up_keeps_its_hand(person):
    labels, keypoints = person
    keypoints[0, [3, 4]] = torch.tensor([[38.0, 16], [18, 14]])  # the forearm goes up
    labels[:, 8:38, 11:19] = RIGHT
    found = with_sleeves(labels, keypoints, "long")
    assert (
        found[0, 10, 14] == RIGHT and found[0, 25, 15] == UPPER and found[0, 34, 20] in (UPPER, 0)
    )


def test_refusals(person):
    labels, keypoints = person
    with pytest.raises(ValueError, match="sleeves are 'none'; they must be one of long, short"):
        with_sleeves(labels, keypoints, "none")
    keypoints[0, 2] = -1
    with pytest.raises(ValueError, match=r"lack a usable torso \(both shoulders and both hips\)"):
        with_sleeves(labels, keypoints, "long")
