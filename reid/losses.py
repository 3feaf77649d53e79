"""What a re-identification model is trained to lower. Computed in float32, also where the network runs in bfloat16."""

import torch
from torch import Tensor


def identity_cross_entropy(logits: Tensor, label: Tensor, smoothing: Tensor) -> Tensor:
    """Mean cross-entropy over identities: logits [N, C] of any float type, label int64 [N] -> float32 scalar.

    `smoothing` [N], in [0, 1), is the share of a row's target spread evenly over all classes (Szegedy et al. 2016,
    section 7).
    """
    log_probability = logits.float().log_softmax(1)
    own = log_probability.gather(1, label[:, None])[:, 0]
    return -torch.lerp(own, log_probability.mean(1), smoothing).mean()
