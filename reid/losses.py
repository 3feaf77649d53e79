"""Losses of a re-identification model: one over identities, optionally one over image pairs.

All are computed in float32, even if the network runs in bfloat16 under autocast.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reid.heads import Output

Features = Literal["pooled", "embedding"]  # fields of Output
Criterion = Callable[[Output, Tensor, Tensor], dict[str, Tensor]]


@dataclass(frozen=True)
class ClassCircle:
    """Circle loss with class-level labels; needs network.head bnneck_cosine."""

    kind: Literal["circle"]
    scale: float  # the paper's gamma; fast-reid 64, the authors 128
    margin: float  # m; fast-reid 0.35, the authors 0.25


@dataclass(frozen=True)
class Triplet:
    """Batch-hard triplet loss."""

    kind: Literal["triplet"]
    features: Features  # bag of tricks: pooled
    margin: float | None  # of Euclidean distances, in bag of tricks 0.3; null = soft margin
    weight: float


@dataclass(frozen=True)
class PairCircle:
    """Circle loss with pair-wise labels."""

    kind: Literal["circle"]
    features: Features
    margin: float  # m of the cosines; the paper 0.25
    gamma: float  # the paper 128
    weight: float


@dataclass(frozen=True)
class LossParams:
    """Section `loss`.

    Raises:
        ValueError: If a value is invalid.
    """

    identity: Literal["softmax"] | ClassCircle
    metric: Triplet | PairCircle | None  # needs sampler `identity`: several images per identity

    def __post_init__(self):
        if isinstance(self.identity, ClassCircle):
            if self.identity.scale <= 0:
                raise ValueError(f"loss.identity.scale must be positive, got {self.identity.scale}")
            if not 0 <= self.identity.margin < 1:
                raise ValueError(
                    f"loss.identity.margin must lie in [0, 1), got {self.identity.margin}"
                )
        if self.metric is None:
            return
        if self.metric.weight <= 0:
            raise ValueError(
                f"loss.metric.weight must be positive, got {self.metric.weight}; loss.metric: null leaves it out"
            )
        if (
            isinstance(self.metric, Triplet)
            and self.metric.margin is not None
            and self.metric.margin < 0
        ):
            raise ValueError(f"loss.metric.margin must not be negative, got {self.metric.margin}")
        if isinstance(self.metric, PairCircle) and not (
            0 <= self.metric.margin < 1 and self.metric.gamma > 0
        ):
            raise ValueError(
                "loss.metric: circle needs a margin in [0, 1) and a positive gamma, "
                f"got {self.metric.margin} and {self.metric.gamma}"
            )


def criterion(params: LossParams) -> Criterion:
    """Make a function (output, label int64 [N], smoothing float32 [N]) -> losses by name.

    The losses, `identity` and, with a metric loss, `metric`, are weighted float32 scalars; their
    sum is the total loss. Smoothing, in [0, 1), applies only to the identity loss.

    Raises:
        ValueError: If the package of the metric loss is missing.
    """
    compare = _metric_loss(params.metric)

    def losses(output: Output, label: Tensor, smoothing: Tensor) -> dict[str, Tensor]:
        with torch.autocast(output.logits.device.type, enabled=False):
            logits = output.logits.float()
            if isinstance(params.identity, ClassCircle):
                logits = circle_logits(logits, label, params.identity.scale, params.identity.margin)
            named = {"identity": identity_cross_entropy(logits, label, smoothing)}
            if params.metric is not None and compare is not None:
                features = output._asdict()[params.metric.features].float()
                named["metric"] = params.metric.weight * compare(features, label)
        return named

    return losses


def identity_cross_entropy(logits: Tensor, label: Tensor, smoothing: Tensor) -> Tensor:
    """Mean cross-entropy over identities: a float32 scalar.

    Args:
        logits: [N, C] of any float type.
        label: int64 [N].
        smoothing: Share of a row's target that is spread evenly over all classes (Szegedy et al.
            2016, section 7), [N] in [0, 1).
    """
    log_probability = logits.float().log_softmax(1)
    true_class = log_probability.gather(1, label[:, None])[:, 0]
    return -torch.lerp(true_class, log_probability.mean(1), smoothing).mean()


def circle_logits(cosines: Tensor, label: Tensor, scale: float, margin: float) -> Tensor:
    """Logits [N, C] whose cross-entropy is the circle loss of class-level labels.

    Sun et al. 2020, "Circle loss", section 3, with a single margin m. Let s_p be the cosine to the
    image's own class and s_n that to another class. The loss is
    log(1 + sum_n exp(scale (a_n (s_n - m) - a_p (s_p - 1 + m)))), with the weights
    a_p = [1 + m - s_p]_+ and a_n = [s_n + m]_+, through which no gradient flows.

    Args:
        cosines: float32 [N, C].
        label: int64 [N].
        scale: The paper's gamma.
        margin: The paper's m.
    """
    true_class = F.one_hot(label, cosines.shape[1]).bool()
    fixed = cosines.detach()
    weight = torch.where(true_class, 1 + margin - fixed, fixed + margin).clamp(min=0)
    return scale * weight * (cosines - torch.where(true_class, 1 - margin, margin))


def batch_hard_triplet(features: Tensor, label: Tensor, margin: float | None) -> Tensor:
    """Batch-hard triplet loss: mean of [farthest positive - nearest negative + margin]_+.

    Hermans et al. 2017, eq. (5); without a margin ln(1 + exp(difference)), section 3.2. The mean is
    over anchors, and distances are Euclidean. A row is an anchor if the batch contains another
    image of its identity and one of another identity. Without anchors the loss is 0.

    Args:
        features: float32 [N, D].
        label: int64 [N].
        margin: The margin, or None for the soft margin.
    """
    distances = torch.cdist(
        features, features, compute_mode="donot_use_mm_for_euclid_dist"
    )  # [N, N]
    same = label[:, None] == label
    positive = same & ~torch.eye(len(label), dtype=torch.bool, device=label.device)
    farthest = distances.masked_fill(~positive, -torch.inf).amax(1)
    nearest = distances.masked_fill(same, torch.inf).amin(1)
    anchors = positive.any(1) & ~same.all(1)
    difference = torch.where(anchors, farthest - nearest, 0.0)
    hinge = F.softplus(difference) if margin is None else (difference + margin).clamp(min=0)
    return (hinge * anchors).sum() / anchors.sum().clamp(min=1)


def _metric_loss(params: Triplet | PairCircle | None) -> Callable[[Tensor, Tensor], Tensor] | None:
    if isinstance(params, PairCircle):
        return _pair_circle(params.margin, params.gamma)
    if isinstance(params, Triplet):
        return lambda features, label: batch_hard_triplet(features, label, params.margin)
    return None


def _pair_circle(margin: float, gamma: float) -> nn.Module:
    """The circle loss of pair-wise labels (section 3) on cosines.

    It is the mean over the anchors that have positives and negatives.
    """
    try:
        from pytorch_metric_learning.losses import CircleLoss
    except ImportError as error:
        raise ValueError(
            f"loss.metric: circle needs pytorch-metric-learning ({error}): pip install pytorch-metric-learning, "
            "or choose loss.metric: triplet"
        ) from error
    return CircleLoss(m=margin, gamma=gamma)  # pyright: ignore[reportArgumentType] - annotated int
