"""Similarity of generated and real images: SSIM and mask-SSIM, each by a named protocol.

`clean` compares the arrays as they are, with data range 255. `patn_legacy` is the protocol of the
numbers published for PATN and its followers. It cuts output and target out of a picture strip that
was saved as JPEG, takes the data range of the generated image, and averages mask-SSIM over the
whole image, blackened outside the mask. Numbers of the two protocols are not comparable.
"""

from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from generators.body.pose import draw_skeleton, size_of, visible
from generators.body.skeleton import LIMBS

SIGMA_PX, WINDOW_PX = 1.5, 11
CHUNK = 8  # images
# The published masks have 23 limbs: ours, the trunk's sides and bottom, and lines between the neck
# and both ears.
MASK_LIMBS = (*LIMBS, (8, 11), (2, 8), (5, 11), (1, 16), (1, 17), (16, 17))
MASK_REACH = 1 / 32  # of the height: the published 4 px of 128


def ssim(
    output: Tensor, target: Tensor, data_range: Tensor | float = 255.0, inside: Tensor | None = None
) -> Tensor:
    """Structural similarity (Wang et al. 2004) of images, float64 [N].

    The window is a Gaussian of sigma 1.5 px cut at 11 px, without sample covariance. The mean is
    over channels and over the pixels whose window lies in the image. This equals skimage's
    structural_similarity with gaussian_weights.

    Args:
        output: uint8 [N, C, H, W], at least 11 px on each side.
        target: uint8 [N, C, H, W].
        data_range: One for all images, or one for each, [N].
        inside: bool [N, 1, H, W]. The mean is over the windows whose centre lies inside; NaN if
            there are none.

    Raises:
        ValueError: If the images are not uint8, differ in shape or are too small.
    """
    similar = _similarity_map(output, target, data_range)
    return similar.mean((1, 2)) if inside is None else _mean_inside(similar, inside)


def clean(output: Tensor, target: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Protocol `clean`: ssim and mask_ssim of the images as they are, with data range 255.

    mask_ssim is the mean over the windows whose centre lies in the mask; NaN if there are none.

    Args:
        output: uint8 [N, 3, H, W].
        target: uint8 [N, 3, H, W].
        mask: bool [N, 1, H, W], `body_mask` of the target.

    Returns:
        float64 [N] by the names ssim and mask_ssim.
    """
    similar = _similarity_map(output, target, 255.0)
    return {"ssim": similar.mean((1, 2)), "mask_ssim": _mean_inside(similar, mask)}


def patn_legacy(
    output: Tensor,
    source: Tensor,
    target: Tensor,
    source_keypoints: Tensor,
    target_keypoints: Tensor,
    mask: Tensor,
) -> dict[str, Tensor]:
    """Protocol `patn_legacy`: ssim_legacy and mask_ssim_legacy, as the public PATN code has them.

    The public code truncates a generator's output to whole numbers where we round, so pass
    `cut_to_uint8(images)` as the output (rounding changed SSIM by 0.0002). Real images go through
    the same conversion here.

    Args:
        output: uint8 [N, 3, H, W].
        source: uint8 [N, 3, H, W].
        target: uint8 [N, 3, H, W].
        source_keypoints: [N, 18, 2] at (H, W), for the strip's pictures of poses.
        target_keypoints: [N, 18, 2], likewise.
        mask: bool [N, 1, H, W], `body_mask` of the target.

    Returns:
        float64 [N] by the names ssim_legacy and mask_ssim_legacy; NaN if the mask is empty.
    """
    source, target = (cut_to_uint8(images / 127.5 - 1) for images in (source, target))
    output, target = through_jpeg_strip(output, source, target, source_keypoints, target_keypoints)
    covered = mask.to(torch.uint8)
    masked = output * covered
    return {
        "ssim_legacy": ssim(output, target, _range(output)),
        "mask_ssim_legacy": ssim(masked, target * covered, _range(masked)),
    }


def cut_to_uint8(images: Tensor) -> Tensor:
    """Images in [-1, 1] as uint8, truncated instead of rounded, as in the public PATN code."""
    return ((images.float().clamp(-1, 1) + 1) / 2 * 255).to(torch.uint8)


def through_jpeg_strip(
    output: Tensor,
    source: Tensor,
    target: Tensor,
    source_keypoints: Tensor,
    target_keypoints: Tensor,
) -> tuple[Tensor, Tensor]:
    """Output and target, uint8 [N, 3, H, W], cut out of a strip that was saved as JPEG.

    The strip is source | pose | target | pose | output, saved with Pillow's default settings, as in
    the public code. That code's pictures of poses differ slightly from ours, which affects only the
    colours of the outermost pixels of neighbouring images.
    """
    size = size_of(output)
    pixels = [images.permute(0, 2, 3, 1).cpu().numpy() for images in (source, target, output)]
    after = []
    for row, (left, middle, right) in enumerate(zip(*pixels, strict=True)):
        poses = [
            draw_skeleton(points[row], size) for points in (source_keypoints, target_keypoints)
        ]
        file = BytesIO()
        strip = np.concatenate([left, poses[0], middle, poses[1], right], 1)
        Image.fromarray(strip).save(file, "JPEG")
        after.append(np.asarray(Image.open(file)))
    panels = (
        torch.from_numpy(np.stack(after)).permute(0, 3, 1, 2).to(output.device).split(size[1], -1)
    )
    return panels[4], panels[2]


def body_mask(keypoints: Tensor, size: tuple[int, int]) -> Tensor:
    """The published masks of persons (Ma et al. 2017), bool [N, 1, H, W].

    Limbs are rectangles of half width 4 px and joints are discs of radius 4 px, dilated and then
    eroded by a square of 5 px. These sizes hold at a height of 128 px and scale with it.

    Args:
        keypoints: [N, 18, 2] at `size`.
        size: (height, width) in px.
    """
    height, width = size
    reach, closing = MASK_REACH * height, round(height / 64)
    seen = visible(keypoints)[:, :, None, None]  # joints [N, 18, 1, 1]
    y, x = keypoints.double()[..., None, None].unbind(2)
    down = (
        torch.arange(height, dtype=torch.float64, device=keypoints.device)[:, None] - y
    )  # [N, 18, H, 1]
    right = torch.arange(width, dtype=torch.float64, device=keypoints.device) - x  # [N, 18, 1, W]
    mask = torch.zeros(len(keypoints), height, width, dtype=torch.bool, device=keypoints.device)
    for joint in range(keypoints.shape[1]):
        # A disc excludes its rim and a rectangle includes it, as in the published masks.
        mask |= seen[:, joint] & (down[:, joint].square() + right[:, joint].square() < reach**2)
    for a, b in MASK_LIMBS:
        dy, dx = y[:, b] - y[:, a], x[:, b] - x[:, a]
        length = (dy.square() + dx.square()).sqrt()
        along = down[:, a] * dy + right[:, a] * dx
        aside = down[:, a] * dx - right[:, a] * dy
        rectangle = (along >= 0) & (along <= length.square()) & (aside.abs() <= reach * length)
        mask |= seen[:, a] & seen[:, b] & (length > 0) & rectangle
    dilated = F.max_pool2d(mask[:, None].float(), 2 * closing + 1, 1, closing)
    return -F.max_pool2d(-dilated, 2 * closing + 1, 1, closing) > 0


def _range(images: Tensor) -> Tensor:
    return images.amax((1, 2, 3)).double() - images.amin((1, 2, 3)).double()


def _similarity_map(output: Tensor, target: Tensor, data_range: Tensor | float) -> Tensor:
    """The mean over channels of the similarity at every window: float64 [N, H - 10, W - 10]."""
    if output.dtype != torch.uint8 or target.dtype != torch.uint8 or output.shape != target.shape:
        shapes = f"{output.dtype} {list(output.shape)} and {target.dtype} {list(target.shape)}"
        raise ValueError(f"SSIM compares two uint8 tensors of one shape [N, C, H, W], not {shapes}")
    if min(output.shape[2:]) < WINDOW_PX:
        raise ValueError(
            f"SSIM's window of {WINDOW_PX} px does not fit into images of {size_of(output)} px"
        )
    data_range = torch.as_tensor(data_range, dtype=torch.float64, device=output.device).view(
        -1, 1, 1, 1
    )
    windows = [_windows(side, output.device) for side in output.shape[2:]]
    # A few images at a time: their intermediate results stay in the processor's cache, and memory
    # does not grow with the batch.
    columns = (output, target, data_range.expand(len(output), 1, 1, 1))
    parts = [
        _compared(*part, *windows)
        for part in zip(*(column.split(CHUNK) for column in columns), strict=True)
    ]
    return torch.cat(parts)


def _compared(
    output: Tensor, target: Tensor, data_range: Tensor, rows: Tensor, columns: Tensor
) -> Tensor:
    def mean(images: Tensor) -> Tensor:
        return rows @ (images @ columns.T)

    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    # The sum of variances and the covariance of x and y follow from the variances of x + y and
    # x - y, which saves a filter.
    x, y = output.double(), target.double()
    plus, minus = x + y, x - y
    mean_plus, mean_minus = mean(plus).square(), mean(minus).square()
    variance_plus, variance_minus = (
        mean(plus.square()) - mean_plus,
        mean(minus.square()) - mean_minus,
    )
    brightness = ((mean_plus - mean_minus) / 2 + c1) / ((mean_plus + mean_minus) / 2 + c1)
    structure = ((variance_plus - variance_minus) / 2 + c2) / (
        (variance_plus + variance_minus) / 2 + c2
    )
    return (brightness * structure).mean(1)


def _windows(length: int, device: torch.device) -> Tensor:
    """The Gaussian window at every position of a line, float64 [length - 10, length].

    Multiplying by this matrix takes the windowed means.
    """
    reach = torch.arange(WINDOW_PX, dtype=torch.float64, device=device) - WINDOW_PX // 2
    window = torch.exp(-reach.square() / (2 * SIGMA_PX**2))
    places = (
        torch.arange(length, device=device)
        - torch.arange(length - WINDOW_PX + 1, device=device)[:, None]
    )
    inside = (places >= 0) & (places < WINDOW_PX)
    return torch.where(inside, (window / window.sum())[places.clamp(0, WINDOW_PX - 1)], 0.0)


def _mean_inside(similar: Tensor, inside: Tensor) -> Tensor:
    edge = WINDOW_PX // 2
    centres = inside[:, 0, edge:-edge, edge:-edge]
    return (similar * centres).sum((1, 2)) / centres.sum((1, 2))
