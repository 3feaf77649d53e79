"""Scenes without their person: the background plate, and the colour cast of its camera.

Images are float32 [N, 3, H, W] in [0, 1]; a hole is [N, 1, H, W] in [0, 1], 1 where the person is.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def fill(images: Tensor, hole: Tensor) -> Tensor:
    """The images with their holes filled smoothly from all sides.

    Push-pull (Gortler et al. 1996, "The Lumigraph", 3.4): known pixels are averaged into ever
    coarser levels until these cover the hole. On the way back, each level takes its unknown pixels
    from the coarser one.
    """
    known = 1 - hole
    levels = [torch.cat([images * known, known], 1)]  # colour times weight, weight
    while max(levels[-1].shape[2:]) > 1:
        level = F.pad(levels[-1], [0, levels[-1].shape[3] % 2, 0, levels[-1].shape[2] % 2])
        level = F.avg_pool2d(level, 2)
        # A coarse pixel that is known in one fine pixel of four counts as known.
        weight = level[:, 3:]
        levels.append(level * ((4 * weight).clamp(max=1) / weight.clamp(min=1e-6)))
    filled = levels[-1][:, :3] / levels[-1][:, 3:].clamp(min=1e-6)
    for level in reversed(levels[:-1]):
        filled = F.interpolate(filled, size=level.shape[2:], mode="bilinear")
        filled = level[:, :3] + (1 - level[:, 3:]) * filled
    return filled


def mean_outside(images: Tensor, hole: Tensor) -> Tensor:
    """Mean colour [N, 3] of the images outside their holes; of the whole image if all is hole."""
    weight = (1 - hole).clamp(min=1e-4)
    return (images * weight).sum((2, 3)) / weight.sum((2, 3))


def cast_gain(
    source_mean: Tensor, scene_mean: Tensor, strength: float, limits: tuple[float, float]
) -> Tensor:
    """Gains of a source's channels in a scene, [N, 3]: (scene / source)^strength within limits.

    The means [N, 3] are those of the plates. Strength 1 would be right if the two plates were the
    same scene under two lights. They are not, so a smaller strength is better.
    """
    return (scene_mean.clamp(min=0.02) / source_mean.clamp(min=0.02)).pow(strength).clamp(*limits)
