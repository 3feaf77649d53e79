"""PATN, the pose-attentional transfer network.

Zhu, Huang, Xu, Shi, Cheng, Bai: "Progressive and Aligned Pose Attention Transfer for Person Image Generation", section
3.2.1 (the network was first described in "Progressive Pose Attention Transfer for Person Image Generation", CVPR 2019).

The idea. The source image and the two poses are encoded separately. A cascade of pose-attentional transfer blocks
(PATB) then moves the person step by step: in each block the pose code gives a mask in (0, 1) that says where the image
code changes, and the changed image code joins the pose code for the next block. A decoder renders the last image code.
One discriminator asks whether the output shows the source's person (appearance), another whether it has the target
pose (shape).

The paper's words -> ours: condition image P_c -> source_image; target image P_t -> target_image; generated image P_g ->
output; condition and target pose S_c, S_t -> source_pose, target_pose; discriminators D_A, D_S -> Adversary
"appearance", "shape"; alpha, lambda_1, lambda_2 -> lambda_gan, lambda_l1, lambda_perceptual.

Where the paper and its public code differ we chose as follows; other departures are at the end.
- Block: eq. (4) joins conv^S, the logits before the sigmoid, to the image code, as formula and code have it. The pose
  pathway has no skip connection and no norm after its last convolution (code; the paper calls it a residual block).
- Decoder: transposed convolutions (code). The paper's bilinear upsampling with residual blocks would not have the 41.36 M
  parameters of its own Table 2; the transposed ones do.
- Norm: a parameter, `instance` (paper, 3.5; code on DeepFashion) or `batch` (paper, 3.1; code on Market-1501). A bias
  only beside instance norm (code).
- Discriminators: LeakyReLU 0.2 (paper, 3.5; the code has ReLU); dropout is a parameter (paper none, code 0.5); a last
  convolution gives one map of scores (paper: "score"; the code averages a feature map of 256 channels instead). The
  product R = R_A R_S of 3.4 enters no loss, neither in eq. (11) nor in the code, and is left out.
- Adversarial loss: the generator minimises -log D (code; eq. 11 as printed saturates) or least squares (`gan: lsgan`,
  code on DeepFashion), averaged over the two discriminators (code; eq. 11 sums them); each discriminator minimises half
  the sum of its two terms (code). Every weight of eq. (9) is a parameter: paper (5, 1, 1), code on Market-1501 (5, 10, 10).
- L1 is a mean over pixels on [-1, 1] (code; eq. 9 has a norm), the perceptual loss is taken after the ReLU (code).
Ours: the discriminators' weights start as small as the generator's (the code leaves them to the framework); mirroring
exchanges left and right joints (the code's does not); lambda_gan: 0 leaves the discriminators out; person_weight weighs
the L1 loss towards the target's limbs (0 is the paper's loss). Ma et al., "Pose Guided Person Image Generation" (2017),
weigh theirs by a pose mask likewise. In short trainings it brings the person's colours and limbs sooner, because most of
the plain loss comes from a background that the source cannot tell.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from generators.batch import Batch
from generators.features import PERCEPTUAL_KINDS
from generators.layers import ResidualBlock, conv, initialise, norm
from generators.losses import GAN_KINDS, PerceptualLoss, gan_loss, l1
from generators.phases import Adversary, Phase, TrainingParams, autocast
from generators.pose import JOINTS, limb_distances


@dataclass(frozen=True)
class DiscriminatorParams:
    """Of both discriminators."""

    ndf: int  # channels of the first convolution
    blocks: int
    norm: str
    dropout: float


@dataclass(frozen=True)
class PatnParams:
    """Everything that defines a PATN. ValueError where a value makes no sense."""

    image_size: tuple[int, int]  # (height, width) in px, multiples of 4
    sigma_px: float  # of the pose maps' Gaussians, at image_size
    ngf: int  # channels of the first convolution; the blocks have four times as many
    blocks: int
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
        if self.person_weight < 0:
            raise ValueError(f"patn.person_weight is {self.person_weight}; it must not be negative")
        if any(side % 4 or side < 16 for side in self.image_size):
            raise ValueError(f"patn.image_size is {self.image_size}; both sides must be multiples of 4, at least 16")
        if self.gan not in GAN_KINDS:
            raise ValueError(f"patn.gan is {self.gan!r}; it must be one of {', '.join(GAN_KINDS)}")
        if self.perceptual not in PERCEPTUAL_KINDS:
            raise ValueError(f"patn.perceptual is {self.perceptual!r}; it must be one of {', '.join(PERCEPTUAL_KINDS)}")
        if (self.perceptual == "none") != (self.lambda_perceptual == 0):
            raise ValueError(
                f"patn.perceptual is {self.perceptual} but lambda_perceptual is {self.lambda_perceptual}; "
                "set both to use the loss, or none and 0.0"
            )


def encoder(inputs: int, ngf: int, norm_kind: str) -> nn.Sequential:
    """E_A or E_S (3.1): [N, inputs, H, W] -> [N, 4 ngf, H/4, W/4]."""
    return nn.Sequential(
        conv(inputs, ngf, 7, norm_kind), norm(norm_kind, ngf), nn.ReLU(inplace=True),
        conv(ngf, 2 * ngf, 3, norm_kind, stride=2), norm(norm_kind, 2 * ngf), nn.ReLU(inplace=True),
        conv(2 * ngf, 4 * ngf, 3, norm_kind, stride=2), norm(norm_kind, 4 * ngf), nn.ReLU(inplace=True),
    )  # fmt: skip


def decoder(ngf: int, norm_kind: str) -> nn.Sequential:
    """[N, 4 ngf, H/4, W/4] -> image [N, 3, H, W] in [-1, 1] (3.3)."""
    bias = norm_kind == "instance"

    def up(inputs: int) -> nn.Module:
        return nn.ConvTranspose2d(inputs, inputs // 2, 3, stride=2, padding=1, output_padding=1, bias=bias)

    return nn.Sequential(
        up(4 * ngf), norm(norm_kind, 2 * ngf), nn.ReLU(inplace=True),
        up(2 * ngf), norm(norm_kind, ngf), nn.ReLU(inplace=True),
        nn.Conv2d(ngf, 3, 7, padding=3, padding_mode="reflect"), nn.Tanh(),
    )  # fmt: skip


class Patb(nn.Module):
    """Pose-attentional transfer block: image code [N, C, h, w], pose code [N, C, h, w] at first, then [N, 2C, h, w]."""

    def __init__(self, channels: int, pose_channels: int, norm_kind: str, dropout: float):
        super().__init__()
        self.image = nn.Sequential(
            conv(channels, channels, 3, norm_kind), norm(norm_kind, channels), nn.ReLU(inplace=True),
            nn.Dropout(dropout), conv(channels, channels, 3, norm_kind), norm(norm_kind, channels),
        )  # fmt: skip
        self.pose = nn.Sequential(
            conv(pose_channels, pose_channels, 3, norm_kind), norm(norm_kind, pose_channels), nn.ReLU(inplace=True),
            nn.Dropout(dropout), conv(pose_channels, channels, 3, norm_kind),
        )  # fmt: skip

    def forward(self, image: Tensor, pose: Tensor) -> tuple[Tensor, Tensor]:
        """(F^P, F^S) of one step, with F^S [N, 2C, h, w]."""
        logits = self.pose(pose)
        mask = torch.sigmoid(logits)  # eq. (1)
        image = mask * self.image(image) + image  # eq. (2), (3)
        return image, torch.cat([logits, image], 1)  # eq. (4)


class PatnNetwork(nn.Module):
    """Source image [N, 3, H, W], source and target pose [N, 18, H, W] -> image [N, 3, H, W] in [-1, 1]."""

    def __init__(self, ngf: int, blocks: int, norm_kind: str, dropout: float):
        super().__init__()
        channels = 4 * ngf
        self.image_encoder = encoder(3, ngf, norm_kind)
        self.pose_encoder = encoder(2 * len(JOINTS), ngf, norm_kind)
        self.blocks = nn.ModuleList(
            Patb(channels, channels if number == 0 else 2 * channels, norm_kind, dropout) for number in range(blocks)
        )
        self.decoder = decoder(ngf, norm_kind)
        initialise(self)

    def forward(self, source_image: Tensor, source_pose: Tensor, target_pose: Tensor) -> Tensor:
        image = self.image_encoder(source_image)
        pose = self.pose_encoder(torch.cat([source_pose, target_pose], 1))
        for block in self.blocks:
            image, pose = block(image, pose)
        return self.decoder(image)


class Discriminator(nn.Module):
    """An image and its condition, [N, inputs, H, W] -> logits [N, 1, H/4, W/4] (3.4)."""

    def __init__(self, inputs: int, params: DiscriminatorParams):
        super().__init__()
        ndf, kind = params.ndf, params.norm
        layers: list[nn.Module] = []
        for before, after, kernel, stride in ((inputs, ndf, 7, 1), (ndf, 2 * ndf, 3, 2), (2 * ndf, 4 * ndf, 3, 2)):
            layers += [conv(before, after, kernel, kind, stride), norm(kind, after), nn.LeakyReLU(0.2, inplace=True)]
        layers += [ResidualBlock(4 * ndf, kind, nn.LeakyReLU(0.2), params.dropout) for _ in range(params.blocks)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(4 * ndf, 1, 3, padding=1, padding_mode="reflect"))
        initialise(self)

    def forward(self, judged: Tensor) -> Tensor:
        return self.layers(judged)


def appearance_judged(batch: Batch, output: Tensor) -> tuple[Tensor, Tensor]:
    """What D_A is shown: (P_t, P_c) and (P_g, P_c), [N, 6, H, W]."""
    return torch.cat([batch.target_image, batch.source_image], 1), torch.cat([output, batch.source_image], 1)


def shape_judged(batch: Batch, output: Tensor) -> tuple[Tensor, Tensor]:
    """What D_S is shown: (P_t, S_t) and (P_g, S_t), [N, 21, H, W]."""
    return torch.cat([batch.target_image, batch.target_pose], 1), torch.cat([output, batch.target_pose], 1)


def person_mask(keypoints: Tensor, size: tuple[int, int]) -> Tensor:
    """Where a person is, by the keypoints [N, 18, 2]: [N, 1, H, W], 1 on a limb and falling to 0 about it."""
    sigma_px = 0.05 * size[0]  # about half the width of a trunk that fills the image
    distances = limb_distances(keypoints, size).amin(1, keepdim=True)
    return torch.exp(-distances.square() / (2 * sigma_px**2))


class Patn:
    """PATN with fresh weights, drawn from params.training.seed."""

    name = "patn"
    Params = PatnParams

    def __init__(self, params: PatnParams):
        self.params = params
        self.uses_pose_network = params.perceptual == "pose_network"
        with torch.random.fork_rng():
            torch.manual_seed(params.training.seed)
            network = PatnNetwork(params.ngf, params.blocks, params.norm, params.dropout)
        self.networks: dict[str, nn.Module] = {"network": network}

    def phases(self, pose_network: nn.Module | None = None) -> tuple[Phase, ...]:
        """One phase, with fresh discriminators. RuntimeError where the perceptual loss's weights cannot be had."""
        params, network = self.params, self.networks["network"]
        perceptual = None if params.perceptual == "none" else PerceptualLoss(params.perceptual, pose_network)
        adversaries: tuple[Adversary, ...] = ()
        if params.lambda_gan > 0:
            with torch.random.fork_rng():
                torch.manual_seed(params.training.seed + 1)
                adversaries = (
                    self._adversary("appearance", Discriminator(6, params.discriminator), appearance_judged),
                    self._adversary("shape", Discriminator(3 + len(JOINTS), params.discriminator), shape_judged),
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

    @torch.no_grad()
    def generate(self, batch: Batch) -> Tensor:
        """The batch's source persons in its target poses: float32 [N, 3, H, W] in [-1, 1], on the network's device."""
        network = self.networks["network"].eval()
        device = next(network.parameters()).device
        with autocast(self.params.training.precision, device):
            return self._render(batch.to(device)).float()

    def _render(self, batch: Batch) -> Tensor:
        return self.networks["network"](batch.source_image, batch.source_pose, batch.target_pose)

    def _losses(
        self, adversaries: tuple[Adversary, ...], perceptual: PerceptualLoss | None, batch: Batch, output: Tensor
    ) -> dict[str, Tensor]:
        """The terms of eq. (9)."""
        params = self.params
        weight = None
        if params.person_weight > 0:
            weight = 1 + params.person_weight * person_mask(batch.target_keypoints, params.image_size)
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
