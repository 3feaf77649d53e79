"""The geometric matcher: the affine map, then the thin-plate spline, that lays one map of a person
over another.

After Rocco, Arandjelovic, Sivic: "Convolutional neural network architecture for geometric matching"
(CVPR 2017), which warping_gan (3.1.2, Figure 3) applies to parsing maps: siamese features, a
correlation of all their places, a regression.
It needs no labels and no outside weights, because it learns on maps that are transformed at random:
the transformation is then known (section 4 of that paper).

A transformation is a *grid*: for every point of the fixed map, the point (x, y) of the moving map
that comes there, in the coordinates of torch's grid_sample, -1 to 1 from edge to edge
(align_corners=False). Grids are float32 whatever
precision the networks run in. The two steps are composed exactly: the spline's points are mapped on
by the affine map.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generators.networks.layers import norm
from generators.training.phases import TrainingParams


@dataclass(frozen=True)
class MatcherParams:
    """A geometric matcher and the random transformations it learns from. ValueError where a value
    makes no sense.
    """

    channels: int  # of the first convolution; they double with every halving
    downsamplings: int  # from image size to the size at which features are correlated
    norm: str
    controls: int  # control points of the spline along each side
    rotation_degrees: float  # random transformations: largest angle,
    scale: float  # largest change of size, as a share, each axis by itself,
    shift: float  # largest move, in halves of the image's sides,
    bend: float  # and largest move of a control point, in halves of the image's sides
    training: TrainingParams

    def __post_init__(self):
        for name in ("channels", "downsamplings"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"warping_gan.matcher.{name} is {getattr(self, name)}; it must be at least 1"
                )
        if self.controls < 2:
            raise ValueError(
                f"warping_gan.matcher.controls is {self.controls}; it must be at least 2"
            )
        for name in ("rotation_degrees", "shift", "bend"):
            if getattr(self, name) < 0:
                raise ValueError(
                    f"warping_gan.matcher.{name} is {getattr(self, name)}; it must not be negative"
                )
        if not 0 <= self.scale < 1:
            raise ValueError(
                f"warping_gan.matcher.scale is {self.scale}; it must lie in 0 to 1, and below 1"
            )


def pixel_points(size: tuple[int, int]) -> Tensor:
    """The centres of an image's pixels, (x, y) in -1 to 1: float64 [H * W, 2], row by row."""
    height, width = size
    y = (2 * torch.arange(height, dtype=torch.float64) + 1) / height - 1
    x = (2 * torch.arange(width, dtype=torch.float64) + 1) / width - 1
    return torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1).reshape(-1, 2)


def control_points(controls: int) -> Tensor:
    """The spline's controls, a square lattice from corner to corner, (x, y): float64 [controls^2,
    2].
    """
    side = torch.linspace(-1, 1, controls, dtype=torch.float64)
    return torch.stack(torch.meshgrid(side, side, indexing="ij")[::-1], -1).reshape(-1, 2)


def spline_matrix(points: Tensor, controls: Tensor) -> Tensor:
    """The matrix [P, K] that maps where the controls [K, 2] go to where the points [P, 2] go,
    float64.

    The thin-plate spline f(p) = a_0 + a_1 x + a_2 y + sum_k w_k U(|p - c_k|), U(r) = r^2 log r^2,
    of least bending energy among all that take c_k to q_k, solves [[U, P], [P^T, 0]] (w, a) = (q,
    0) (Bookstein 1989, "Principal warps"). It is linear in q, so that its solution is one matrix,
    made once.
    """

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        squared = (a[:, None] - b).square().sum(-1)
        return torch.where(squared == 0, 0.0, squared * squared.clamp(min=1e-300).log())

    def affine(p: Tensor) -> Tensor:
        return torch.cat([torch.ones_like(p[:, :1]), p], 1)

    number = len(controls)
    system = controls.new_zeros(number + 3, number + 3)
    system[:number, :number] = kernel(controls, controls)
    system[:number, number:] = affine(controls)
    system[number:, :number] = affine(controls).T
    return (
        torch.cat([kernel(points, controls), affine(points)], 1)
        @ torch.linalg.inv(system)[:, :number]
    )


def apply_affine(theta: Tensor, points: Tensor) -> Tensor:
    """theta [N, 2, 3] times (x, y, 1), for points [N or 1, ..., 2] -> [N, ..., 2]."""
    flat = points.flatten(1, -2)
    moved = (theta[:, None, :, :2] * flat[:, :, None]).sum(-1) + theta[:, None, :, 2]
    return moved.view(theta.shape[0], *points.shape[1:])


class Lattice(nn.Module):
    """Points of an image of one size, under an affine map and a spline of controls^2 control
    points.
    """

    def __init__(self, size: tuple[int, int], controls: int):
        super().__init__()
        self.size = size
        points, at = pixel_points(size), control_points(controls)
        self.register_buffer("points", points.float(), persistent=False)
        self.register_buffer("controls", at.float(), persistent=False)
        self.register_buffer("matrix", spline_matrix(points, at).float(), persistent=False)

    def forward(self, theta: Tensor, moves: Tensor | None = None) -> Tensor:
        """The grid float32 [N, H, W, 2] of affine maps [N, 2, 3] after splines whose controls move
        by [N, K, 2].
        """
        theta, points = theta.float(), self.points.expand(theta.shape[0], -1, -1)
        if moves is not None:
            # bfloat16 would round points by whole pixels.
            with torch.autocast(theta.device.type, enabled=False):
                points = self.matrix @ (self.controls + moves.float())
        return apply_affine(theta, points).view(theta.shape[0], *self.size, 2)


def warp(features: Tensor, grid: Tensor) -> Tensor:
    """features [N, C, H, W] brought along a grid [N, h, w, 2]: float32 [N, C, h, w], 0 from
    outside.
    """
    return F.grid_sample(features.float(), grid.float(), padding_mode="zeros", align_corners=False)


def random_transformations(
    number: int, params: MatcherParams, size: tuple[int, int], device
) -> tuple[Tensor, Tensor]:
    """Affine maps [N, 2, 3] and moves of the spline's controls [N, controls^2, 2], from torch's
    global random numbers.

    Angles are those of the image: in coordinates of -1 to 1 its sides have different units.
    """
    angle, *numbers = (2 * torch.rand(5, number, device=device) - 1).unbind()
    angle = angle * math.radians(params.rotation_degrees)
    scale_x, scale_y = (1 + params.scale * n for n in numbers[:2])
    shift_x, shift_y = (params.shift * n for n in numbers[2:])
    aspect = size[0] / size[1]
    rows = [
        torch.stack([scale_x * angle.cos(), -aspect * scale_y * angle.sin(), shift_x], 1),
        torch.stack([scale_x * angle.sin() / aspect, scale_y * angle.cos(), shift_y], 1),
    ]
    bends = params.bend * (2 * torch.rand(number, params.controls**2, 2, device=device) - 1)
    return torch.stack(rows, 1), bends


def identity(number: int, device: torch.device) -> Tensor:
    """The affine map that leaves everything in its place, [N, 2, 3]."""
    return torch.eye(2, 3, device=device).expand(number, 2, 3)


def correlation(moving: Tensor, fixed: Tensor) -> Tensor:
    """How alike every place of two maps of features [N, C, h, w] is: [N, h * w of the moving map,
    h, w], 0 to 1.

    Cosines, negative ones cut off, then of unit length over the moving map's places, so that a
    place with one good match stands out from one with many (Rocco et al., 3.2).
    """
    number, _, height, width = fixed.shape
    moving, fixed = (F.normalize(f.flatten(2).float(), dim=1) for f in (moving, fixed))
    cosines = torch.bmm(moving.transpose(1, 2), fixed).float().relu()
    return F.normalize(cosines, dim=1).view(number, -1, height, width)


class MatchingNetwork(nn.Module):
    """Two maps [N, C, H, W], moving and fixed -> `outputs` numbers each, [N, outputs], all 0 before
    any training.
    """

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int], params: MatcherParams):
        super().__init__()
        layers, before, after = [], inputs, params.channels
        for _ in range(params.downsamplings):
            layers += [
                nn.Conv2d(before, after, 4, 2, 1),
                norm(params.norm, after),
                nn.ReLU(inplace=True),
            ]
            before, after = after, 2 * after
        layers += [
            nn.Conv2d(before, before, 3, padding=1),
            norm(params.norm, before),
            nn.ReLU(inplace=True),
        ]
        self.extractor = nn.Sequential(*layers, nn.Conv2d(before, before, 3, padding=1))
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
        # One extractor for both (siamese), in one pass, so that batch norm takes them alike.
        features = self.extractor(torch.cat([moving, fixed]))
        number = moving.shape[0]
        return self.head(self.regression(correlation(features[:number], features[number:]))).float()


class GeometricMatcher(nn.Module):
    """Two maps of persons [N, C, H, W], moving and fixed -> affine map [N, 2, 3] and moves of the
    controls [N, K, 2].

    0 is no person in every channel (a parsing map comes without its background). `lattice` makes
    their grid.
    """

    def __init__(self, inputs: int, size: tuple[int, int], params: MatcherParams):
        super().__init__()
        self.params = params
        self.lattice = Lattice(size, params.controls)
        self.affine = MatchingNetwork(inputs, 6, size, params)
        self.spline = MatchingNetwork(inputs, 2 * params.controls**2, size, params)

    def forward(self, moving: Tensor, fixed: Tensor) -> tuple[Tensor, Tensor]:
        """First the affine map; then the spline, between the map so moved and the fixed one
        (3.1.2).
        """
        theta = identity(moving.shape[0], moving.device) + self.affine(moving, fixed).view(-1, 2, 3)
        with torch.no_grad():
            moved = warp(moving, self.lattice(theta))
        moves = self.spline(moved, fixed).view(moving.shape[0], -1, 2)
        return theta, moves


@dataclass(frozen=True)
class Matched:
    """How a matcher did.

    affine, both: grids [N, H, W, 2] of the affine map alone and of both steps; true: those that
        were drawn
    moved: [N, C, H, W], the moving maps of real pairs laid over the fixed ones; made in evaluation
    mode alone, to be seen
    """

    affine: Tensor
    both: Tensor
    true: Tensor
    moved: Tensor | None


def match(matcher: GeometricMatcher, moving: Tensor, fixed: Tensor) -> Matched:
    """A matcher on maps [N, C, H, W] and what random transformations make of them."""
    lattice = matcher.lattice
    true = lattice(
        *random_transformations(len(moving), matcher.params, lattice.size, moving.device)
    )
    theta, moves = matcher(moving, warp(moving, true))
    moved = None if matcher.training else warp(moving, lattice(*matcher(moving, fixed)))
    # The spline learns what the affine map leaves over, without moving the affine map.
    return Matched(lattice(theta), lattice(theta.detach(), moves), true, moved)


def matcher_losses(matched: Matched) -> dict[str, Tensor]:
    """Mean squared distance of points from where they should come from (Rocco et al., eq. 5), for
    each step.
    """
    grids = (("affine", matched.affine), ("spline", matched.both))
    return {name: (grid - matched.true).square().sum(-1).mean() for name, grid in grids}
