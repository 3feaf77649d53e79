"""The geometric matcher, which aligns one map of a person with another.

It estimates an affine map, then a thin-plate spline. It follows Rocco, Arandjelovic, Sivic:
"Convolutional neural network architecture for geometric matching" (CVPR 2017), which warping_gan
(3.1.2, Figure 3) applies to parsing maps: siamese features, a correlation of all their positions, a
regression. It needs neither labels nor outside weights, because it learns from randomly transformed
maps, whose transformation is known (section 4 of that paper).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generators.networks.layers import norm
from generators.warping_gan.params import MatcherParams
from generators.warping_gan.transformations import Lattice, identity, random_transformations, warp


def correlation(moving: Tensor, fixed: Tensor) -> Tensor:
    """Similarity of all pairs of positions in two feature maps [N, C, h, w].

    These are cosines, with negative ones set to 0, normalised to unit length over the moving map's
    positions. A position with one good match then stands out from one with many (Rocco et al.,
    3.2).

    Returns:
        [N, h * w, h, w] in [0, 1]; the second dimension is the position in the moving map.
    """
    number, _, height, width = fixed.shape
    moving, fixed = (F.normalize(f.flatten(2).float(), dim=1) for f in (moving, fixed))
    cosines = torch.bmm(moving.transpose(1, 2), fixed).float().relu()
    return F.normalize(cosines, dim=1).view(number, -1, height, width)


class MatchingNetwork(nn.Module):
    """Two maps [N, C, H, W], moving and fixed -> [N, outputs], all 0 before training."""

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int], params: MatcherParams):
        super().__init__()
        layers, channels, wider = [], inputs, params.channels
        for _ in range(params.downsamplings):
            layers += [
                nn.Conv2d(channels, wider, 4, 2, 1),
                norm(params.norm, wider),
                nn.ReLU(inplace=True),
            ]
            channels, wider = wider, 2 * wider
        layers += [
            nn.Conv2d(channels, channels, 3, padding=1),
            norm(params.norm, channels),
            nn.ReLU(inplace=True),
        ]
        self.extractor = nn.Sequential(*layers, nn.Conv2d(channels, channels, 3, padding=1))
        height, width = (side // 2**params.downsamplings for side in size)
        self.regression = nn.Sequential(
            nn.Conv2d(height * width, 128, 5, padding=2),
            norm(params.norm, 128),
            nn.ReLU(inplace=True),
            nn.Conv2d(128, 64, 3, padding=1),
            norm(params.norm, 64),
            nn.ReLU(inplace=True),
            nn.Flatten(),
        )
        self.head = nn.Linear(64 * height * width, outputs)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
        # One extractor for both (siamese), in one pass, so that batch norm treats them alike.
        features = self.extractor(torch.cat([moving, fixed]))
        number = moving.shape[0]
        return self.head(self.regression(correlation(features[:number], features[number:]))).float()


class GeometricMatcher(nn.Module):
    """Two maps [N, C, H, W], moving and fixed -> affine map [N, 2, 3] and control moves [N, K, 2].

    Where there is no person, all channels are 0 (a parsing map comes without its background).
    `lattice` turns the result into a grid.
    """

    def __init__(self, inputs: int, size: tuple[int, int], params: MatcherParams):
        super().__init__()
        self.params = params
        self.lattice = Lattice(size, params.controls)
        self.affine = MatchingNetwork(inputs, 6, size, params)
        self.spline = MatchingNetwork(inputs, 2 * params.controls**2, size, params)

    def forward(self, moving: Tensor, fixed: Tensor) -> tuple[Tensor, Tensor]:
        """The affine map, then the spline between the moved and the fixed map (3.1.2)."""
        theta = identity(moving.shape[0], moving.device) + self.affine(moving, fixed).view(-1, 2, 3)
        with torch.no_grad():
            moved = warp(moving, self.lattice(theta))
        moves = self.spline(moved, fixed).view(moving.shape[0], -1, 2)
        return theta, moves


@dataclass(frozen=True)
class Matched:
    """The output of a matcher.

    affine, both: grids [N, H, W, 2] of the affine map alone and of both steps
    true: grids [N, H, W, 2] of the random transformations
    moved: the moving maps of real pairs, aligned with the fixed ones, [N, C, H, W]; made only in
        evaluation mode, for display
    """

    affine: Tensor
    both: Tensor
    true: Tensor
    moved: Tensor | None


def match(matcher: GeometricMatcher, moving: Tensor, fixed: Tensor) -> Matched:
    """Apply a matcher to maps [N, C, H, W] and their random transformations."""
    lattice = matcher.lattice
    true = lattice(
        *random_transformations(len(moving), matcher.params, lattice.size, moving.device)
    )
    theta, moves = matcher(moving, warp(moving, true))
    moved = None if matcher.training else warp(moving, lattice(*matcher(moving, fixed)))
    # The spline learns what the affine map leaves over, without changing the affine map.
    return Matched(lattice(theta), lattice(theta.detach(), moves), true, moved)


def matcher_losses(matched: Matched) -> dict[str, Tensor]:
    """Mean squared distance of the points from their true positions, for each step.

    As in Rocco et al., eq. 5.
    """
    grids = (("affine", matched.affine), ("spline", matched.both))
    return {name: (grid - matched.true).square().sum(-1).mean() for name, grid in grids}
