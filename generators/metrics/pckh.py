"""How well generated people stand in the pose they were asked for: PCKh."""

import torch
from torch import Tensor

from generators.body.pose import visible

HEAD_JOINTS = (0, 1, 14, 15, 16, 17)
RULES = ("axes", "euclidean")


def pckh(
    found: Tensor, true: Tensor, alpha: float = 0.5, rule: str = "axes"
) -> tuple[Tensor, Tensor]:
    """Joints of `true` that `found` has within alpha head sizes, and joints that count, a row an
    image: int64 [N] each.

    found, true: keypoints [N, 18, 2]. The score of all images is right.sum() / counted.sum().

    The head is the box of nose, neck, eyes and ears of `true`. By the rule `axes`, the published
    one of patn_apatn (4.1), a joint is right if it is off by less than alpha times the box's height
    and width, each axis by itself; by `euclidean`, if its distance is less than alpha times the
    box's diagonal (as Andriluka et al. 2014 have it, without their factor 0.6). A joint that was
    not found is wrong; an image in whose `true` fewer than two joints of the head are in sight does
    not count. By the rule `axes` nothing is right where the box has no width or no height.
    """
    if rule not in RULES:
        raise ValueError(f"PCKh has no rule {rule!r}; its rules are {', '.join(RULES)}")
    seen = visible(true)
    head, there = true[:, list(HEAD_JOINTS)], seen[:, list(HEAD_JOINTS), None]
    box = head.masked_fill(~there, -torch.inf).amax(1) - head.masked_fill(~there, torch.inf).amin(
        1
    )  # [N, 2]
    counted = seen & (there.sum(1) >= 2)
    off = (found - true).abs()
    if rule == "axes":
        near = (off < alpha * box[:, None]).all(-1)
    else:
        near = off.norm(dim=-1) < alpha * box.norm(dim=-1, keepdim=True)
    return (near & counted & visible(found)).sum(1), counted.sum(1)
