import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.reid_training.validation import ValidationParams, held_out, queries_and_gallery

PIDS = np.repeat(np.arange(2, 52), 4)


@given(st.floats(0.05, 0.9), st.integers(0, 9))
def test_a_share_of_the_identities_is_held_out(share, seed):
    out = held_out(PIDS, ValidationParams(share, seed))
    assert len(set(out)) == len(out) == round(share * 50) and set(out) <= set(PIDS)
    # Whatever images there are of them, and in whatever order.
    assert held_out(np.unique(PIDS)[::-1], ValidationParams(share, seed)).tolist() == out.tolist()


def test_seeds_hold_out_others():
    assert set(held_out(PIDS, ValidationParams(0.2, 0))) != set(
        held_out(PIDS, ValidationParams(0.2, 1))
    )


@pytest.mark.parametrize(("share", "held"), [(0.001, 0), (0.98, 49)])
def test_too_few_are_refused(share, held):
    with pytest.raises(
        ValueError,
        match=f"validation.identities {share} holds out {held} of 50 training identities",
    ):
        held_out(PIDS, ValidationParams(share, 0))


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_outside_is_refused(share):
    with pytest.raises(ValueError, match=r"validation.identities must lie in \(0, 1\)"):
        ValidationParams(share, 0)


def test_one_image_of_each_identity_and_camera_asks():
    rows = pd.DataFrame(
        {"pid": [1, 1, 1, 1, 2, 2, 2], "camid": [0, 0, 0, 3, 1, 1, 2], "path": list("abcdefg")}
    )
    asked = set()
    for seed in range(20):
        query, gallery = queries_and_gallery(rows, seed)
        assert query[["pid", "camid"]].values.tolist() == [[1, 0], [1, 3], [2, 1], [2, 2]]
        assert (
            sorted([*query["path"], *gallery["path"]]) == list("abcdefg")
            and gallery["path"].is_monotonic_increasing
        )
        asked |= set(query["path"])
    assert asked == set("abcdefg")
