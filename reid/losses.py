"""What a re-identification model is trained to lower. Computed in float32, also where the network runs in bfloat16."""

import torch.nn.functional as F
from torch import Tensor


def identity_cross_entropy(logits: Tensor, label: Tensor, smoothing: float) -> Tensor:
    """Mean cross-entropy over identities: logits [N, C] of any float type, label int64 [N] -> float32 scalar.

    `smoothing` in [0, 1) is the share of the target spread evenly over all classes (Szegedy et al. 2016, section 7).
    """
    return F.cross_entropy(logits.float(), label, label_smoothing=smoothing)
