import dataclasses

import numpy as np
import pytest
import torch
from reid_toy import AS_THEY_COME, NO_AUGMENT, PARAMS, coloured_people, train

from reid.evaluation import score
from reid.losses import ClassCircle, LossParams, PairCircle, Triplet
from reid.params import plan
from reid.sampling import IdentityBatches, degenerate_share


def sampler(label, kind=None, batch_size=64, images=4, seed=3, **switches):
    label = torch.as_tensor(label)
    kind = torch.zeros(len(label), dtype=torch.bool) if kind is None else kind
    planned = plan(len(label), dataclasses.replace(PARAMS, batch_size=batch_size), "iterations")
    return IdentityBatches(
        label, kind, planned, images, dataclasses.replace(AS_THEY_COME, **switches), seed
    )


def reduced(portion, identities=751, images=12936):
    """Labels of a skewed set of Market-1501's size, reduced to a portion of each identity's images.

    At least one image of each identity is kept.
    """
    rng = np.random.default_rng(0)
    shares = rng.gamma(2.0, 1.0, identities)
    counts = 2 + rng.multinomial(images - 2 * identities, shares / shares.sum())
    kept = np.maximum(1, np.round(portion * counts)).astype(int)
    return torch.from_numpy(np.repeat(np.arange(identities), kept))


def naive(label, batch_size, images, rng):
    """The usual sampler: random identities, with repeated images if they have less than `images`."""
    rows = []
    for identity in rng.choice(len(label.unique()), batch_size // images, replace=False):
        own = np.flatnonzero(label.numpy() == identity)
        rows += rng.choice(own, images, replace=len(own) < images).tolist()
    return torch.tensor(rows)


def mean_degenerate(draw, label, steps=200):
    return np.mean([degenerate_share(rows, label[rows]) for rows in map(draw, range(steps))])


@pytest.mark.parametrize(("portion", "low", "high"), [(0.1, 0.65, 0.77), (0.3, 0.1, 0.2)])
def test_no_image_is_paired_with_itself_where_the_usual_sampler_does_so_mostly(portion, low, high):
    label = reduced(portion)
    rng = np.random.default_rng(1)
    assert low < mean_degenerate(lambda _: naive(label, 64, 4, rng), label) < high
    batches = sampler(label)
    assert mean_degenerate(batches, label) == 0 == batches.degenerate_pairs(7)
    positive = [len(rows) - len(label[rows].unique()) for rows in map(batches, range(50))]
    assert min(positive) > 8  # there are positive pairs nevertheless


def test_a_batch_keeps_its_size_and_takes_what_an_identity_has():
    label = torch.arange(100).repeat_interleave(torch.arange(100) % 7 + 1)
    batches = sampler(label)
    visits = torch.zeros(100)
    for step in range(100):
        rows = batches(step)
        assert rows.dtype == torch.int64 and len(rows) == len(rows.unique()) == 64
        counts = label[rows].bincount(minlength=100)
        whole = (counts == 0) | (counts == torch.minimum(label.bincount(), torch.tensor(4)))
        assert (~whole).sum() <= 2  # those cut at the two ends
        visits += counts > 0
    assert visits.min() > 0


def test_groups_are_whole_where_identities_have_enough():
    batches = sampler(torch.arange(32).repeat(10))
    for step in range(10):
        assert sorted(torch.arange(32).repeat(10)[batches(step)].bincount().unique().tolist()) in (
            [0, 4],
            [4],
        )
    passes = torch.cat([batches(step) for step in (0, 1)]) % 32
    assert passes.bincount().tolist() == [4] * 32  # two batches are a pass: every identity once


def test_few_identities_give_more_images_each():
    label = torch.arange(8).repeat(10)
    rows = sampler(label)(5)
    assert len(rows.unique()) == 64 and label[rows].bincount().tolist() == [8] * 8


def test_equal_steps_give_equal_rows():
    label = reduced(0.1)
    one, two = sampler(label), sampler(label)
    later = [one(step) for step in range(40)][-1]
    assert torch.equal(two(39), later)
    assert not torch.equal(sampler(label, seed=4)(39), later) and not torch.equal(one(38), later)


def test_a_share_of_each_identity_s_images_is_generated():
    label = torch.arange(40).repeat(10)
    kind = torch.arange(400) >= 80  # 2 real and 8 generated images of each
    kind |= label == 39
    kind &= label != 38  # all of 39 generated, all of 38 real
    for share, expected in ((0.25, (3, 1)), (0.5, (2, 2)), (0.75, (1, 3))):
        batches = sampler(label, kind, share=share)
        rows = torch.cat([batches(step) for step in range(20)])
        real, generated = (
            label[rows[kind[rows] == one]].bincount(minlength=40) for one in (False, True)
        )
        assert not generated[38] and not real[39]
        assert (real[:38] > 0).all() and (generated[:38] > 0).all()
        first = batches(0)
        assert (kind[first].diff().int() >= 0).all()  # real ones first
        per_identity = label[first[kind[first]]].bincount()
        assert per_identity.max() == expected[1]
        assert label[first[~kind[first]]].bincount(minlength=40)[:38].max() <= min(2, expected[0])
    assert kind[sampler(label, kind)(0)].float().mean() > 0.6  # as they occur in the set


def test_generated_images_join_late():
    label = torch.arange(40).repeat(10)
    kind = torch.arange(400) >= 80
    batches = sampler(label, kind, share=0.5, start=0.5)
    assert not kind[batches(19)].any() and kind[batches(20)].any()


def test_an_image_comes_twice_only_if_the_set_has_too_few():
    label, kind = torch.arange(8).repeat(10), torch.arange(80) >= 8  # one real image each
    rows = sampler(label, kind, start=0.5)(0)
    assert len(rows) == 64 and rows.unique().tolist() == list(range(8))
    assert sampler(label, kind, start=0.5).degenerate_pairs(0) == 1


def test_a_share_that_no_group_can_hold_is_an_error():
    message = "generated.share 0.1 of 4 images per identity rounds to 0; choose images_per_identity so that both kinds"
    with pytest.raises(ValueError, match=message):
        sampler(torch.arange(40).repeat(10), torch.arange(400) >= 80, share=0.1)
    sampler(torch.arange(40).repeat(10), share=0.1)  # nothing is generated


def test_degenerate_share_by_hand():
    label = torch.tensor([0, 0, 0, 1, 1, 2])
    assert degenerate_share(torch.tensor([5, 5, 6, 7, 8, 9]), label) == pytest.approx(1 / 4)
    assert degenerate_share(torch.tensor([1, 2]), torch.tensor([0, 1])) == 0


COMPARING = {
    "triplet": ("bnneck", LossParams("softmax", Triplet("triplet", "pooled", 0.3, 1.0))),
    "pair-wise circle": (
        "bnneck",
        LossParams("softmax", PairCircle("circle", "embedding", 0.25, 32.0, 0.1)),
    ),
    "class-level circle": ("bnneck_cosine", LossParams(ClassCircle("circle", 32.0, 0.25), None)),
}


@pytest.mark.parametrize(("head", "loss"), COMPARING.values(), ids=COMPARING)
def test_learns_with_batches_of_identities(tmp_path, head, loss):
    params = dataclasses.replace(
        PARAMS,
        network=dataclasses.replace(PARAMS.network, head=head, embedding=None, dropout=0.0),
        loss=loss,
        sampler="identity",
        optimiser="adam",
        learning_rate=0.005,
        metric="cosine",
        augment=dataclasses.replace(NO_AUGMENT, flip=0.5),
    )
    logged = []
    trained = train(
        coloured_people(8, 8, seed=1), params, 0, tmp_path, lambda *entry: logged.append(entry[1])
    )
    held_out = coloured_people(8, 4, seed=2)
    assert score(trained.model, held_out, held_out, params).mAP > 0.9
    assert trained.degenerate_pairs == 0 and logged[-1]["degenerate_pairs"] == 0
    parts = {"identity", "metric"} if loss.metric else set()
    assert logged[-1].keys() == {"loss", "accuracy", "learning_rate", "degenerate_pairs"} | parts
