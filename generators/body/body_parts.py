"""Ten rigid parts of a person, placed by keypoints.

A part's *frame* is a parallelogram in the image: centre, half-axis along the part, half-axis
across, each (y, x) in px. Its points are centre + u along + v across. The same (u, v) in two frames
is the same point of the body, so two frames define the affine map of a part from one pose to
another. The part's outline is a superellipse in (u, v).

All lengths are in *torso scales*, s = sqrt((|RHip - RSho|^2 + |LHip - LSho|^2) / 2), so that near
and far people are cut out in the same proportions.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from generators.body.pose import visible
from generators.body.skeleton import TORSO

PARTS = (
    "head", "torso", "right_upper_arm", "right_forearm", "left_upper_arm", "left_forearm",
    "right_thigh", "right_shank", "left_thigh", "left_shank",
)  # fmt: skip
HEAD = 0
# The joints at the two ends of each limb (parts 2 to 9), and the part of the other side.
STARTS, ENDS = [2, 3, 5, 6, 8, 9, 11, 12], [3, 4, 6, 7, 9, 10, 12, 13]
OTHER_SIDE = [0, 1, 4, 5, 2, 3, 8, 9, 6, 7]
FACE = [0, 14, 15, 16, 17]
# Chains of joints from the torso outwards, the same chain of the other side, and the usual length
# of each link.
CHAINS = (
    ((2, 3, 4), (5, 6, 7), (0.62, 0.50)),
    ((5, 6, 7), (2, 3, 4), (0.62, 0.50)),
    ((8, 9, 10), (11, 12, 13), (0.84, 0.84)),
    ((11, 12, 13), (8, 9, 10), (0.84, 0.84)),
)


@dataclass(frozen=True)
class PartParams:
    """Sizes in torso scales. Widths are half widths, from the axis to the edge.

    Raises:
        ValueError: If a value is invalid.
    """

    head: tuple[float, float]  # half height, half width
    torso_margin: float  # beyond the line from shoulder to hip
    torso_min: float  # half width of a torso seen from the side
    upper_arm: float
    forearm: float
    thigh: float
    shank: float
    hand: float  # how far a forearm extends beyond the wrist
    foot: float  # how far a shank extends beyond the ankle

    def __post_init__(self):
        for name, value in vars(self).items():
            if min(value if isinstance(value, tuple) else (value,)) < 0:
                raise ValueError(f"parts.{name} must not be negative, got {value}")


# Fitted to the people of mini_market and Market-1501.
USUAL = PartParams(
    head=(0.31, 0.23),
    torso_margin=0.13,
    torso_min=0.25,
    upper_arm=0.15,
    forearm=0.14,
    thigh=0.21,
    shank=0.17,
    hand=0.22,
    foot=0.25,
)


def tidy(keypoints: Tensor, size: tuple[int, int]) -> Tensor:
    """Keypoints [N, 18, 2] with impossible ones marked as missing.

    A coordinate is impossible if it is not finite, or if its magnitude is twice the longer side of
    `size` or more.
    """
    reach = max(size)
    sane = keypoints.isfinite().all(-1) & (keypoints.abs() < 2 * reach).all(-1) & visible(keypoints)
    return torch.where(sane[..., None], keypoints, -1.0)


def torso_scale(keypoints: Tensor) -> Tensor:
    """Torso scale s of each person, px [N], from keypoints [N, 18, 2]; invalid without a torso."""
    right, left = keypoints[:, 8] - keypoints[:, 2], keypoints[:, 11] - keypoints[:, 5]
    return ((right.square().sum(-1) + left.square().sum(-1)) / 2).sqrt()


def usable(keypoints: Tensor, size: tuple[int, int]) -> Tensor:
    """Whether each person can be cut into parts, bool [N].

    This requires both shoulders and both hips, a torso scale between a tenth of the image's height
    and all of it, and a torso whose middle lies in the image.
    """
    torso, (height, width) = keypoints[:, list(TORSO)], size
    scale, middle = torso_scale(keypoints), torso.mean(1)
    inside = (middle > -0.5).all(-1) & (middle[:, 0] < height - 0.5) & (middle[:, 1] < width - 0.5)
    return visible(torso).all(-1) & (scale >= 0.1 * height) & (scale <= height) & inside


def frames(
    keypoints: Tensor, size: tuple[int, int], params: PartParams, girth: Tensor | None = None
) -> Tensor:
    """Frames (centre, along, across) of the parts, float32 [N, 10, 3, 2].

    A person who is not `usable` becomes one piece, the middle of the image, stored as the torso.
    The other parts then lie far outside.

    Args:
        keypoints: [N, 18, 2] at `size`.
        size: (height, width) in px.
        params: Sizes of the parts.
        girth: [N, 10], factors on the widths.
    """
    scale = torso_scale(keypoints)[:, None]
    joints = _complete(keypoints, scale)
    limbs = _limbs(joints, scale, params)
    parts = torch.cat(
        [_head(keypoints, joints, scale, params), _torso(joints, scale, params), limbs], 1
    )
    if girth is not None:
        parts = (
            parts
            * torch.stack([torch.ones_like(girth), torch.ones_like(girth), girth], 2)[..., None]
        )
    return torch.where(
        usable(keypoints, size)[:, None, None, None], parts, one_piece(size, keypoints.device)
    )


def one_piece(size: tuple[int, int], device: torch.device) -> Tensor:
    """Frames [10, 3, 2] of a person with an unknown pose.

    A tall oval in the middle of the image, where bounding boxes have their person.
    """
    height, width = size
    parts = torch.tensor([[-1e4, -1e4], [1.0, 0.0], [0.0, 1.0]]).repeat(len(PARTS), 1, 1)
    parts[1] = torch.tensor(
        [[(height - 1) / 2, (width - 1) / 2], [0.46 * height, 0.0], [0.0, 0.34 * width]]
    )
    return parts.to(device, non_blocking=True)


def with_mirrored(parts: Tensor, keypoints: Tensor) -> Tensor:
    """Frames of a source; the other side's limb replaces one that is not visible."""
    seen = visible(keypoints)
    limbs = seen[:, STARTS] & seen[:, ENDS]
    limbs = torch.cat([torch.ones_like(limbs[:, :2]), limbs], 1)
    mirrored = parts[:, OTHER_SIDE] * parts.new_tensor([1.0, 1.0, -1.0])[:, None]
    return torch.where((~limbs & limbs[:, OTHER_SIDE])[..., None, None], mirrored, parts)


def _complete(keypoints: Tensor, scale: Tensor) -> Tensor:
    """Keypoints [N, 18, 2] with missing necks and limbs filled in; the face stays as it is.

    A missing knee or ankle is placed as on the other leg if that is visible, else straight below. A
    missing elbow or wrist is placed straight below.
    """
    seen = visible(keypoints)[..., None]
    joints = list(keypoints.unbind(1))
    down = _unit(joints[8] + joints[11] - joints[2] - joints[5])
    joints[1] = torch.where(seen[:, 1], joints[1], (joints[2] + joints[5]) / 2)
    for chain, other, lengths in CHAINS:
        for link, length in enumerate(lengths):
            (a, b), (c, d) = chain[link : link + 2], other[link : link + 2]
            offset = length * scale * down
            if a >= 8:
                offset = torch.where(
                    seen[:, c] & seen[:, d], keypoints[:, d] - keypoints[:, c], offset
                )
            joints[b] = torch.where(seen[:, b], joints[b], joints[a] + offset)
    return torch.stack(joints, 1)


def _head(keypoints: Tensor, joints: Tensor, scale: Tensor, params: PartParams) -> Tensor:
    seen = visible(keypoints)[:, FACE, None].float()
    count = seen.sum(1)
    up = _unit(joints[:, 2] + joints[:, 5] - joints[:, 8] - joints[:, 11])
    # A face lies in front of the head's middle and an ear next to it, so take the mean with where a
    # head usually is.
    usual = joints[:, 1] + 0.4 * scale * up
    face = (keypoints[:, FACE] * seen).sum(1) / count.clamp(min=1)
    middle = torch.where(count > 0, (face + usual) / 2, usual)
    direction = _unit(joints[:, 1] - middle)
    half_height, half_width = params.head
    return torch.stack(
        [middle, direction * half_height * scale, _turned(direction) * half_width * scale], 1
    )[:, None]


def _torso(joints: Tensor, scale: Tensor, params: PartParams) -> Tensor:
    top, bottom = (joints[:, 2] + joints[:, 5]) / 2, (joints[:, 8] + joints[:, 11]) / 2
    direction = _unit(bottom - top)
    top, bottom = top - 0.12 * scale * direction, bottom + 0.12 * scale * direction
    # From the person's right to left, so that a back view taken from a front view is mirrored.
    side = _turned(direction)
    wide = ((joints[:, 5] - joints[:, 2] + joints[:, 11] - joints[:, 8]) / 4 * side).sum(
        -1, keepdim=True
    )
    half = (wide.abs() + params.torso_margin * scale).maximum(params.torso_min * scale)
    return torch.stack(
        [(top + bottom) / 2, (bottom - top) / 2, torch.where(wide < 0, -half, half) * side], 1
    )[:, None]


def _limbs(joints: Tensor, scale: Tensor, params: PartParams) -> Tensor:
    widths = joints.new_tensor(
        [params.upper_arm, params.forearm] * 2 + [params.thigh, params.shank] * 2
    )
    beyond = joints.new_tensor([0.05, params.hand] * 2 + [0.05, params.foot] * 2)
    scale, width = scale[:, None], widths[:, None] * scale[:, None]
    start, reach = joints[:, STARTS], joints[:, ENDS] - joints[:, STARTS]
    direction = _unit(reach)
    # Seen end on, a limb still has the depth of its width.
    length = reach.norm(dim=-1, keepdim=True).maximum(width) + beyond[:, None] * scale
    start = start - 0.05 * scale * direction
    along = direction * (length + 0.05 * scale) / 2
    return torch.stack([start + along, along, _turned(direction) * width], 2)


def _unit(vector: Tensor) -> Tensor:
    """Unit vectors of [..., 2]; straight down if the length is zero."""
    length = vector.norm(dim=-1, keepdim=True)
    return torch.where(
        length > 1e-3, vector / length.clamp(min=1e-3), vector.new_tensor([1.0, 0.0])
    )


def _turned(direction: Tensor) -> Tensor:
    return torch.stack([-direction[..., 1], direction[..., 0]], -1)
