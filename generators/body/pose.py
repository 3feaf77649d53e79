"""Joints, limbs and pose maps.

Keypoints are float32 [N, 18, 2], (y, x) in px, in OpenPose-18 order; a missing joint is -1 in both
columns. Pixel centres have integer coordinates, so every visible coordinate lies above -0.5, which
distinguishes missing joints.
"""

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from generators.body.skeleton import LIMB_COLOURS, LIMBS, MIRROR, TORSO


def size_of(images: Tensor) -> tuple[int, int]:
    """(height, width) in px of images or maps [..., H, W]."""
    return images.shape[-2], images.shape[-1]


def visible(keypoints: Tensor) -> Tensor:
    """Which joints are present: bool [..., 18] for keypoints [..., 18, 2]."""
    return (keypoints > -0.5).all(-1)


def has_torso(keypoints: Tensor) -> Tensor:
    """Whether both shoulders and both hips are present, bool [N].

    This is the papers' condition for a usable image.
    """
    return visible(keypoints)[:, list(TORSO)].all(-1)


def rescale(keypoints: Tensor, from_size: tuple[int, int], to_size: tuple[int, int]) -> Tensor:
    """Keypoints of an image resized from `from_size` to `to_size`, both (height, width) in px."""
    scale = keypoints.new_tensor([to_size[0] / from_size[0], to_size[1] / from_size[1]])
    moved = (keypoints + 0.5) * scale - 0.5
    return torch.where(visible(keypoints)[..., None], moved, -1.0)


def flip(keypoints: Tensor, width: int) -> Tensor:
    """Keypoints of the mirrored image of `width` px, with left and right joints swapped."""
    # Indexing with a list would make the host wait for a GPU at every call.
    order = torch.tensor(MIRROR).to(keypoints.device, non_blocking=True)
    mirrored = keypoints.index_select(-2, order)
    turned = torch.stack([mirrored[..., 0], width - 1 - mirrored[..., 1]], -1)
    return torch.where(visible(mirrored)[..., None], turned, -1.0)


def pose_maps(keypoints: Tensor, size: tuple[int, int], sigma_px: float) -> Tensor:
    """Heat maps exp(-d^2 / (2 sigma^2)) of the joints, not normalised.

    They are the 18-channel pose S of patn_apatn, section 3. The map of a missing joint is zero.

    Args:
        keypoints: [N, 18, 2] at `size`.
        size: (height, width) in px.
        sigma_px: Standard deviation in px.

    Returns:
        float32 [N, 18, H, W], on the keypoints' device.
    """
    height, width = size
    y = torch.arange(height, device=keypoints.device) - keypoints[..., 0, None]
    x = torch.arange(width, device=keypoints.device) - keypoints[..., 1, None]
    # The Gaussian is separable: H + W exponentials per joint instead of H * W.
    rows, columns = (
        torch.exp(-y.square() / (2 * sigma_px**2)),
        torch.exp(-x.square() / (2 * sigma_px**2)),
    )
    return (rows * visible(keypoints)[..., None])[..., :, None] * columns[..., None, :]


def limb_distances(keypoints: Tensor, size: tuple[int, int]) -> Tensor:
    """Distance in px from every pixel to every limb, a line from joint to joint.

    Args:
        keypoints: [N, 18, 2] at `size`.
        size: (height, width) in px.

    Returns:
        float32 [N, 17, H, W], infinite if a joint of the limb is missing.
    """
    height, width = size
    ends = torch.tensor(LIMBS).to(keypoints.device, non_blocking=True)
    a, b = keypoints.index_select(1, ends[:, 0]), keypoints.index_select(1, ends[:, 1])
    seen = visible(a) & visible(b)
    along = b - a  # [N, 17, 2]
    y = torch.arange(height, device=keypoints.device) - a[..., 0, None]  # [N, 17, H]
    x = torch.arange(width, device=keypoints.device) - a[..., 1, None]  # [N, 17, W]
    # Where on the limb its nearest point lies: 0 at the first joint, 1 at the second.
    length = along.square().sum(-1).clamp(min=1e-6)
    share = (y * (along[..., 0] / length)[..., None])[..., :, None] + (
        x * (along[..., 1] / length)[..., None]
    )[..., None, :]
    share = share.clamp(0, 1)
    dy = y[..., :, None] - share * along[..., 0, None, None]
    dx = x[..., None, :] - share * along[..., 1, None, None]
    return (dy.square() + dx.square()).sqrt().masked_fill(~seen[..., None, None], float("inf"))


def pose_masks(keypoints: Tensor, size: tuple[int, int]) -> Tensor:
    """Masks of a person's limbs, float32 [N, 1, H, W].

    Each limb extends 0.05 of the image's height to either side. This is the pose mask M of
    spt_journal, section 3.2. Ma et al., "Pose Guided Person Image Generation" (2017), draw and
    dilate theirs in the same way.
    """
    return (limb_distances(keypoints, size).amin(1, keepdim=True) <= 0.05 * size[0]).float()


def draw_skeleton(
    keypoints: Tensor, size: tuple[int, int], background: np.ndarray | None = None
) -> np.ndarray:
    """A coloured skeleton of one person, uint8 [H, W, 3] RGB.

    It is drawn at four times the size and reduced, so that lines stay smooth in small pictures.

    Args:
        keypoints: [18, 2] at `size`.
        size: (height, width) in px.
        background: uint8 [H, W, 3] to draw on, or None for dark slate.
    """
    height, width = size
    zoom = 4
    if background is None:
        canvas = Image.new("RGB", (width * zoom, height * zoom), (28, 32, 40))
    else:
        canvas = Image.fromarray(background).resize(
            (width * zoom, height * zoom), Image.Resampling.BICUBIC
        )
    draw = ImageDraw.Draw(canvas)
    present = visible(keypoints).tolist()
    # (x, y) of each joint's centre on the zoomed canvas, where pixel 0 spans 0 to zoom.
    points = [((x + 0.5) * zoom, (y + 0.5) * zoom) for y, x in keypoints.tolist()]
    thick = max(2, round(0.035 * height * zoom))
    for (a, b), colour in zip(LIMBS, LIMB_COLOURS, strict=True):
        if present[a] and present[b]:
            draw.line([points[a], points[b]], fill=colour, width=thick)
    radius = 0.55 * thick
    for (x, y), seen in zip(points, present, strict=True):
        if seen:
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=(250, 250, 250))
    return np.asarray(canvas.resize((width, height), Image.Resampling.BOX))


def person_mask(keypoints: Tensor, size: tuple[int, int]) -> Tensor:
    """Soft mask of a person from keypoints [N, 18, 2]: [N, 1, H, W], 1 on a limb, falling to 0."""
    sigma_px = 0.05 * size[0]  # about half the width of a trunk that fills the image
    distances = limb_distances(keypoints, size).amin(1, keepdim=True)
    return torch.exp(-distances.square() / (2 * sigma_px**2))
