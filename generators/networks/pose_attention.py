"""Encoder, pose-attentional block, decoder and discriminator of PATN, shared with others."""

import torch
from torch import Tensor, nn

from generators.networks.layers import ResidualBlock, conv, initialise, norm
from generators.networks.transfer_params import DiscriminatorParams


def encoder(inputs: int, ngf: int, norm_kind: str, downsamplings: int = 2) -> nn.Sequential:
    """E_A or E_S (3.1): [N, inputs, H, W] -> [N, 2^d ngf, H/2^d, W/2^d].

    d is the number of downsamplings, 2 in the paper.
    """
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
    """Pose-attentional transfer block.

    It takes an image code [N, C, h, w] and a pose code, [N, C, h, w] in the first block and
    [N, 2C, h, w] in the others.
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
