"""How like the real image a generated one is: SSIM and mask-SSIM, each by a protocol with a name.

`clean` compares the arrays as they are, with data range 255. `patn_legacy` is what the published
numbers of PATN and its
followers were computed by: the output and the target are cut out of a picture strip that was saved
as JPEG, the data range is that of the generated image, and mask-SSIM averages over the whole image,
blackened outside the mask. Numbers of the two protocols cannot be compared with each other.
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
# The published masks have 23 limbs: ours, the sides of the trunk, and the head to neck and across.
MASK_LIMBS = (*LIMBS, (8, 11), (2, 8), (5, 11), (1, 16), (1, 17), (16, 17))
MASK_REACH = 1 / 32  # of the height: the published 4 px of 128


def ssim(
    output: Tensor, target: Tensor, data_range: Tensor | float = 255.0, inside: Tensor | None = None
) -> Tensor:
    """Structural similarity (Wang et al. 2004) of uint8 images [N, C, H, W], at least 11 px a side:
    float64 [N].

    A Gaussian window of sigma 1.5 px cut at 11 px, without sample covariance; the mean over
    channels and over the pixels
    whose window lies in the image: skimage's structural_similarity with gaussian_weights.

    data_range: of all images or of each, [N].
    inside: bool [N, 1, H, W]; the mean is over the windows whose centre lies there, NaN where there
    is none.
    """
    similar = _similarity_map(output, target, data_range)
    return similar.mean((1, 2)) if inside is None else _mean_inside(similar, inside)


def clean(output: Tensor, target: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Protocol `clean`: ssim and mask_ssim, float64 [N], of uint8 images [N, 3, H, W] as they are,
    data range 255.

    mask_ssim is the mean over the windows whose centre lies in the mask, bool [N, 1, H, W]
    (`body_mask` of the target); NaN where there is none.
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
    """Protocol `patn_legacy`: ssim_legacy and mask_ssim_legacy, float64 [N], as the public PATN
    code computes them.

    output, source, target: uint8 [N, 3, H, W]. The public code cuts a generator's output off to
        whole numbers where we
    round: give `cut_to_uint8(images)` for it (rounded, SSIM was off by 0.0002); real images are
    passed through the same here. keypoints [N, 18, 2] at (H, W), for the strip's pictures of poses;
    mask: bool [N, 1, H, W], `body_mask` of the target. NaN where the mask is empty.
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
    """Images in [-1, 1] as uint8, cut off to whole numbers instead of rounded, as the public PATN
    code does.
    """
    return ((images.float().clamp(-1, 1) + 1) / 2 * 255).to(torch.uint8)


def through_jpeg_strip(
    output: Tensor,
    source: Tensor,
    target: Tensor,
    source_keypoints: Tensor,
    target_keypoints: Tensor,
) -> tuple[Tensor, Tensor]:
    """Output and target, uint8 [N, 3, H, W], after the strip source | pose | target | pose | output
    was a JPEG file.

    With Pillow's settings for JPEG, as the public code. Its pictures of poses look a little
    otherwise than ours; they affect only the colours of the outermost pixels of neighbouring images.
    """
    size = size_of(output)
    pixels = [images.permute(0, 2, 3, 1).cpu().numpy() for images in (source, target, output)]
    after = []
    for row, (one, two, three) in enumerate(zip(*pixels, strict=True)):
        poses = [
            draw_skeleton(points[row], size) for points in (source_keypoints, target_keypoints)
        ]
        file = BytesIO()
        Image.fromarray(np.concatenate([one, poses[0], two, poses[1], three], 1)).save(file, "JPEG")
        after.append(np.asarray(Image.open(file)))
    panels = (
        torch.from_numpy(np.stack(after)).permute(0, 3, 1, 2).to(output.device).split(size[1], -1)
    )
    return panels[4], panels[2]


def body_mask(keypoints: Tensor, size: tuple[int, int]) -> Tensor:
    """The published masks of persons (Ma et al. 2017), by their keypoints [N, 18, 2] at `size`:
    bool [N, 1, H, W].

    Limbs as rectangles of half width 4 px and joints as discs of radius 4 px, dilated and then
    eroded by a square of 5 px. These sizes hold at a height of 128 px and grow with it.
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
        # A disc has no rim, a rectangle has one, as where the published masks were drawn.
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
        given = f"{output.dtype} {list(output.shape)} and {target.dtype} {list(target.shape)}"
        raise ValueError(f"SSIM compares two uint8 tensors of one shape [N, C, H, W], not {given}")
    if min(output.shape[2:]) < WINDOW_PX:
        raise ValueError(
            f"SSIM's window of {WINDOW_PX} px does not fit into images of {size_of(output)} px"
        )
    data_range = torch.as_tensor(data_range, dtype=torch.float64, device=output.device).view(
        -1, 1, 1, 1
    )
    windows = [_windows(side, output.device) for side in output.shape[2:]]
    # A few images at a time: what they take stays in the processor's cache, and memory does not
    # grow with the batch.
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
    # Of x and y, the sum of variances and the covariance follow from the variances of x + y and x -
    # y: a filter less.
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
    """The Gaussian window at every place of a line, float64 [length - 10, length]: means are
    products with this.
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
