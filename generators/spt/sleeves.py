"""Sleeves of a parsing map made longer or shorter, as in the edits of spt_journal, Fig. 19.

The frames of body/body_parts.py give the positions of an arm and its hand.
"""

from dataclasses import replace

import torch
from torch import Tensor

from generators.body import body_parts, parsing, part_drawing
from generators.body.pose import size_of

LENGTHS = ("long", "short")
UPPER_CLOTHES = parsing.LABELS.index("upper_clothes")
# Label of an arm, its parts in body_parts.PARTS.
ARMS = tuple(
    (
        parsing.LABELS.index(f"{side}_arm"),
        body_parts.PARTS.index(f"{side}_upper_arm"),
        body_parts.PARTS.index(f"{side}_forearm"),
    )
    for side in ("left", "right")
)
# Forearms that end at the wrist: what lies beyond is the hand.
_TO_THE_WRIST = replace(body_parts.USUAL, hand=0.0)


def with_sleeves(labels: Tensor, keypoints: Tensor, length: str) -> Tensor:
    """Labels [N, H, W] with long or short sleeves.

    Args:
        labels: [N, H, W].
        keypoints: [N, 18, 2] at (H, W).
        length: long, arms become upper clothes down to the wrist and hands stay arms; or short,
            upper clothes on the arm beyond the middle of the upper arm become arm.

    Raises:
        ValueError: If the length is unknown, or a person has no usable torso.
    """
    if length not in LENGTHS:
        raise ValueError(f"sleeves are {length!r}; they must be one of {', '.join(LENGTHS)}")
    size = size_of(labels)
    keypoints = body_parts.tidy(keypoints, size)
    if not body_parts.usable(keypoints, size).all():
        raise ValueError(
            "sleeves need the positions of the arms, but these joints lack a usable torso (both shoulders and both hips)"
        )
    frames = body_parts.frames(keypoints, size, _TO_THE_WRIST)
    # Whole arms with hands locate the pixels; `frames` gives the position of the wrist.
    whole = body_parts.frames(keypoints, size, body_parts.USUAL)
    masks = part_drawing.part_masks(whole, size, 1.0)
    front = part_drawing.front_part(masks, part_drawing.draw_order(keypoints))
    edited = labels.clone()
    for arm, upper, fore in ARMS:
        u_upper, _ = part_drawing.local(frames[:, upper], size)
        u_fore, _ = part_drawing.local(frames[:, fore], size)
        on_upper = masks[:, upper] > 0.5
        if length == "long":
            hand = (u_fore > 1) & ~on_upper
            edited = torch.where((labels == arm) & ~hand, UPPER_CLOTHES, edited)
        else:
            beyond = ((front == upper) & (u_upper > 0)) | (front == fore)
            edited = torch.where((labels == UPPER_CLOTHES) & beyond, arm, edited)
    return edited
