import pytest
import torch
import upright
from hypothesis import given
from hypothesis import strategies as st

from generators.body import parsing
from generators.body.pose import flip as flip_keypoints

UPRIGHT = torch.tensor(upright.UPRIGHT).float()[None]
SIZE = (128, 64)
NAMES = {name: number for number, name in enumerate(parsing.LABELS)}


def test_one_hot_is_the_labels():
    labels = torch.randint(0, 10, (2, 8, 4), dtype=torch.uint8)
    hot = parsing.one_hot(labels)
    assert hot.shape == (2, 10, 8, 4) and hot.dtype == torch.float32
    assert torch.equal(hot.argmax(1), labels.long()) and torch.equal(
        hot.sum(1), torch.ones(2, 8, 4)
    )


def test_flip_exchanges_sides_and_is_its_own_inverse():
    labels = torch.randint(0, 10, (2, 8, 4), dtype=torch.uint8)
    assert torch.equal(parsing.flip(parsing.flip(labels)), labels)
    left = torch.zeros(1, 1, 4, dtype=torch.uint8)
    left[..., 0] = NAMES["left_arm"]
    assert parsing.flip(left).tolist() == [[[0, 0, 0, NAMES["right_arm"]]]]


def test_mean_iou_by_hand():
    true = torch.tensor([[[0, 0, 3, 3]], [[0, 0, 0, 0]]])
    same = parsing.confusion(true, true)
    assert same.shape == (2, 10, 10) and same[0].nonzero().tolist() == [[0, 0], [3, 3]]
    assert parsing.mean_iou(same).tolist() == [1.0, 1.0]
    # Background: 1 of 2; upper clothes: 2 of 3; no other label occurs.
    counts = parsing.confusion(torch.tensor([[[0, 3, 3, 3]], [[0, 0, 0, 0]]]), true)
    assert counts[0, 0, 3] == 1 and counts[0, 3, 0] == 0
    assert parsing.mean_iou(counts).tolist() == pytest.approx([(1 / 2 + 2 / 3) / 2, 1.0])
    # Counted over both: background 5 of 6.
    assert float(parsing.mean_iou(counts.sum(0))) == pytest.approx((5 / 6 + 2 / 3) / 2)


def test_a_map_from_keypoints_shows_each_label_where_it_belongs():
    (labels,) = parsing.from_keypoints(UPRIGHT, SIZE)
    assert labels.dtype == torch.uint8
    at = {
        (17, 32): "face",
        (8, 32): "hair",
        (45, 32): "upper_clothes",
        (75, 26): "trousers",
        (105, 26): "right_leg",
    }
    at |= {
        (105, 38): "left_leg",
        (50, 18): "right_arm",
        (50, 46): "left_arm",
        (60, 2): "background",
    }
    assert {place: parsing.LABELS[int(labels[place])] for place in at} == at


def test_a_map_of_the_mirrored_keypoints_is_the_mirrored_map():
    turned = parsing.from_keypoints(flip_keypoints(UPRIGHT, 64), SIZE)
    same = turned == parsing.flip(parsing.from_keypoints(UPRIGHT, SIZE))
    assert same.float().mean() > 0.99  # one arm may cover the other


def test_a_person_seen_from_behind_has_no_face():
    behind = UPRIGHT.clone()
    behind[:, 0] = -1
    assert NAMES["face"] not in parsing.from_keypoints(behind, SIZE)
    assert NAMES["hair"] in parsing.from_keypoints(behind, SIZE)


def test_without_a_torso_the_map_is_empty():
    lost = UPRIGHT.clone()
    lost[:, 8] = -1
    assert not parsing.from_keypoints(lost, SIZE).any()


@given(st.lists(st.floats(width=32), min_size=36, max_size=36))
def test_any_keypoints_give_a_map(values):
    labels = parsing.from_keypoints(torch.tensor(values).view(1, 18, 2), (32, 16))
    assert labels.shape == (1, 32, 16) and int(labels.max()) < 10


@pytest.mark.parametrize("name, number", [("lip20", 20), ("cihp20", 20), ("atr18", 18)])
def test_tables_name_every_label_of_the_parser(name, number):
    rows = parsing.table(name)
    assert len(rows) == number and rows[0] == ("background", "background")
    assert {ours for _, ours in rows} <= {*parsing.LABELS, *parsing.SIDELESS}
    assert dict(rows)["left_arm"] == "left_arm" and dict(rows)["pants"] == "trousers"


def test_merging():
    names = [theirs for theirs, _ in parsing.table("lip20")]
    row = ["background", "left_arm", "glove", "coat", "glove", "right_arm", "hat", "socks"]
    labels = torch.tensor([[[names.index(name) for name in row]]], dtype=torch.uint8)
    merged = [
        parsing.LABELS[number] for number in parsing.merge(labels, "lip20").flatten().tolist()
    ]
    assert merged == [
        "background",
        "left_arm",
        "left_arm",
        "upper_clothes",
        "right_arm",
        "right_arm",
        "hair",
        "right_leg",
    ]
    ten = torch.arange(10, dtype=torch.uint8).view(1, 2, 5)
    assert torch.equal(parsing.merge(ten, "ten"), ten)


def test_merging_says_what_is_wrong():
    with pytest.raises(
        ValueError, match="unknown parsing labels 'pascal'; available: ten, atr18, cihp20, lip20"
    ):
        parsing.merge(torch.zeros(1, 2, 2, dtype=torch.uint8), "pascal")
    with pytest.raises(ValueError, match="label 18 is not one of atr18's, which are 0 to 17"):
        parsing.merge(torch.full((1, 2, 2), 18, dtype=torch.uint8), "atr18")
