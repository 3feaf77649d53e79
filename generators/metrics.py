"""How near generated images come to the real ones of the same person in the same pose."""

import torch
from torch import Tensor
from torch.nn import functional as F

from generators.pose import visible

HEAD_JOINTS = (0, 1, 14, 15, 16, 17)
SSIM_SIGMA, SSIM_WINDOW = 1.5, 11


def ssim(output: Tensor, target: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004) of images [N, C, H, W] in [-1, 1], rounded to 8 bits: float64 [N].

    A Gaussian window of sigma 1.5 px cut at 11 px, data range 255, the mean over channels and over the pixels whose window
    lies in the image: skimage's structural_similarity with gaussian_weights and without sample covariance.
    """
    x, y = (one.clamp(-1, 1).double().add(1).mul(127.5).round() for one in (output, target))
    reach = torch.arange(SSIM_WINDOW, dtype=torch.float64, device=x.device) - SSIM_WINDOW // 2
    window = torch.exp(-reach.square() / (2 * SSIM_SIGMA**2))
    window /= window.sum()

    def mean(images: Tensor) -> Tensor:
        flat = images.flatten(0, 1)[:, None]
        flat = F.conv2d(F.conv2d(flat, window[None, None, :, None]), window[None, None, None, :])
        return flat.unflatten(0, images.shape[:2])[:, :, 0]

    mx, my = mean(x), mean(y)
    vx, vy, both = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return ((2 * mx * my + c1) * (2 * both + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))).mean((1, 2, 3))


def pckh(found: Tensor, true: Tensor, alpha: float = 0.5) -> float:
    """Share of the joints of `true` that `found` has within alpha head sizes (patn_apatn, 4.1), both [N, 18, 2].

    The published rule: the head is the box of nose, neck, eyes and ears of `true`; a joint is right if it is off by less
    than alpha times the box's height and width, each axis by itself; a joint that was not found is wrong; people of whose
    head fewer than two joints are in sight do not count.
    """
    seen, detected = visible(true), visible(found)
    head, there = true[:, list(HEAD_JOINTS)], seen[:, list(HEAD_JOINTS), None]
    box = head.masked_fill(~there, -torch.inf).amax(1) - head.masked_fill(~there, torch.inf).amin(1)
    counted = seen & (there.sum(1) >= 2)
    right = ((found - true).abs() < alpha * box[:, None]).all(-1) & detected
    return float((right & counted).sum() / counted.sum())
