import re
from collections import Counter

import pytest

from augment.data.mini_market.shots import identities, identity_shots, stray_shots

NAME = re.compile(r"(\d{4}|-1)_c([1-6])s([1-6])_(\d{6})_(\d{2})\.jpg")


def test_train_and_test_people_are_disjoint_and_interleaved():
    train, test = identities(0, 100, 60)
    assert len(train) == 100 and len(test) == 60
    assert sorted(train + test) == list(range(1, 161))
    assert min(test) < 50 and max(train) > 110
    assert identities(1, 100, 60) != (train, test)


@pytest.mark.parametrize("count", [1, 2, 7, 12])
def test_counts_and_names(count):
    shots = [shot for pid in range(1, 30) for shot in identity_shots(0, pid, count, False)]
    assert set(Counter(shot.pid for shot in shots).values()) == {count}
    assert all(NAME.fullmatch(shot.name) for shot in shots)
    assert len({shot.name for shot in shots}) == len(shots)


def test_one_query_per_identity_and_camera():
    shots = [shot for pid in range(1, 60) for shot in identity_shots(0, pid, 7, True)]
    queries = Counter((shot.pid, shot.camid) for shot in shots if shot.folder == "query")
    gallery = Counter(
        (shot.pid, shot.camid) for shot in shots if shot.folder == "bounding_box_test"
    )
    assert set(queries.values()) == {1}
    assert queries.keys() == gallery.keys()
    assert all(shot.name.endswith("_00.jpg") == (shot.folder == "query") for shot in shots)
    cameras = Counter(pid for pid, _ in queries)
    assert min(cameras.values()) >= 2  # every query has a match in another camera
    assert 3.5 < sum(cameras.values()) / len(cameras) < 5


def test_strays_are_gallery_boxes_with_names_of_their_own():
    junk, distractors = stray_shots(0, -1, 80, [3, 5]), stray_shots(0, 0, 200, [3, 5])
    assert {shot.folder for shot in junk + distractors} == {"bounding_box_test"}
    assert all(shot.name.startswith("-1_c") for shot in junk)
    assert all(shot.name.startswith("0000_c") for shot in distractors)
    names = [shot.name for shot in junk + distractors]
    assert all(NAME.fullmatch(name) for name in names)
    assert len(set(names)) == 280


def test_more_images_leave_the_first_strays_as_they_are():
    assert stray_shots(0, 0, 50, [3])[:20] == stray_shots(0, 0, 20, [3])
