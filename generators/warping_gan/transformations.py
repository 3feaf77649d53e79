"""Affine maps and thin-plate splines as sampling grids.

A *grid* gives, for every point of the fixed map, the point (x, y) of the moving map that is sampled
for it, in the coordinates of torch's grid_sample: -1 to 1 from edge to edge (align_corners=False).
Grids are float32 whatever the precision of the networks. The two steps are composed exactly: the
affine map is applied to the spline's points.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generators.warping_gan.params import MatcherParams


def pixel_points(size: tuple[int, int]) -> Tensor:
    """The centres of an image's pixels, (x, y) in -1 to 1: float64 [H * W, 2], row by row."""
    height, width = size
    y = (2 * torch.arange(height, dtype=torch.float64) + 1) / height - 1
    x = (2 * torch.arange(width, dtype=torch.float64) + 1) / width - 1
    return torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1).reshape(-1, 2)


def control_points(controls: int) -> Tensor:
    """The spline's control points (x, y), a lattice over the image: float64 [controls^2, 2]."""
    side = torch.linspace(-1, 1, controls, dtype=torch.float64)
    return torch.stack(torch.meshgrid(side, side, indexing="ij")[::-1], -1).reshape(-1, 2)


def spline_matrix(points: Tensor, controls: Tensor) -> Tensor:
    """The matrix, float64 [P, K], from the moved controls to the moved points.

    The thin-plate spline f(p) = a_0 + a_1 x + a_2 y + sum_k w_k U(|p - c_k|), U(r) = r^2 log r^2,
    has the least bending energy among all maps that take c_k to q_k. It solves
    [[U, P], [P^T, 0]] (w, a) = (q, 0) (Bookstein 1989, "Principal warps"). The solution is linear
    in q, so it is a matrix that is computed once.

    Args:
        points: [P, 2].
        controls: [K, 2].
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
    """The pixel grid of an image under an affine map and a spline of controls^2 control points."""

    points: Tensor
    controls: Tensor
    matrix: Tensor

    def __init__(self, size: tuple[int, int], controls: int):
        super().__init__()
        self.size = size
        points, lattice = pixel_points(size), control_points(controls)
        self.register_buffer("points", points.float(), persistent=False)
        self.register_buffer("controls", lattice.float(), persistent=False)
        self.register_buffer("matrix", spline_matrix(points, lattice).float(), persistent=False)

    def forward(self, theta: Tensor, moves: Tensor | None = None) -> Tensor:
        """The grid, float32 [N, H, W, 2], of splines followed by affine maps.

        Args:
            theta: Affine maps [N, 2, 3].
            moves: Moves of the splines' controls, [N, K, 2]; None for no spline.
        """
        theta, points = theta.float(), self.points.expand(theta.shape[0], -1, -1)
        if moves is not None:
            # bfloat16 would round points by whole pixels.
            with torch.autocast(theta.device.type, enabled=False):
                points = self.matrix @ (self.controls + moves.float())
        return apply_affine(theta, points).view(theta.shape[0], *self.size, 2)


def warp(features: Tensor, grid: Tensor) -> Tensor:
    """Features [N, C, H, W] sampled at a grid [N, h, w, 2]: float32 [N, C, h, w], 0 outside."""
    return F.grid_sample(features.float(), grid.float(), padding_mode="zeros", align_corners=False)


def random_transformations(
    number: int, params: MatcherParams, size: tuple[int, int], device
) -> tuple[Tensor, Tensor]:
    """Random affine maps [N, 2, 3] and moves of the spline's controls [N, controls^2, 2].

    They are drawn from torch's global random generator. Angles are those of the image, whose sides
    have different units in coordinates of -1 to 1.
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
    """The affine map that moves nothing, [N, 2, 3]."""
    return torch.eye(2, 3, device=device).expand(number, 2, 3)
