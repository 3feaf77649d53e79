"""Other joint orders, converted to OpenPose's 18 (body/skeleton.py).

COCO-17: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles, each left before right
(Lin et al., "Microsoft COCO", 2014). Halpe-26 and COCO-WholeBody-133 begin with the same 17.
BODY_25: OpenPose's documentation, doc/02_output.md. LSP-14: Johnson and Everingham, "Clustered
Pose", 2010.
"""

import numpy as np

NUM_JOINTS = 18
NECK, RIGHT_SHOULDER, LEFT_SHOULDER = 1, 2, 5
MISSING = -1.0
# Our joint j is joint FROM_COCO[j] of COCO-17. COCO has no neck: it is set between the shoulders
# afterwards.
FROM_COCO = (0, 0, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
FROM_BODY_25 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
# -1: LSP-14 has no nose, eyes or ears.
FROM_LSP = (-1, 12, 8, 7, 6, 9, 10, 11, 2, 1, 0, 3, 4, 5, -1, -1, -1, -1)

NECK_DERIVED = "neck = middle of the shoulders, missing where one of them is"
BODY_25_DERIVED = "of 25 joints the middle of the hips and the feet are left out"
LSP_DERIVED = (
    "nose, eyes and ears are missing: 14-point files have none",
    "the top of the head is left out: it is none of the 18 joints",
)


def from_coco(points: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Our joints, float64 [18, 2], from COCO's.

    Args:
        points: (y, x) of COCO's joints, [17 or more, 2].
        seen: Which of them are present, bool [17 or more].
    """
    keypoints = picked(points, seen, FROM_COCO)
    shoulders = keypoints[[RIGHT_SHOULDER, LEFT_SHOULDER]]
    keypoints[NECK] = MISSING if (shoulders == MISSING).any() else shoulders.mean(0)
    return keypoints


def picked(points: np.ndarray, seen: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """Joints [J, 2] in another order, with missing ones as -1.

    Args:
        points: (y, x) of the joints, [J, 2].
        seen: Which of them are present, bool [J].
        order: For each joint of the result its row in `points`, or -1 if the file does not have it.
    """
    rows = np.array(order)
    present = seen[rows] & (rows >= 0)
    return np.where(present[:, None], points[rows], MISSING).astype(np.float64)


def none() -> np.ndarray:
    """The keypoints of an image without a person."""
    return np.full((NUM_JOINTS, 2), MISSING)
