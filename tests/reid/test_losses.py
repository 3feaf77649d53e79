import math
import sys

import pytest
import torch
from pytorch_metric_learning.losses import CircleLoss
from torch.nn import functional as F

from reid.heads import Output
from reid.losses import (
    ClassCircle,
    LossParams,
    PairCircle,
    Triplet,
    batch_hard_triplet,
    circle_logits,
    criterion,
    identity_cross_entropy,
)

LABEL = torch.tensor([0, 0, 1, 1, 1, 2, 2, 3])  # class 3 has one image


def seeded():
    return torch.Generator().manual_seed(0)


def vectors(n=8, d=6):
    return torch.randn(n, d, generator=seeded(), dtype=torch.float64)


def cross_entropy(logits, label, smoothing):
    """The definition, in plain Python."""
    total = 0.0
    for row, target, smooth in zip(logits.tolist(), label.tolist(), smoothing, strict=True):
        shares = [
            smooth / len(row) + (1 - smooth if place == target else 0) for place in range(len(row))
        ]
        log_sum = math.log(sum(math.exp(value) for value in row))
        total += sum(
            share * (log_sum - value) for share, value in zip(shares, row, strict=True)
        ) / len(label)
    return total


def test_cross_entropy_with_a_smoothing_of_each_row():
    logits, smoothing = vectors(8, 4).float(), [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.0]
    ours = identity_cross_entropy(logits, LABEL, torch.tensor(smoothing))
    assert ours.item() == pytest.approx(cross_entropy(logits, LABEL, smoothing), rel=1e-6)
    torch.testing.assert_close(
        identity_cross_entropy(logits, LABEL, torch.full((8,), 0.1)),
        F.cross_entropy(logits, LABEL, label_smoothing=0.1),
    )


def circle(positive, negative, scale, margin):
    """log(1 + sum exp(negative terms) sum exp(positive terms)), Sun et al. 2020, in Python."""
    near = sum(math.exp(scale * max(s + margin, 0) * (s - margin)) for s in negative)
    far = sum(math.exp(-scale * max(1 + margin - s, 0) * (s - 1 + margin)) for s in positive)
    return math.log(1 + near * far)


@pytest.mark.parametrize(("scale", "margin"), [(64.0, 0.35), (16.0, 0.25)])
def test_class_level_circle_loss(scale, margin):
    cosines = torch.rand(8, 4, generator=seeded(), dtype=torch.float64) * 2 - 1
    loss = F.cross_entropy(circle_logits(cosines, LABEL, scale, margin), LABEL)
    rows = zip(cosines.tolist(), LABEL.tolist(), strict=True)
    expected = [
        circle([row[own]], [s for place, s in enumerate(row) if place != own], scale, margin)
        for row, own in rows
    ]
    assert loss.item() == pytest.approx(sum(expected) / 8, rel=1e-6)


def test_class_level_circle_loss_has_the_papers_gradient():
    """Weights are constant: d loss / d s_n = p_n scale a_n; for the true class, (p_p - 1) scale a_p."""
    scale, margin = 8.0, 0.25
    cosines = (torch.rand(8, 4, generator=seeded(), dtype=torch.float64) * 2 - 1).requires_grad_()
    logits = circle_logits(cosines, LABEL, scale, margin)
    F.cross_entropy(logits, LABEL, reduction="sum").backward()
    own = F.one_hot(LABEL, 4)
    weight = torch.where(own.bool(), 1 + margin - cosines, cosines + margin).clamp(min=0)
    torch.testing.assert_close(cosines.grad, (logits.softmax(1) - own) * scale * weight.detach())


@pytest.mark.parametrize("margin", [0.3, 0.0, None])
def test_batch_hard_triplet(margin):
    features = vectors()
    expected = []
    for a in range(8):
        distance = [math.dist(features[a].tolist(), other.tolist()) for other in features]
        positive = [distance[b] for b in range(8) if b != a and LABEL[b] == LABEL[a]]
        negative = [distance[b] for b in range(8) if LABEL[b] != LABEL[a]]
        if positive:
            difference = max(positive) - min(negative)
            expected.append(
                math.log(1 + math.exp(difference))
                if margin is None
                else max(difference + margin, 0)
            )
    assert len(expected) == 7
    assert batch_hard_triplet(features, LABEL, margin).item() == pytest.approx(
        sum(expected) / 7, rel=1e-9
    )


@pytest.mark.parametrize("label", [torch.arange(8), torch.zeros(8, dtype=torch.int64)])
@pytest.mark.parametrize("margin", [0.3, None])
def test_a_batch_without_triplets_costs_nothing(label, margin):
    features = vectors().requires_grad_()
    loss = batch_hard_triplet(features, label, margin)
    loss.backward()
    assert loss.item() == 0 and not features.grad.any()


def test_an_image_twice_in_a_batch_has_a_gradient():
    features = vectors()[[0, 0, 1, 2]].requires_grad_()
    batch_hard_triplet(features, torch.tensor([0, 0, 1, 1]), 0.3).backward()
    assert features.grad.isfinite().all() and features.grad.any()


def output(dtype=torch.float32, classes=4):
    features = vectors(8, 24).to(dtype)
    cosines = torch.rand(8, classes, generator=seeded()) * 2 - 1
    return Output(features[:, :16], features[:, 16:], cosines.to(dtype))


def test_pair_wise_circle_loss():
    """Sun et al.'s equation for each anchor, over the cosines of its pairs."""
    given = output()
    loss = criterion(
        LossParams(
            "softmax", PairCircle("circle", "embedding", margin=0.25, gamma=16.0, weight=0.5)
        )
    )
    named = loss(given, LABEL, torch.zeros(8))
    cosines = F.cosine_similarity(
        given.embedding.double()[:, None], given.embedding.double(), dim=2
    )
    expected = []
    for a in range(7):  # the eighth has no positive
        positive = [cosines[a, b].item() for b in range(8) if b != a and LABEL[b] == LABEL[a]]
        negative = [cosines[a, b].item() for b in range(8) if LABEL[b] != LABEL[a]]
        expected.append(circle(positive, negative, 16.0, 0.25))
    assert named["metric"].item() == pytest.approx(0.5 * sum(expected) / 7, rel=1e-5)
    assert loss(output(classes=8), torch.arange(8), torch.zeros(8))["metric"].item() == 0  # no pair


SMOOTHING = torch.tensor([0.0, 0.1, 0.0, 0.1, 0.0, 0.1, 0.0, 0.1])
LOSSES = {
    "softmax": LossParams("softmax", None),
    "circle": LossParams(ClassCircle("circle", 64.0, 0.35), None),
    "triplet": LossParams("softmax", Triplet("triplet", "pooled", 0.3, 1.0)),
    "soft triplet": LossParams("softmax", Triplet("triplet", "embedding", None, 0.7)),
    "pair-wise circle": LossParams("softmax", PairCircle("circle", "pooled", 0.25, 128.0, 1.0)),
}


@pytest.mark.parametrize("params", LOSSES.values(), ids=LOSSES)
def test_computed_in_float32_under_autocast(params):
    """bfloat16 inputs under autocast give the float64 result to float32's precision."""
    given = output(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours = criterion(params)(given, LABEL, SMOOTHING)
    exact = Output(*(value.double() for value in given))
    logits = exact.logits
    if params.identity != "softmax":
        logits = circle_logits(logits, LABEL, params.identity.scale, params.identity.margin)
    share = SMOOTHING.double()[:, None]
    target = F.one_hot(LABEL, 4) * (1 - share) + share / 4
    expected = {"identity": F.cross_entropy(logits, target)}
    if params.metric is not None:
        features = exact._asdict()[params.metric.features]
        if isinstance(params.metric, Triplet):
            value = batch_hard_triplet(features, LABEL, params.metric.margin)
        else:
            value = CircleLoss(m=0.25, gamma=128)(features, LABEL)
        expected["metric"] = params.metric.weight * value
    assert ours.keys() == expected.keys()
    for name, value in ours.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value.double(), expected[name], rtol=2e-5, atol=1e-6)


def test_without_pytorch_metric_learning(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_metric_learning.losses", None)
    criterion(LOSSES["circle"])
    with pytest.raises(
        ValueError, match="loss.metric: circle needs pytorch-metric-learning .*: pip install"
    ):
        criterion(LOSSES["pair-wise circle"])


@pytest.mark.parametrize(
    ("identity", "metric", "message"),
    [
        (ClassCircle("circle", 0.0, 0.3), None, "loss.identity.scale must be positive, got 0.0"),
        (
            ClassCircle("circle", 64.0, 1.0),
            None,
            r"loss.identity.margin must lie in \[0, 1\), got 1.0",
        ),
        (
            "softmax",
            Triplet("triplet", "pooled", -0.1, 1.0),
            "loss.metric.margin must not be negative, got -0.1",
        ),
        (
            "softmax",
            Triplet("triplet", "pooled", 0.1, 0.0),
            "loss.metric.weight must be positive, got 0.0; .*: null leaves",
        ),
        (
            "softmax",
            PairCircle("circle", "pooled", 0.25, 0.0, 1.0),
            "a positive gamma, got 0.25 and 0.0",
        ),
    ],
)
def test_params_are_checked(identity, metric, message):
    with pytest.raises(ValueError, match=message):
        LossParams(identity, metric)
