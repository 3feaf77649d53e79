"""SPT's losses on parsing maps, textures by region and faces (spt_journal, eq. 3, 9, 10, 11)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generators.body import body_parts, parsing, part_drawing
from generators.body.pose import size_of, visible
from generators.networks.features import feature_network
from generators.spt.appearance import Cycle
from generators.spt.params import RGB
from generators.spt.pseudo_labels import valid_parts
from generators.training.batch import required

Describer = Callable[[Tensor], dict[str, Tensor]]
PATCH = 0.04  # half the side of a joint's patch, in image heights


def parsing_loss(logits: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    """Eq. (3) as a mean over pixels.

    Args:
        logits: [N, 10, H, W].
        labels: int64 [N, H, W].
        mask: Pose mask M, [N, 1, H, W].
    """
    return (F.cross_entropy(logits.float(), labels, reduction="none") * (1 + mask[:, 0])).mean()


def describer(kind: str, layers: Sequence[str], pose_network: nn.Module | None) -> Describer:
    """Lambda: images [N, 3, H, W] in [-1, 1] -> {layer: map [N, C, h, w]}.

    For kinds and errors see features.py.
    """
    deep = tuple(sorted({layer for layer in layers if layer != RGB}))
    network = feature_network(kind, deep, pose_network) if deep else None

    def described(images: Tensor) -> dict[str, Tensor]:
        maps = (
            {}
            if network is None
            else dict(zip(deep, network.to(images.device)(images), strict=True))
        )
        return {RGB: (images.float() + 1) / 2} | maps

    return described


def regions(kind: str, labels: Tensor | None, keypoints: Tensor, size: tuple[int, int]) -> Tensor:
    """Psi_l, the regions whose textures are compared: [N, R, H, W], 0 or 1.

    Args:
        kind: semantic, a region for each label; mask, one for each visible rigid body part; patch,
            one around each joint.
        labels: Parsing map [N, H, W], for semantic.
        keypoints: [N, 18, 2] at `size`.
        size: (height, width) in px.
    """
    if kind == "semantic":
        return parsing.one_hot(required(labels, "spt"))
    if kind == "mask":
        keypoints = body_parts.tidy(keypoints, size)
        masks = (
            part_drawing.part_masks(body_parts.frames(keypoints, size, body_parts.USUAL), size, 1.0)
            > 0.5
        )
        seen = valid_parts(keypoints) & body_parts.usable(keypoints, size)[:, None]
        return (masks & seen[:, :, None, None]).float()
    reach = max(1.0, PATCH * size[0])
    y, x = (torch.arange(length, device=keypoints.device) for length in size)
    rows, columns = (y - keypoints[..., :1]).abs() <= reach, (x - keypoints[..., 1:]).abs() <= reach
    return (
        rows[..., :, None] & columns[..., None, :] & visible(keypoints)[..., None, None]
    ).float()


def grams(maps: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Gram matrices G(Lambda x Psi_l) of all regions.

    Args:
        maps: [N, C, h, w].
        masks: The regions, [N, R, H, W], 0 or 1, sampled at the nearest pixel.

    Returns:
        (grams, count): each region's mean over its pixels, [N, R, C, C], and number of pixels,
        [N, R].
    """
    masks = F.interpolate(masks, maps.shape[2:], mode="nearest").flatten(2)
    maps = maps.flatten(2)
    cut = masks[:, :, None] * maps[:, None]  # [N, R, C, hw]
    count = masks.sum(2)
    return (cut.flatten(1, 2) @ maps.mT).unflatten(1, cut.shape[1:3]) / count.clamp(min=1)[
        :, :, None, None
    ], count


def style_loss(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> Tensor:
    """L^sty of eq. (10) between two images' (maps, regions), over the regions that both show.

    It is the mean squared difference of the Gram matrices' entries, summed over regions and
    averaged over images.
    """
    (first_gram, first_count), (second_gram, second_count) = grams(*first), grams(*second)
    both = (first_count > 0) & (second_count > 0)
    return ((first_gram - second_gram).square().mean((2, 3)) * both).sum(1).mean()


def face_crops(images: Tensor, keypoints: Tensor) -> Tensor:
    """F(I): the faces, [N, 3, H/4, H/4].

    This is a spatial transformer without parameters: a square of 0.8 torso scales around the mean
    of the face's joints. It is black if no joint of the face is visible, or if there is no usable
    torso to give the scale.
    """
    size = size_of(images)
    keypoints = body_parts.tidy(keypoints, size)
    seen = visible(keypoints)[:, body_parts.FACE].float()[..., None]
    middle = (keypoints[:, body_parts.FACE] * seen).sum(1) / seen.sum(1).clamp(min=1)
    shown = (seen.sum((1, 2)) > 0) & body_parts.usable(keypoints, size)
    side = size[0] // 4
    steps = ((torch.arange(side, device=images.device) + 0.5) / side - 0.5) * 0.8
    square = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), -1)
    reach = body_parts.torso_scale(keypoints)[:, None, None, None] * square
    grid = part_drawing.to_grid(middle[:, None, None] + reach, size)
    crops = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    return torch.where(shown[:, None, None, None], crops, -1.0)


def warp_loss(source_image: Tensor, cycle: Cycle) -> Tensor:
    """L1 distance of I~_pt to the source warped by its rigid parts; not in the paper.

    It is taken where both have the same label of a person, or, without parsing maps, on the
    target's rigid parts.
    """
    moved = cycle.warp.flow(source_image)
    if cycle.target.parsing is None:
        same = regions("mask", None, cycle.target.keypoints, size_of(source_image)).amax(
            1, keepdim=True
        )
    else:
        labels = required(cycle.target.labels, "spt")[:, None]
        source = required(cycle.source.labels, "spt")[:, None]
        warped_labels = cycle.warp.flow(source.float(), "nearest").round()
        same = ((labels == warped_labels) & (labels > 0)).float()
    off = (cycle.output.float() - moved).abs().mean(1, keepdim=True)
    return (off * same).sum() / same.sum().clamp(min=1)
