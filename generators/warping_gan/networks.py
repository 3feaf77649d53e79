"""The networks of Soft-gated Warping-GAN (warping_gan.py).

Both stages' generators, the warping block and the discriminator.
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
        before, after = ngf << level, ngf << (level + 1)
        layers += [
            conv(before, after, 3, norm_kind, stride=2),
            norm(norm_kind, after),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def decoder(outputs: int, ngf: int, downsamplings: int, norm_kind: str) -> nn.Sequential:
    """[N, 2^d ngf, H/2^d, W/2^d] -> [N, outputs, H, W], without an activation at the end."""
    layers: list[nn.Module] = []
    for level in reversed(range(downsamplings)):
        before, after = ngf << (level + 1), ngf << level
        up = nn.ConvTranspose2d(
            before, after, 3, 2, 1, output_padding=1, bias=norm_kind == "instance"
        )
        layers += [up, norm(norm_kind, after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(ngf, outputs, 7, padding=3, padding_mode="reflect"))


def residual_blocks(channels: int, blocks: int, norm_kind: str) -> nn.Sequential:
    return nn.Sequential(
        *(ResidualBlock(channels, norm_kind, nn.ReLU(inplace=True), 0.0) for _ in range(blocks))
    )


class Parser(nn.Module):
    """Stage I (3.1.1): the source's parsing map or image and the target pose, [N, inputs, H, W] ->
    logits [N, labels, H, W].
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
    """The soft-gated warping block, eq. (1): T(F) = F + W . R(F), for features F [N, C, h, w] under
    a transformation.

    R is a residual branch, whose output is brought along the transformation's grid; the gate, in
    [0, 1] for every feature and place, is made from both features and from how far the grid moves
    each place, so that it can open where the pose
    changes much. The transformation is what GeometricMatcher gives: affine map [N, 2, 3], moves of
    the controls [N, K, 2].
    """

    def __init__(self, channels: int, norm_kind: str, size: tuple[int, int], controls: int):
        super().__init__()
        self.lattice = Lattice(size, controls)
        self.residual = ResidualBlock(channels, norm_kind, nn.ReLU(inplace=True), 0.0).body
        self.gate = nn.Conv2d(2 * channels + 2, channels, 3, padding=1)

    def gated(self, features: Tensor, theta: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
        """(W, R(F) as moved), both [N, C, h, w]."""
        grid = self.lattice(theta, moves)
        moved = warp(self.residual(features), grid)
        shifts = (grid - self.lattice.points.view(*grid.shape[1:])).movedim(-1, 1)
        return torch.sigmoid(self.gate(torch.cat([features.float(), moved, shifts], 1))), moved

    def forward(self, features: Tensor, theta: Tensor, moves: Tensor) -> Tensor:
        gate, moved = self.gated(features, theta, moves)
        return features + gate * moved


class ImageNetwork(nn.Module):
    """Stage II (3.1.3): what is known of the source and of the target -> image [N, 3, H, W] in [-1,
    1].

    appearance [N, A, H, W]: source image and its parsing map; structure [N, S, H, W]: target pose
    and parsing map;
    transformation: that of the warping block; None, and only then, for a network without one
    (controls None).
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
    """A picture and its conditions [N, inputs, H, W] -> three feature maps of falling size (Figure
    5) and logits, last.
    """

    def __init__(self, inputs: int, ndf: int, norm_kind: str):
        super().__init__()
        # The first layer has no norm, as in pix2pixHD's discriminator, which this one is adapted
        # from.
        self.levels = nn.ModuleList(
            [nn.Sequential(nn.Conv2d(inputs, ndf, 4, 2, 1), nn.LeakyReLU(0.2))]
        )
        for before in (ndf, 2 * ndf):
            bias = norm_kind == "instance"
            self.levels.append(
                nn.Sequential(
                    nn.Conv2d(before, 2 * before, 4, 2, 1, bias=bias),
                    norm(norm_kind, 2 * before),
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
