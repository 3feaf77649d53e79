"""Sleeves of a parsing map made longer or shorter, as in the edits of spt_journal, Fig. 19.

The frames of body/body_parts.py say where an arm and its hand are.
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
        parsing.LABELS.index(f"{one}_arm"),
        body_parts.PARTS.index(f"{one}_upper_arm"),
        body_parts.PARTS.index(f"{one}_forearm"),
    )
    for one in ("left", "right")
)
# Forearms that end at the wrist: what lies beyond is the hand.
_TO_THE_WRIST = replace(body_parts.USUAL, hand=0.0)


def with_sleeves(labels: Tensor, keypoints: Tensor, length: str) -> Tensor:
    """Labels [N, H, W] with other sleeves, of persons with keypoints [N, 18, 2] at (H, W).

    long: arms become upper clothes down to the wrist; hands stay arms.
    short: upper clothes on the arm beyond the middle of the upper arm become arm.

    Raises:
        ValueError: another length, or a person without a usable torso.
    """
    if length not in LENGTHS:
        raise ValueError(f"sleeves are {length!r}; they must be one of {', '.join(LENGTHS)}")
    size = size_of(labels)
    keypoints = body_parts.tidy(keypoints, size)
    if not body_parts.usable(keypoints, size).all():
        raise ValueError(
            "sleeves need the arms' places, and these joints have no usable torso: both shoulders and both hips"
        )
    frames = body_parts.frames(keypoints, size, _TO_THE_WRIST)
    # Arms are looked for with their hands, and a little wider than a part is cut: sleeves hang.
    whole = body_parts.frames(keypoints, size, body_parts.USUAL)
    masks = part_drawing.part_masks(whole, size, 1.0)
    front = part_drawing.front_part(masks, part_drawing.draw_order(keypoints))
    found = labels.clone()
    for arm, upper, fore in ARMS:
        u_upper, _ = part_drawing.local(frames[:, upper], size)
        u_fore, _ = part_drawing.local(frames[:, fore], size)
        on_upper = masks[:, upper] > 0.5
        if length == "long":
            hand = (u_fore > 1) & ~on_upper
            found = torch.where((labels == arm) & ~hand, UPPER_CLOTHES, found)
        else:
            beyond = ((front == upper) & (u_upper > 0)) | (front == fore)
            found = torch.where((labels == UPPER_CLOTHES) & beyond, arm, found)
    return found
