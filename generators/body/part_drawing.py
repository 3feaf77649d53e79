"""Pixels of a person's ten rigid parts: coverage, order, and where each comes from."""

import torch
import torch.nn.functional as F
from torch import Tensor

from generators.body.body_parts import (
    HEAD,
    PARTS,
    PartParams,
    frames,
    one_piece,
    tidy,
    torso_scale,
    usable,
    with_mirrored,
)
from generators.body.pose import visible


def draw_order(keypoints: Tensor) -> Tensor:
    """Parts from far to near, int64 [N, 10].

    The near side is the one with more visible joints; on a tie, the side that a face turned
    sideways shows; on a further tie, the one with the lower hip. A person seen from the side has
    the far arm behind the torso; anyone else has both arms in front of it.
    """
    seen = visible(keypoints).float()
    more = seen[:, [3, 4, 9, 10, 14, 16]].sum(1) - seen[:, [6, 7, 12, 13, 15, 17]].sum(1)
    scale = torso_scale(keypoints).clamp(min=1e-3)
    shoulders = keypoints[:, [2, 5], 1]
    looks_right = (
        seen[:, 0] * (keypoints[:, 0, 1] - shoulders.mean(1)) / scale
    )  # and so shows the right side
    lower = (keypoints[:, 8, 0] - keypoints[:, 11, 0]) / scale
    right_near = more + 0.1 * looks_right.clamp(-2, 2) + 1e-3 * lower.clamp(-2, 2) > 0
    sideways = (shoulders[:, 1] - shoulders[:, 0]).abs() < 0.4 * scale
    orders = torch.tensor(ORDERS).to(keypoints.device, non_blocking=True)
    return orders[2 * (~right_near).long() + (~sideways).long()]


# Parts from far to near: seen from the side with the right side near; else with the right side
# near; the same for left.
ORDERS = (
    (4, 5, 8, 9, 6, 7, 1, 0, 2, 3),
    (8, 9, 6, 7, 1, 0, 4, 5, 2, 3),
    (2, 3, 6, 7, 8, 9, 1, 0, 4, 5),
    (6, 7, 8, 9, 1, 0, 2, 3, 4, 5),
)


def local(frame: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """(u, v) of every pixel of an image, float32 [N, H, W] each, for one part's frame [N, 3, 2]."""
    height, width = size
    centre, along, across = frame.unbind(1)
    area = along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]
    area = torch.where(area.abs() < 1e-6, 1e-6, area)[:, None]
    y = torch.arange(height, device=frame.device) - centre[:, 0, None]
    x = torch.arange(width, device=frame.device) - centre[:, 1, None]
    u = (y * across[:, 1, None] / area)[:, :, None] - (x * across[:, 0, None] / area)[:, None, :]
    v = (x * along[:, 0, None] / area)[:, None, :] - (y * along[:, 1, None] / area)[:, :, None]
    return u, v


def coverage(u: Tensor, v: Tensor, frame: Tensor, is_head: Tensor, soft_px: float) -> Tensor:
    """Share of each pixel that a part covers, float32 [N, H, W] in [0, 1].

    It is 1/2 on the outline, whose edge is soft_px wide. The outline of a head is an ellipse,
    u^2 + v^2 = 1; that of any other part is a rounded box, u^4 + v^4 = 1.

    Args:
        u: Coordinate along the part, [N, H, W], as returned by `local`.
        v: Coordinate across the part, likewise.
        frame: Frames [N, 3, 2].
        is_head: bool [N].
        soft_px: Width of the edge in px.
    """
    u, v = u.square(), v.square()
    squared = torch.where(is_head[:, None, None], u + v, (u.square() + v.square()).sqrt())
    return ((1 - squared.sqrt()) * (narrow(frame) / soft_px)[:, None, None] + 0.5).clamp(0, 1)


def narrow(frame: Tensor) -> Tensor:
    """The shorter half-axis of frames [..., 3, 2], px [...]."""
    return frame[..., 1:, :].norm(dim=-1).amin(-1)


def parts_mask(parts: Tensor, size: tuple[int, int], grow_px: Tensor, soft_px: float) -> Tensor:
    """Mask of all parts together, [N, 1, H, W] in [0, 1].

    Args:
        parts: Frames [N, 10, 3, 2].
        size: (height, width) in px.
        grow_px: Length by which the half-axes are extended, [N].
        soft_px: Width of the edge in px.
    """
    lengths = parts[:, :, 1:].norm(dim=-1, keepdim=True).clamp(min=1e-3)
    grown = torch.cat(
        [parts[:, :, :1], parts[:, :, 1:] * (1 + grow_px[:, None, None, None] / lengths)], 2
    )
    mask = parts.new_zeros(len(parts), *size)
    for part in range(len(PARTS)):
        frame = grown[:, part]
        is_head = torch.full((len(parts),), part == HEAD, device=parts.device)
        mask = mask.maximum(coverage(*local(frame, size), frame, is_head, soft_px))
    return mask[:, None]


def part_masks(parts: Tensor, size: tuple[int, int], soft_px: float) -> Tensor:
    """Share of each pixel that each part covers, float32 [N, 10, H, W] in [0, 1].

    Args:
        parts: Frames [N, 10, 3, 2].
        size: (height, width) in px.
        soft_px: Width of the edge in px.
    """
    flat = parts.flatten(0, 1)
    is_head = torch.tensor(
        [part == HEAD for part in range(len(PARTS))], device=parts.device
    ).repeat(parts.shape[0])
    return coverage(*local(flat, size), flat, is_head, soft_px).unflatten(0, (-1, len(PARTS)))


def part_grids(source: Tensor, target: Tensor, size: tuple[int, int]) -> Tensor:
    """Where each pixel of the target lies in the source, if it belongs to a part: [N, 10, H, W, 2].

    Coordinates are (x, y) from -1 to 1, from edge to edge, as F.grid_sample takes them with
    align_corners=False.

    Args:
        source: Frames [N, 10, 3, 2] in the source.
        target: Frames [N, 10, 3, 2] in the target.
        size: (height, width) in px.
    """
    u, v = (
        coordinate.unflatten(0, (-1, len(PARTS)))[..., None]
        for coordinate in local(target.flatten(0, 1), size)
    )
    centre, along, across = (axis[:, :, None, None] for axis in source.unbind(2))
    return to_grid(centre + u * along + v * across, size)


def to_grid(points: Tensor, size: tuple[int, int]) -> Tensor:
    """(y, x) in px at `size`, [..., 2] -> F.grid_sample's (x, y) with align_corners=False."""
    return (2 * points.flip(-1) + 1) / points.new_tensor([size[1], size[0]]) - 1


def front_part(masks: Tensor, order: Tensor) -> Tensor:
    """The nearest part that covers more than half of each pixel: int64 [N, H, W], -1 without one.

    Args:
        masks: [N, 10, H, W], as returned by `part_masks`.
        order: Parts from far to near, [N, 10].
    """
    nearness = order.argsort(1) + 1
    nearest, part = ((masks > 0.5) * nearness[:, :, None, None]).max(1)
    return torch.where(nearest > 0, part, -1)


def rigid_flow(
    source: Tensor, target: Tensor, size: tuple[int, int], params: PartParams
) -> tuple[Tensor, Tensor]:
    """How a person of ten rigid parts moves from one pose to another.

    Unless both poses have a usable torso, the person is one piece that stays in place.

    Args:
        source: Keypoints [N, 18, 2] at `size`; impossible ones count as missing.
        target: Keypoints of the target pose, likewise.
        size: (height, width) in px.
        params: Sizes of the parts.

    Returns:
        (grid, visibility). grid [N, H, W, 2] says where each pixel of the target lies in the
        source, for F.grid_sample with align_corners=False; outside all parts it is the pixel
        itself. visibility [N, 3, H, W] is one-hot: the source shows this point of the body; it does
        not (it is hidden behind a nearer part, lies outside the image, or belongs to an invisible
        limb, which the other side's limb replaces); background.
    """
    source, target = tidy(source, size), tidy(target, size)
    whole = ~(usable(source, size) & usable(target, size))[:, None, None, None]
    oval = one_piece(size, source.device)
    own, placed = (
        torch.where(whole, oval, frames(keypoints, size, params)) for keypoints in (source, target)
    )
    cut = torch.where(whole, oval, with_mirrored(own, source))
    front = front_part(part_masks(placed, size, 1.0), draw_order(target))
    height, width = size
    rows = torch.arange(height, device=source.device)[:, None].expand(size)
    columns = torch.arange(width, device=source.device)[None].expand(size)
    still = to_grid(torch.stack([rows, columns], -1).to(source.dtype), size)
    chosen = front.clamp(min=0)[:, None, :, :, None].expand(-1, 1, -1, -1, 2)
    person = front >= 0
    grid = torch.where(
        person[..., None], part_grids(cut, placed, size).gather(1, chosen)[:, 0], still
    )
    # What the source shows at that point, counted from 1 so that 0 is what lies outside the image.
    shown = front_part(part_masks(own, size, 1.0), draw_order(source))[:, None].to(source.dtype) + 1
    shown = F.grid_sample(shown, grid, mode="nearest", align_corners=False)[:, 0].round().long() - 1
    visible_part = person & (shown == front)
    return grid, torch.stack([visible_part, person & ~visible_part, ~person], 1).to(source.dtype)
