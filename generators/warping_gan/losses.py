"""Losses of Warping-GAN's image network, and the inputs of its discriminators."""

from dataclasses import dataclass

import torch
from torch import Tensor

from generators.body.parsing import one_hot
from generators.body.pose import person_mask
from generators.networks.losses import PerceptualLoss, gan_loss, l1
from generators.training.batch import Batch, required
from generators.training.phases import Adversary
from generators.warping_gan.params import WarpingGanParams


@dataclass(frozen=True)
class Painted:
    """Output of stage II.

    image: float32 [N, 3, H, W] in [-1, 1]
    parsing: the parsing map that guided it, one-hot [N, 10, H, W]; None without parsing maps
    """

    image: Tensor
    parsing: Tensor | None


def source_map(batch: Batch) -> Tensor:
    """The source's parsing map, one-hot [N, 10, H, W]."""
    return one_hot(required(batch.source_parsing, "warping_gan"))


def target_map(batch: Batch) -> Tensor:
    """The target's true parsing map, one-hot [N, 10, H, W]."""
    return one_hot(required(batch.target_parsing, "warping_gan"))


def parsing_judged(batch: Batch, logits: Tensor) -> tuple[Tensor, Tensor]:
    """True and predicted parsing map, with source parsing map and target pose: [N, 38, H, W]."""
    condition = [source_map(batch), batch.target_pose]
    fake = logits.float().softmax(1)
    return torch.cat([*condition, target_map(batch)], 1), torch.cat([*condition, fake], 1)


def image_judged(batch: Batch, painted: Painted) -> tuple[Tensor, Tensor]:
    """True and painted image and parsing map, with their condition (3.1.3).

    The condition is the source image, its parsing map and the target pose.
    """
    condition = [batch.source_image, batch.target_pose]
    real, fake = [batch.target_image], [painted.image.float()]
    if painted.parsing is not None:
        condition.append(source_map(batch))
        real, fake = [target_map(batch), *real], [painted.parsing, *fake]
    return torch.cat([*condition, *real], 1), torch.cat([*condition, *fake], 1)


def image_losses(
    params: WarpingGanParams,
    adversaries: tuple[Adversary, ...],
    perceptual: PerceptualLoss | None,
    batch: Batch,
    painted: Painted,
) -> dict[str, Tensor]:
    """The terms of eq. (3)."""
    image, losses = painted.image, {}
    if params.lambda_l1 > 0:
        weight = pixel_weight(params, batch)
        losses["l1"] = params.lambda_l1 * l1(image, batch.target_image, weight)
    if perceptual is not None:
        distance = perceptual.to(image.device)(image, batch.target_image)
        losses["perceptual"] = params.lambda_perceptual * distance
    for adversary in adversaries:
        real, fake = adversary.judged(batch, painted)
        *maps, score = adversary.network(fake)
        if params.lambda_gan > 0:
            losses["gan_image"] = params.lambda_gan * gan_loss(score, True, params.gan)
        if params.lambda_ph > 0:
            with torch.no_grad():
                *targets, _ = adversary.network(real)
            levels = zip(params.ph_weights, maps, targets, strict=True)
            hierarchy = sum(weight * l1(level, target) for weight, level, target in levels)
            losses["ph"] = params.lambda_ph * hierarchy  # eq. (2)
    return losses


def pixel_weight(params: WarpingGanParams, batch: Batch) -> Tensor | None:
    """Weights [N, 1, H, W] of the L1 loss, or None if all pixels have the same weight."""
    if params.person_weight == 0:
        return None
    if params.use_parsing:
        person = (required(batch.target_parsing, "warping_gan") > 0)[:, None].float()
    else:
        person = person_mask(batch.target_keypoints, params.image_size)
    return 1 + params.person_weight * person
