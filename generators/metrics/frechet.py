"""The Frechet distance between two sets of features, each modelled as a Gaussian."""

import torch
from torch import Tensor


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Frechet distance of features [N, D] and [M, D] (Heusel et al. 2017, eq. 6).

    The distance is |mean_a - mean_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), with covariances
    divided by N - 1. On Inception's features it is the FID; on any other features it is not.

    With C = R^T R, R from the QR decomposition of the centred features, the trace of the root is
    the sum of the singular values of R_a R_b^T. This avoids the root of a matrix that may have none
    in floating point, and gives 0 for a set and itself.

    Raises:
        ValueError: If the sets differ in D, or one of them has fewer than two rows or a number that
            is not finite.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(
            f"features must be [N, D] and [M, D], got {list(a.shape)} and {list(b.shape)}"
        )
    if min(len(a), len(b)) < 2:
        raise ValueError(
            f"a covariance needs at least two rows; the sets have {len(a)} and {len(b)}"
        )
    (mean_a, root_a), (mean_b, root_b) = map(_moments, (a, b))
    shared = torch.linalg.svdvals(root_a @ root_b.T).sum()
    distance = (
        (mean_a - mean_b).square().sum()
        + root_a.square().sum()
        + root_b.square().sum()
        - 2 * shared
    )
    return max(float(distance), 0.0)  # below 0 only by rounding


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """The mean [D], and R [min(N, D), D] with R^T R the covariance."""
    if not features.isfinite().all():
        raise ValueError("features contain numbers that are not finite")
    features = features.double()
    mean = features.mean(0)
    return mean, torch.linalg.qr((features - mean) / (len(features) - 1) ** 0.5, mode="r").R
