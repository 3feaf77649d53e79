import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from generators.metrics import pckh, ssim


def reference(x: np.ndarray, y: np.ndarray) -> float:
    """SSIM of two channels [H, W], as its paper has it, with scipy's Gaussian."""

    def mean(image):
        return gaussian_filter(image, 1.5, truncate=3.5)

    mx, my = mean(x), mean(y)
    vx, vy, both = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    whole = (2 * mx * my + c1) * (2 * both + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return whole[5:-5, 5:-5].mean()


def test_ssim_against_scipy():
    draws = torch.Generator().manual_seed(0)
    x, y = (torch.randint(0, 256, (3, 3, 20, 16), generator=draws) / 127.5 - 1 for _ in range(2))
    y = 0.6 * x + 0.4 * y
    levels = [((one + 1) * 127.5).round().double().numpy() for one in (x, y)]
    wanted = [np.mean([reference(levels[0][n, c], levels[1][n, c]) for c in range(3)]) for n in range(3)]
    assert ssim(x, y).tolist() == pytest.approx(wanted, rel=1e-6)
    assert ssim(x, x).tolist() == pytest.approx([1.0] * 3)


def test_pckh_by_hand():
    true = torch.full((1, 18, 2), -1.0)
    for joint, place in {0: (10.0, 10.0), 1: (18.0, 14.0), 2: (18.0, 4.0), 5: (18.0, 24.0)}.items():
        true[0, joint] = torch.tensor(place)
    found = true.clone()
    assert pckh(found, true) == 1.0
    found[0, 2] += torch.tensor([3.9, 1.9])  # the box is 8 x 4 px: allowed are 4 and 2
    assert pckh(found, true) == 1.0
    found[0, 2, 1] += 0.2
    found[0, 5] = -1
    assert pckh(found, true) == 0.5


def test_somebody_without_a_head_does_not_count():
    true = torch.full((2, 18, 2), -1.0)
    true[:, 2] = 5.0
    true[0, 0], true[0, 1] = torch.tensor([1.0, 1.0]), torch.tensor([5.0, 5.0])
    found = true.clone()
    found[1, 2] = 30.0
    assert pckh(found, true) == 1.0
