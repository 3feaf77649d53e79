import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.prepared import index
from augment.stages.reduce import keep

PIDS = st.lists(st.integers(1, 8), min_size=1, max_size=60).map(np.array)
PORTION = st.floats(0.01, 1)


@given(PIDS, PORTION, st.integers(0, 9))
def test_every_identity_keeps_an_image(pids, portion, seed):
    kept = keep(pids, portion, seed)
    assert set(pids[kept]) == set(pids)
    assert kept.sum() == max(round(portion * len(pids)), len(set(pids)))


@given(PIDS, PORTION, PORTION, st.integers(0, 9))
def test_small_sets_lie_inside_larger_ones(pids, one, other, seed):
    small, large = keep(pids, min(one, other), seed), keep(pids, max(one, other), seed)
    assert not (small & ~large).any()


def test_all_is_all_and_seeds_differ():
    pids = np.repeat(np.arange(1, 21), 10)
    assert keep(pids, 1.0, 0).all()
    assert (keep(pids, 0.3, 0) == keep(pids, 0.3, 0)).all()
    assert (keep(pids, 0.3, 0) != keep(pids, 0.3, 1)).any()


def test_files_part_the_training_images(project, augment):
    result = augment("reduce", "--portion", "0.5")
    assert result.exit_code == 0 and "10 of 20 training images, 4 identities" in result.output
    kept, removed = (
        index.read(project / "data/reduced/0.5" / name) for name in ("index.csv", "removed.csv")
    )
    prepared = index.read(project / "data/prepared/index.csv")
    train = set(prepared.loc[prepared["split"] == "train", "path"])
    assert set(kept["path"]) | set(removed["path"]) == train and len(kept) + len(removed) == len(
        train
    )


@pytest.mark.parametrize("portion", ["0", "1.1", "nan", "x"])
def test_a_portion_outside_is_refused(augment, portion):
    result = augment("reduce", "--portion", portion)
    assert result.exit_code == 2 and "--portion" in result.output
