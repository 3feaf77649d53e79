"""Appearance flow: where each pixel of a target lies in the source, and whether it is visible.

A *flow* is (grid, visibility): grid float32 [N, H, W, 2], coordinates for
F.grid_sample(align_corners=False); visibility float32 [N, 3, H, W], one-hot over VISIBILITY. A
*flow source* computes it from keypoints [N, 18, 2] of source and target. This module has two:
`rigid_parts`, computed from the ten rigid parts of both poses, and a file of flows that another
program computed (e.g. Intr-Flow's 3D-body network). The file is a dictionary written by torch.save:

    keypoints   float32 [M, 18, 2]: of the images, at the flow's size
    pairs       int64 [P, 2]: rows of `keypoints`, (source, target)
    flow        float16 or float32 [P, 2, H, W]: (y, x) in px from a target pixel to its source
    visibility  uint8 [P, H, W]: 0 visible, 1 invisible, 2 background

Pairs are looked up by their keypoints, since a flow depends on nothing else. Mirrored pairs use the
mirrored flow.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from generators.body.body_parts import USUAL
from generators.body.part_drawing import rigid_flow, to_grid
from generators.body.pose import flip
from generators.training.checkpoint import DAMAGED, reason

VISIBILITY = ("visible", "invisible", "background")
RIGID_PARTS = "rigid_parts"
NEAR_PX = 0.05  # keypoints this close count as the same
Flow = tuple[Tensor, Tensor]
FlowSource = Callable[[Tensor, Tensor], Flow]


def flow_source(kind: str, size: tuple[int, int]) -> FlowSource:
    """The flow source `rigid_parts`, or that of a file; for errors see FlowFile.

    Args:
        kind: `rigid_parts`, or the path of a file of flows.
        size: (height, width) in px.
    """
    if kind == RIGID_PARTS:
        return lambda source, target: rigid_flow(source, target, size, USUAL)
    return FlowFile(Path(kind), size)


class FlowFile:
    """Flows from a file of the format above; only the requested pairs are loaded into memory.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If the file is damaged, incomplete or of another size.
    """

    def __init__(self, path: Path, size: tuple[int, int]):
        if not path.is_file():
            raise FileNotFoundError(
                f"spgnet.flow: {path} not found; set it to a file of flows or {RIGID_PARTS}"
            )
        try:
            contents = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except DAMAGED as error:
            raise ValueError(
                f"{path}: not a readable file of flows ({reason(error)}); make it again"
            ) from error
        if missing := {"keypoints", "pairs", "flow", "visibility"} - contents.keys():
            raise ValueError(f"{path}: lacks {', '.join(sorted(missing))}")
        self.path, self.flow, self.visibility = path, contents["flow"], contents["visibility"]
        pairs = contents["pairs"]
        if self.flow.shape != (len(pairs), 2, *size) or self.visibility.shape != (
            len(pairs),
            *size,
        ):
            raise ValueError(
                f"{path}: flow {list(self.flow.shape)} and visibility {list(self.visibility.shape)} should be "
                f"{[len(pairs), 2, *size]} and {[len(pairs), *size]}: computed at image_size, one for each pair"
            )
        # Images with the same keypoints are merged, so that each pair has one number.
        keypoints, same = contents["keypoints"].flatten(1).unique(dim=0, return_inverse=True)
        self.keypoints = keypoints.unflatten(1, (18, 2))
        self.width = size[1]
        self.numbers, self.order = (same[pairs] @ torch.tensor([len(keypoints), 1])).sort()

    def __call__(self, source: Tensor, target: Tensor) -> Flow:
        row, found = self._rows(source, target)
        mirrored_row, mirrored_found = self._rows(
            flip(source, self.width), flip(target, self.width)
        )
        if missing := int((~(found | mirrored_found)).sum()):
            raise ValueError(f"{self.path}: no flow for {missing} of {len(source)} pairs of poses")
        row, turned = torch.where(found, row, mirrored_row), ~found
        flow, labels = self.flow[row].float(), self.visibility[row].long()
        mirrored = flow.flip(-1) * torch.tensor([1.0, -1.0])[:, None, None]
        flow = torch.where(turned[:, None, None, None], mirrored, flow)
        labels = torch.where(turned[:, None, None], labels.flip(-1), labels)
        visibility = F.one_hot(labels, len(VISIBILITY)).permute(0, 3, 1, 2).float()
        return grid_of(flow).to(source.device), visibility.to(source.device)

    def _rows(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The row of each pair in the file, int64 [N], and whether the file has it, bool [N]."""
        known, queries = self.keypoints.flatten(1), torch.stack([source, target]).cpu().flatten(2)
        row = torch.cdist(
            queries, known.expand(2, -1, -1), compute_mode="donot_use_mm_for_euclid_dist"
        ).argmin(2)
        near = ((known[row] - queries).abs() < NEAR_PX).all(2).all(0)
        number = row[0] * len(known) + row[1]
        place = torch.searchsorted(self.numbers, number).clamp(max=len(self.numbers) - 1)
        return self.order[place], near & (self.numbers[place] == number)


def grid_of(flow: Tensor) -> Tensor:
    """Flow [N, 2, H, W], (y, x) in px -> grid [N, H, W, 2], (x, y) with the edges at -1 and 1."""
    height, width = flow.shape[2:]
    y = torch.arange(height, device=flow.device)[:, None] + flow[:, 0]
    x = torch.arange(width, device=flow.device) + flow[:, 1]
    return to_grid(torch.stack([y, x], -1), (height, width))


def at_scale(flow: Flow, size: tuple[int, int]) -> Flow:
    """A flow at a smaller size: the flow at the middle of each cell.

    A mean would mix parts that lie far from one another.
    """
    grid, visibility = flow
    small = F.interpolate(grid.permute(0, 3, 1, 2), size, mode="nearest-exact").permute(0, 2, 3, 1)
    return small, F.interpolate(visibility, size, mode="nearest-exact")


def warp(features: Tensor, grid: Tensor) -> Tensor:
    """Features [N, C, H, W] sampled at grid [N, h, w, 2] -> float32 [N, C, h, w].

    Points outside take the value at the border.
    """
    return F.grid_sample(features.float(), grid, padding_mode="border", align_corners=False)
