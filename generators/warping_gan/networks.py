"""The networks of Soft-gated Warping-GAN (warping_gan.py).

They are both stages' generators, the warping block and the discriminator.
"""

from typing import cast

import torch
from torch import Tensor, nn

from generators.networks.layers import ResidualBlock, conv, initialise, norm
from generators.warping_gan.transformations import Lattice, warp


def encoder(inputs: int, ngf: int, downsamplings: int, norm_kind: str) -> nn.Sequential:
    """[N, inputs, H, W] -> [N, 2^d ngf, H/2^d, W/2^d]."""
    layers = [conv(inputs, ngf, 7, norm_kind), norm(norm_kind, ngf), nn.ReLU(inplace=True)]
    for level in range(downsamplings):
        channels = ngf << level
        layers += [
            conv(channels, 2 * channels, 3, norm_kind, stride=2),
            norm(norm_kind, 2 * channels),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def decoder(outputs: int, ngf: int, downsamplings: int, norm_kind: str) -> nn.Sequential:
    """[N, 2^d ngf, H/2^d, W/2^d] -> [N, outputs, H, W], without an activation at the end."""
    layers: list[nn.Module] = []
    for level in reversed(range(downsamplings)):
        channels = ngf << level
        up = nn.ConvTranspose2d(
            2 * channels, channels, 3, 2, 1, output_padding=1, bias=norm_kind == "instance"
        )
        layers += [up, norm(norm_kind, channels), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(ngf, outputs, 7, padding=3, padding_mode="reflect"))


def residual_blocks(channels: int, blocks: int, norm_kind: str) -> nn.Sequential:
    """A sequence of residual blocks without dropout."""
    return nn.Sequential(
        *(ResidualBlock(channels, norm_kind, nn.ReLU(inplace=True), 0.0) for _ in range(blocks))
    )


class Parser(nn.Module):
    """Stage I (3.1.1): source and target pose, [N, inputs, H, W] -> logits [N, labels, H, W].

    The source is a parsing map or an image.
    """

    def __init__(
        self, inputs: int, labels: int, ngf: int, downsamplings: int, blocks: int, norm_kind: str
    ):
        super().__init__()
        self.layers = nn.Sequential(
            encoder(inputs, ngf, downsamplings, norm_kind),
            residual_blocks(ngf << downsamplings, blocks, norm_kind),
            decoder(labels, ngf, downsamplings, norm_kind),
        )
        initialise(self)

    def forward(self, source: Tensor, target_pose: Tensor) -> Tensor:
        return self.layers(torch.cat([source, target_pose], 1)).float()


class WarpingBlock(nn.Module):
    """The soft-gated warping block, eq. (1): T(F) = F + W . R(F), for features F [N, C, h, w].

    R is a residual branch whose output is warped by the transformation's grid. The gate W, in
    [0, 1] for every feature and position, is computed from both features and from how far the grid
    moves each position, so that it can open where the pose changes much. The transformation is that
    of GeometricMatcher: affine map [N, 2, 3] and moves of the controls [N, K, 2].
    """

    def __init__(self, channels: int, norm_kind: str, size: tuple[int, int], controls: int):
        super().__init__()
        self.lattice = Lattice(size, controls)
        self.residual = ResidualBlock(channels, norm_kind, nn.ReLU(inplace=True), 0.0).body
        self.gate = nn.Conv2d(2 * channels + 2, channels, 3, padding=1)

    def gated(self, features: Tensor, theta: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
        """The gate W and the warped R(F), both [N, C, h, w]."""
        grid = self.lattice(theta, moves)
        moved = warp(self.residual(features), grid)
        shifts = (grid - self.lattice.points.view(*grid.shape[1:])).movedim(-1, 1)
        return torch.sigmoid(self.gate(torch.cat([features.float(), moved, shifts], 1))), moved

    def forward(self, features: Tensor, theta: Tensor, moves: Tensor) -> Tensor:
        gate, moved = self.gated(features, theta, moves)
        return features + gate * moved


class ImageNetwork(nn.Module):
    """Stage II (3.1.3): appearance of the source and structure of the target -> image.

    The image is [N, 3, H, W] in [-1, 1]. `appearance` [N, A, H, W] is the source image with its
    parsing map; `structure` [N, S, H, W] is the target pose with its parsing map. The
    transformation is that of the warping block, or None for a network without one (controls None).
    """

    def __init__(
        self,
        appearance: int,
        structure: int,
        ngf: int,
        downsamplings: int,
        blocks: int,
        norm_kind: str,
        size: tuple[int, int],
        controls: int | None,
    ):
        super().__init__()
        channels = ngf << downsamplings
        code_size = (size[0] >> downsamplings, size[1] >> downsamplings)
        self.appearance = encoder(appearance, ngf, downsamplings, norm_kind)
        self.structure = encoder(structure, ngf, downsamplings, norm_kind)
        self.warping = (
            None if controls is None else WarpingBlock(channels, norm_kind, code_size, controls)
        )
        self.fuse = nn.Sequential(
            conv(2 * channels, channels, 3, norm_kind),
            norm(norm_kind, channels),
            nn.ReLU(inplace=True),
        )
        self.blocks = residual_blocks(channels, blocks, norm_kind)
        self.decoder = decoder(3, ngf, downsamplings, norm_kind)
        initialise(self)

    def forward(
        self, appearance: Tensor, structure: Tensor, transformation: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        code = self.appearance(appearance)
        if self.warping is not None:
            code = self.warping(code, *cast(tuple[Tensor, Tensor], transformation))
        code = self.fuse(torch.cat([code, self.structure(structure)], 1))
        return torch.tanh(self.decoder(self.blocks(code)))


class PyramidDiscriminator(nn.Module):
    """A picture and its conditions [N, inputs, H, W] -> three feature maps, then logits (Figure 5).

    The feature maps are of decreasing size.
    """

    def __init__(self, inputs: int, ndf: int, norm_kind: str):
        super().__init__()
        # The first layer has no norm, as in pix2pixHD's discriminator, from which this one is
        # adapted.
        self.levels = nn.ModuleList(
            [nn.Sequential(nn.Conv2d(inputs, ndf, 4, 2, 1), nn.LeakyReLU(0.2))]
        )
        for channels in (ndf, 2 * ndf):
            bias = norm_kind == "instance"
            self.levels.append(
                nn.Sequential(
                    nn.Conv2d(channels, 2 * channels, 4, 2, 1, bias=bias),
                    norm(norm_kind, 2 * channels),
                    nn.LeakyReLU(0.2),
                )
            )
        self.score = nn.Conv2d(4 * ndf, 1, 3, padding=1)
        initialise(self)

    def forward(self, judged: Tensor) -> list[Tensor]:
        maps = [judged]
        for level in self.levels:
            maps.append(level(maps[-1]))
        return [*maps[1:], self.score(maps[-1])]
