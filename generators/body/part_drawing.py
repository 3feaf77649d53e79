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

    The near side is the one with more joints in sight; or else the one that a face turned to the
    side shows; or else the one with the lower hip. A person seen from the side has the far arm
    behind the torso, any other both arms before it.
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
    """How much of each pixel a part covers, float32 [N, H, W] in [0, 1].

    It is 1/2 on the outline, which has an edge of soft_px. The outline is u^2 + v^2 = 1, an ellipse,
    for a head (bool [N]) and u^4 + v^4 = 1, a rounded box, for the rest.
    """
    u, v = u.square(), v.square()
    squared = torch.where(is_head[:, None, None], u + v, (u.square() + v.square()).sqrt())
    return ((1 - squared.sqrt()) * (narrow(frame) / soft_px)[:, None, None] + 0.5).clamp(0, 1)


def narrow(frame: Tensor) -> Tensor:
    """The shorter half-axis of frames [..., 3, 2], px [...]."""
    return frame[..., 1:, :].norm(dim=-1).amin(-1)


def parts_mask(found: Tensor, size: tuple[int, int], grow_px: Tensor, soft_px: float) -> Tensor:
    """Where any part is, [N, 1, H, W] in [0, 1].

    found: frames [N, 10, 3, 2]
    grow_px: length by which their half-axes are extended, [N]
    """
    lengths = found[:, :, 1:].norm(dim=-1, keepdim=True).clamp(min=1e-3)
    grown = torch.cat(
        [found[:, :, :1], found[:, :, 1:] * (1 + grow_px[:, None, None, None] / lengths)], 2
    )
    mask = found.new_zeros(len(found), *size)
    for part in range(len(PARTS)):
        frame = grown[:, part]
        is_head = torch.full((len(found),), part == HEAD, device=found.device)
        mask = mask.maximum(coverage(*local(frame, size), frame, is_head, soft_px))
    return mask[:, None]


def part_masks(found: Tensor, size: tuple[int, int], soft_px: float) -> Tensor:
    """How much of each pixel each part covers, float32 [N, 10, H, W] in [0, 1].

    found: frames [N, 10, 3, 2]
    """
    each = found.flatten(0, 1)
    is_head = torch.tensor(
        [part == HEAD for part in range(len(PARTS))], device=found.device
    ).repeat(found.shape[0])
    return coverage(*local(each, size), each, is_head, soft_px).unflatten(0, (-1, len(PARTS)))


def part_grids(source: Tensor, target: Tensor, size: tuple[int, int]) -> Tensor:
    """Where in the source each pixel of the target lies, if it belongs to a part: [N, 10, H, W, 2].

    source, target: frames [N, 10, 3, 2]
    (x, y) from -1 to 1, from edge to edge: what F.grid_sample takes with align_corners=False.
    """
    u, v = (
        one.unflatten(0, (-1, len(PARTS)))[..., None] for one in local(target.flatten(0, 1), size)
    )
    centre, along, across = (axis[:, :, None, None] for axis in source.unbind(2))
    return to_grid(centre + u * along + v * across, size)


def to_grid(points: Tensor, size: tuple[int, int]) -> Tensor:
    """(y, x) in px of an image of `size`, [..., 2] -> the coordinates of F.grid_sample with
    align_corners=False.
    """
    return (2 * points.flip(-1) + 1) / points.new_tensor([size[1], size[0]]) - 1


def front_part(masks: Tensor, order: Tensor) -> Tensor:
    """The nearest part that covers more than half of each pixel: int64 [N, H, W], -1 without one.

    masks: [N, 10, H, W]
    order: parts from far to near, [N, 10]
    """
    nearness = order.argsort(1) + 1
    nearest, part = ((masks > 0.5) * nearness[:, :, None, None]).max(1)
    return torch.where(nearest > 0, part, -1)


def rigid_flow(
    source: Tensor, target: Tensor, size: tuple[int, int], params: PartParams
) -> tuple[Tensor, Tensor]:
    """How a person of ten rigid parts moves from one pose to another.

    source, target: keypoints [N, 18, 2] at `size`; untidy ones are tidied, and without a usable
        torso in both the person is one piece that stays where it is.

    Returns:
        grid [N, H, W, 2]: where in the source each pixel of the target lies, for F.grid_sample with
            align_corners=False; the pixel itself where no part is.
        visibility [N, 3, H, W], one-hot: the source shows this point of the body; it does not
            (hidden behind a nearer part, outside the image, or a limb out of sight, for which the
            other side's stands in); background.
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
