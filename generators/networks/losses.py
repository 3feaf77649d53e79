"""Losses that two or more generators share.

All are computed in float32, whatever the precision of the networks.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generators.networks.features import PERCEPTUAL_KINDS, feature_network
from generators.training.validation import one_of

GAN_KINDS = ("vanilla", "lsgan")


def gan_loss(logits: Tensor, real: bool, kind: str) -> Tensor:
    """Mean distance of scores from the label real or generated.

    Args:
        logits: Scores of a discriminator, of any shape.
        real: Whether the label is real.
        kind: vanilla, binary cross entropy on logits (Goodfellow et al. 2014), or lsgan,
            (score - label)^2 (Mao et al. 2017).

    Raises:
        ValueError: If the kind is unknown.
    """
    logits = logits.float()
    if kind == "vanilla":
        return F.softplus(-logits if real else logits).mean()
    if kind == "lsgan":
        return (logits - float(real)).square().mean()
    raise ValueError(f"gan is {kind!r}; it must be one of {', '.join(GAN_KINDS)}")


def l1(output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean absolute difference of two images [N, C, H, W].

    With a weight [N, 1, H, W] it is the weighted mean.
    """
    difference = (output.float() - target.float()).abs()
    if weight is None:
        return difference.mean()
    return (difference * weight).mean() / weight.mean()


def check_perceptual(section: str, kind: str, weight: float) -> None:
    """Check that a perceptual loss has a network and a weight, or neither.

    Args:
        section: Section of params.yaml, for the message.
        kind: Network of the loss, one of features.PERCEPTUAL_KINDS.
        weight: Weight of the loss.

    Raises:
        ValueError: If the kind is unknown, or only one of kind and weight is set.
    """
    one_of(f"{section}.perceptual", kind, PERCEPTUAL_KINDS)
    if (kind == "none") != (weight == 0):
        raise ValueError(
            f"{section}.perceptual is {kind} but lambda_perceptual is {weight}; "
            "set both to use the loss, or none and 0.0"
        )


class PerceptualLoss(nn.Module):
    """Mean absolute difference of the features of two images in [-1, 1] (patn_apatn, eq. 10).

    The features are relu1_2 by default. With several layers the loss is the mean over them. For
    kinds and errors see features.feature_network.
    """

    def __init__(
        self, kind: str, pose_network: nn.Module | None, layers: tuple[str, ...] = ("relu1_2",)
    ):
        super().__init__()
        self.features = feature_network(kind, layers, pose_network)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        maps = self.features(torch.cat([output.float(), target.float()]))
        total = sum((l1(*layer.chunk(2)) for layer in maps[1:]), l1(*maps[0].chunk(2)))
        return total / len(maps)
