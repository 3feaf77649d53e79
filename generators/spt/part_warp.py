"""The warp of SPT's deformable skips: maps of the source moved by ten rigid parts."""

import torch
from torch import Tensor
from torch.nn import functional as F

from generators.body import body_parts, part_drawing
from generators.body.pose import size_of

TORSO_PART = 1


class PartWarp:
    """Moves the source's maps [N, C, h, w], of any level, to the target's pose by ten rigid parts.

    A person without a usable torso in source or target stays in place.

    Args:
        kind: parts, flow or plain. `parts` moves the whole map by each part's affine map, cuts out
            the part with a mask, and takes the maximum over parts, as in Siarohin et al.,
            "Deformable GANs for Pose-based Human Image Generation" (2018), 3.2; as in that paper,
            the torso's mask is all ones. `flow` takes every pixel from the nearest part that covers
            it, or else from the torso, for a tenth of the work. `plain` moves nothing.
        source: Keypoints [N, 18, 2] at `size`.
        target: Keypoints [N, 18, 2] at `size`.
        size: (height, width) in px.
    """

    def __init__(self, kind: str, source: Tensor, target: Tensor, size: tuple[int, int]):
        self.kind, self.size = kind, size
        source, target = body_parts.tidy(source, size), body_parts.tidy(target, size)
        whole = ~(body_parts.usable(source, size) & body_parts.usable(target, size))[
            :, None, None, None
        ]
        oval = body_parts.one_piece(size, source.device)
        cut, placed = (
            body_parts.frames(points, size, body_parts.USUAL) for points in (source, target)
        )
        self.cut = torch.where(whole, oval, body_parts.with_mirrored(cut, source))
        self.placed = torch.where(whole, oval, placed)
        self.order = part_drawing.draw_order(target)
        self.known: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def _level(self, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """(grids [N, 10, h, w, 2], masks [N, 10, h, w]) at a level's size."""
        if size not in self.known:
            scale = size[0] / self.size[0]
            cut, placed = (_rescaled(parts, scale) for parts in (self.cut, self.placed))
            self.known[size] = (
                part_drawing.part_grids(cut, placed, size),
                part_drawing.part_masks(placed, size, 1.0),
            )
        return self.known[size]

    def flow(self, maps: Tensor, mode: str = "bilinear") -> Tensor:
        """Maps [N, C, h, w] with each pixel taken from the nearest part that covers it.

        Pixels that no part covers move with the torso.
        """
        grids, masks = self._level(size_of(maps))
        front = part_drawing.front_part(masks, self.order)
        front = torch.where(front < 0, TORSO_PART, front)[:, None, :, :, None].expand(
            -1, 1, -1, -1, 2
        )
        grid = grids.gather(1, front)[:, 0]
        return F.grid_sample(maps.float(), grid, mode, padding_mode="border", align_corners=False)

    def __call__(self, maps: Tensor) -> Tensor:
        if self.kind == "plain":
            return maps
        if self.kind == "flow":
            return self.flow(maps)
        grids, masks = self._level(size_of(maps))
        number = grids.shape[1]
        moved = F.grid_sample(
            maps.float().repeat_interleave(number, 0),
            grids.flatten(0, 1),
            padding_mode="zeros",
            align_corners=False,
        ).unflatten(0, (-1, number))
        everywhere = torch.arange(number, device=masks.device)[:, None, None] == TORSO_PART
        cutters = (masks > 0.5) | everywhere
        return (moved * cutters[:, :, None]).amax(1)


def _rescaled(parts: Tensor, scale: float) -> Tensor:
    """Frames at `scale` times the size."""
    return torch.cat([(parts[:, :, :1] + 0.5) * scale - 0.5, parts[:, :, 1:] * scale], 2)
