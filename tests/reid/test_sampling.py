import dataclasses

import pytest
import torch
from reid_toy import AS_THEY_COME, PARAMS

from reid.params import plan
from reid.sampling import Batches

ALL_REAL = torch.zeros(50, dtype=torch.bool)
MIXED = torch.arange(50) >= 20  # 20 real images, 30 generated ones


def batches(kind, seed=3, budget="iterations", **switches):
    """All batches of a run as one tensor [steps, 16]."""
    planned = plan(len(kind), PARAMS, budget)
    rows = Batches(kind, planned, dataclasses.replace(AS_THEY_COME, **switches), seed)
    return torch.stack([rows(step) for step in range(planned.iterations)])


@pytest.mark.parametrize("size", [16, 50, 203])
def test_iterations_use_every_image_equally_often(size):
    rows = batches(torch.zeros(size, dtype=torch.bool)).flatten()
    counts = rows.bincount(minlength=size)
    assert len(rows) == 640 and counts.max() - counts.min() <= 1
    assert rows[:size].unique().tolist() == list(range(size))
    if size < 320:
        assert not torch.equal(rows[:size], rows[size : 2 * size])  # every epoch has another order


def test_epochs_use_no_image_twice():
    for rows in batches(ALL_REAL, budget="epochs").split(3):
        assert len(rows.unique()) == 48


def test_batches_follow_the_seed():
    assert torch.equal(batches(ALL_REAL, 1), batches(ALL_REAL, 1))
    assert not torch.equal(batches(ALL_REAL, 1), batches(ALL_REAL, 2))


def test_generated_images_come_as_they_are_without_a_share():
    assert torch.equal(batches(MIXED), batches(ALL_REAL))


def test_every_batch_has_its_share_of_generated_images():
    rows = batches(MIXED, share=0.25)
    assert torch.equal(MIXED[rows], torch.tensor([False] * 12 + [True] * 4).expand(40, -1))
    for kind in (False, True):  # images of each kind occur equally often
        counts = rows.flatten().bincount(minlength=50)[MIXED == kind]
        assert counts.max() - counts.min() <= 1
    assert not torch.equal(rows[0, 12:], rows[1, 12:])


def test_a_share_is_never_more_than_the_set_holds():
    assert (MIXED[batches(MIXED, share=0.9)].sum(1) == round(0.6 * 16)).all()


@pytest.mark.parametrize("share", [None, 0.25])
def test_generated_images_join_late(share):
    kind = MIXED[batches(MIXED, share=share, start=0.5)]
    assert not kind[:20].any() and kind[20:].any()
    rows = batches(MIXED, share=share, start=0.5)[:20].flatten()
    assert set(rows.tolist()) == set(range(20))


def test_a_set_without_generated_images_knows_no_switch():
    assert torch.equal(batches(ALL_REAL, share=0.5, start=0.5), batches(ALL_REAL))
