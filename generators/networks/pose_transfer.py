"""What PATN, APATN and SPATN have in common: encoder, PATN's block and decoder, discriminators,
losses, training.

Zhu, Huang, Xu, Shi, Cheng, Bai: "Progressive and Aligned Pose Attention Transfer for Person Image
Generation", sections 3.1, 3.4 and 3.5. Where this departs from the paper and its public code is
told in patn.py.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from generators.body.pose import limb_distances
from generators.body.skeleton import JOINTS
from generators.networks.features import PERCEPTUAL_KINDS
from generators.networks.layers import ResidualBlock, conv, initialise, norm
from generators.networks.losses import GAN_KINDS, PerceptualLoss, gan_loss, l1
from generators.training.batch import Batch
from generators.training.generator import Generator
from generators.training.phases import Adversary, Phase, TrainingParams, autocast


@dataclass(frozen=True)
class DiscriminatorParams:
    """Of both discriminators."""

    ndf: int  # channels of the first convolution
    blocks: int
    norm: str
    dropout: float


@dataclass(frozen=True)
class TransferParams:
    """Everything that defines a PATN or an APATN but its blocks. ValueError where a value makes no
    sense.
    """

    image_size: tuple[int, int]  # (height, width) in px, multiples of 4
    sigma_px: float  # of the pose maps' Gaussians, at image_size
    ngf: int  # channels of the first convolution; doubled by every downsampling
    downsamplings: int  # from the image to the size at which the blocks work; 2 in the paper
    blocks: int  # of the cascade
    norm: str
    dropout: float  # inside the blocks
    discriminator: DiscriminatorParams
    gan: str
    image_pool: int  # samples that each discriminator remembers; 0 for none
    lambda_gan: float
    lambda_l1: float
    person_weight: float  # how much more the pixels of the target's limbs count in the L1 loss; 0 as in the paper
    lambda_perceptual: float
    perceptual: str  # none, or one of features.py
    training: TrainingParams

    def __post_init__(self):
        name = type(self).__name__.removesuffix("Params").lower()
        if self.blocks < 1 or self.downsamplings < 1:
            raise ValueError(
                f"{name}.blocks is {self.blocks} and downsamplings {self.downsamplings}; both must be at least 1"
            )
        if self.person_weight < 0:
            raise ValueError(
                f"{name}.person_weight is {self.person_weight}; it must not be negative"
            )
        step = max(4, 2**self.downsamplings)  # the discriminators halve twice
        if any(side % step or side < 4 * step for side in self.image_size):
            raise ValueError(
                f"{name}.image_size is {self.image_size}; both sides must be multiples of {step}, at least {4 * step}"
            )
        if self.gan not in GAN_KINDS:
            raise ValueError(
                f"{name}.gan is {self.gan!r}; it must be one of {', '.join(GAN_KINDS)}"
            )
        if self.perceptual not in PERCEPTUAL_KINDS:
            raise ValueError(
                f"{name}.perceptual is {self.perceptual!r}; it must be one of {', '.join(PERCEPTUAL_KINDS)}"
            )
        if (self.perceptual == "none") != (self.lambda_perceptual == 0):
            raise ValueError(
                f"{name}.perceptual is {self.perceptual} but lambda_perceptual is {self.lambda_perceptual}; "
                "set both to use the loss, or none and 0.0"
            )


def encoder(inputs: int, ngf: int, norm_kind: str, downsamplings: int = 2) -> nn.Sequential:
    """E_A or E_S (3.1): [N, inputs, H, W] -> [N, 2^d ngf, H/2^d, W/2^d]; d is 2 in the paper."""
    layers = [conv(inputs, ngf, 7, norm_kind), norm(norm_kind, ngf), nn.ReLU(inplace=True)]
    for channels in (ngf << level for level in range(downsamplings)):
        layers += [
            conv(channels, 2 * channels, 3, norm_kind, stride=2),
            norm(norm_kind, 2 * channels),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def decoder(ngf: int, norm_kind: str, downsamplings: int = 2) -> nn.Sequential:
    """[N, 2^d ngf, H/2^d, W/2^d] -> image [N, 3, H, W] in [-1, 1] (3.3)."""
    layers: list[nn.Module] = []
    for channels in (ngf << level for level in reversed(range(downsamplings))):
        bias = norm_kind == "instance"
        layers.append(
            nn.ConvTranspose2d(
                2 * channels, channels, 3, stride=2, padding=1, output_padding=1, bias=bias
            )
        )
        layers += [norm(norm_kind, channels), nn.ReLU(inplace=True)]
    return nn.Sequential(
        *layers, nn.Conv2d(ngf, 3, 7, padding=3, padding_mode="reflect"), nn.Tanh()
    )


class Patb(nn.Module):
    """Pose-attentional transfer block: image code [N, C, h, w], pose code [N, C, h, w] at first,
    then [N, 2C, h, w].
    """

    def __init__(
        self, channels: int, pose_channels: int, norm_kind: str, dropout: float, kind: str
    ):
        super().__init__()
        self.kind = kind
        self.image = nn.Sequential(
            conv(channels, channels, 3, norm_kind),
            norm(norm_kind, channels),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            conv(channels, channels, 3, norm_kind),
            norm(norm_kind, channels),
        )
        self.pose = nn.Sequential(
            conv(pose_channels, pose_channels, 3, norm_kind),
            norm(norm_kind, pose_channels),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            conv(pose_channels, channels, 3, norm_kind),
        )

    def forward(self, image: Tensor, pose: Tensor) -> tuple[Tensor, Tensor]:
        """(F^P, F^S) of one step, with F^S [N, 2C, h, w], or [N, C, h, w] without_cat."""
        logits = self.pose(pose)
        mask = torch.sigmoid(logits)  # eq. (1)
        attended = mask * self.image(image)  # eq. (2)
        image = attended if self.kind == "without_add" else attended + image  # eq. (3)
        return image, logits if self.kind == "without_cat" else torch.cat(
            [logits, image], 1
        )  # eq. (4)


class Discriminator(nn.Module):
    """An image and its condition, [N, inputs, H, W] -> logits [N, 1, H/4, W/4] (3.4)."""

    def __init__(self, inputs: int, params: DiscriminatorParams):
        super().__init__()
        ndf, kind = params.ndf, params.norm
        layers: list[nn.Module] = []
        for before, after, kernel, stride in (
            (inputs, ndf, 7, 1),
            (ndf, 2 * ndf, 3, 2),
            (2 * ndf, 4 * ndf, 3, 2),
        ):
            layers += [
                conv(before, after, kernel, kind, stride),
                norm(kind, after),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        layers += [
            ResidualBlock(4 * ndf, kind, nn.LeakyReLU(0.2), params.dropout)
            for _ in range(params.blocks)
        ]
        self.layers = nn.Sequential(
            *layers, nn.Conv2d(4 * ndf, 1, 3, padding=1, padding_mode="reflect")
        )
        initialise(self)

    def forward(self, judged: Tensor) -> Tensor:
        return self.layers(judged)


def appearance_judged(batch: Batch, output: Tensor) -> tuple[Tensor, Tensor]:
    """What D_A is shown: (P_t, P_c) and (P_g, P_c), [N, 6, H, W]."""
    return torch.cat([batch.target_image, batch.source_image], 1), torch.cat(
        [output, batch.source_image], 1
    )


def shape_judged(batch: Batch, output: Tensor) -> tuple[Tensor, Tensor]:
    """What D_S is shown: (P_t, S_t) and (P_g, S_t), [N, 21, H, W]."""
    return torch.cat([batch.target_image, batch.target_pose], 1), torch.cat(
        [output, batch.target_pose], 1
    )


def person_mask(keypoints: Tensor, size: tuple[int, int]) -> Tensor:
    """Where a person is, by the keypoints [N, 18, 2]: [N, 1, H, W], 1 on a limb and falling to 0
    about it.
    """
    sigma_px = 0.05 * size[0]  # about half the width of a trunk that fills the image
    distances = limb_distances(keypoints, size).amin(1, keepdim=True)
    return torch.exp(-distances.square() / (2 * sigma_px**2))


class Transfer(Generator, ABC):
    """A generator with fresh weights, drawn from params.training.seed. Subclasses name it and build
    its network.
    """

    name: str
    Params: type[TransferParams]

    @staticmethod
    @abstractmethod
    def build(params: Any) -> nn.Module:
        """Source image [N, 3, H, W], source and target pose [N, 18, H, W] -> image [N, 3, H, W] in
        [-1, 1].
        """

    def __init__(self, params: TransferParams):
        self.params = params
        with torch.random.fork_rng():
            torch.manual_seed(params.training.seed)
            network = self.build(params)
        self.networks: dict[str, nn.Module] = {"network": network}

    @property
    def uses_pose_network(self) -> bool:
        return self.params.perceptual == "pose_network"

    def phases(self, pose_network: nn.Module | None = None) -> tuple[Phase, ...]:
        """One phase, with fresh discriminators. RuntimeError where the perceptual loss's weights
        cannot be had.
        """
        params, network = self.params, self.networks["network"]
        perceptual = (
            None if params.perceptual == "none" else PerceptualLoss(params.perceptual, pose_network)
        )
        adversaries: tuple[Adversary, ...] = ()
        if params.lambda_gan > 0:
            with torch.random.fork_rng():
                torch.manual_seed(params.training.seed + 1)
                adversaries = (
                    self._adversary(
                        "appearance", Discriminator(6, params.discriminator), appearance_judged
                    ),
                    self._adversary(
                        "shape", Discriminator(3 + len(JOINTS), params.discriminator), shape_judged
                    ),
                )
        return (
            Phase(
                name=self.name,
                network=network,
                training=params.training,
                render=self._render,
                losses=partial(self._losses, adversaries, perceptual),
                picture=lambda output: output,
                adversaries=adversaries,
            ),
        )

    def generate(self, batch: Batch) -> Tensor:
        """The batch's source persons in its target poses: float32 [N, 3, H, W] in [-1, 1], on the
        network's device.
        """
        return self._evaluated(self.networks["network"], batch)

    @torch.no_grad()
    def _evaluated(self, call: Callable[[Tensor, Tensor, Tensor], Tensor], batch: Batch) -> Tensor:
        """`call` of source image, source pose and target pose with the network as it renders;
        float32, on its device.
        """
        network = self.networks["network"].eval()
        device = next(network.parameters()).device
        batch = batch.to(device)
        with autocast(self.params.training.precision, device):
            return call(batch.source_image, batch.source_pose, batch.target_pose).float()

    def _render(self, batch: Batch) -> Tensor:
        return self.networks["network"](batch.source_image, batch.source_pose, batch.target_pose)

    def _losses(
        self,
        adversaries: tuple[Adversary, ...],
        perceptual: PerceptualLoss | None,
        batch: Batch,
        output: Tensor,
    ) -> dict[str, Tensor]:
        """The terms of eq. (9)."""
        params = self.params
        weight = None
        if params.person_weight > 0:
            weight = 1 + params.person_weight * person_mask(
                batch.target_keypoints, params.image_size
            )
        losses = {"l1": params.lambda_l1 * l1(output, batch.target_image, weight)}
        if perceptual is not None:
            perceptual = perceptual.to(output.device)
            losses["perceptual"] = params.lambda_perceptual * perceptual(output, batch.target_image)
        for adversary in adversaries:
            _, fake = adversary.judged(batch, output)
            judged = gan_loss(adversary.network(fake), True, params.gan)
            losses[f"gan_{adversary.name}"] = params.lambda_gan * judged / len(adversaries)
        return losses

    def _adversary(self, name: str, network: Discriminator, judged) -> Adversary:
        def losses(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
            weight, kind = 0.5 * self.params.lambda_gan, self.params.gan
            return {
                "real": weight * gan_loss(network(real), True, kind),
                "fake": weight * gan_loss(network(fake), False, kind),
            }

        return Adversary(name, network, judged, losses, self.params.image_pool)
