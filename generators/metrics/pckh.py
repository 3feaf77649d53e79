"""PCKh: how closely generated people match the requested pose."""

import torch
from torch import Tensor

from generators.body.pose import visible

HEAD_JOINTS = (0, 1, 14, 15, 16, 17)
RULES = ("axes", "euclidean")


def pckh(
    predicted: Tensor, true: Tensor, alpha: float = 0.5, rule: str = "axes"
) -> tuple[Tensor, Tensor]:
    """Joints predicted within alpha head sizes of the true ones, and joints that count.

    The score over all images is right.sum() / counted.sum().

    The head is the box around the true nose, neck, eyes and ears. By the rule `axes`, the published
    one of patn_apatn (4.1), a joint is right if its error on each axis is less than alpha times the
    box's height and width. By `euclidean`, it is right if its distance is less than alpha times the
    box's diagonal (as in Andriluka et al. 2014, without their factor 0.6). A joint that was not
    predicted is wrong. An image with fewer than two visible true head joints does not count. By the
    rule `axes` no joint is right if the box has no width or no height.

    Args:
        predicted: Keypoints [N, 18, 2].
        true: Keypoints [N, 18, 2].
        alpha: Tolerance in head sizes.
        rule: One of RULES.

    Returns:
        (right, counted), int64 [N] each: one number per image.

    Raises:
        ValueError: If the rule is unknown.
    """
    if rule not in RULES:
        raise ValueError(f"PCKh has no rule {rule!r}; its rules are {', '.join(RULES)}")
    seen = visible(true)
    head, head_seen = true[:, list(HEAD_JOINTS)], seen[:, list(HEAD_JOINTS), None]
    box = head.masked_fill(~head_seen, -torch.inf).amax(1) - head.masked_fill(
        ~head_seen, torch.inf
    ).amin(1)  # [N, 2]
    counted = seen & (head_seen.sum(1) >= 2)
    off = (predicted - true).abs()
    if rule == "axes":
        near = (off < alpha * box[:, None]).all(-1)
    else:
        near = off.norm(dim=-1) < alpha * box.norm(dim=-1, keepdim=True)
    return (near & counted & visible(predicted)).sum(1), counted.sum(1)
