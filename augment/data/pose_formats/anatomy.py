"""Relations between keypoints of standing and walking people, and common joint orders.

On the annotations of Market-1501 every relation below holds in at least 99 % of the images that
show its joints.
"""

import numpy as np

from generators.body.joint_orders import FROM_BODY_25, FROM_COCO, NECK

NOSE, RIGHT_SHOULDER, LEFT_SHOULDER, RIGHT_HIP, LEFT_HIP, RIGHT_EYE, LEFT_EYE = (
    0, 2, 5, 8, 11, 14, 15,
)  # fmt: skip
# A right joint and its left counterpart.
PAIRS = ((2, 5), (3, 6), (4, 7), (8, 11), (9, 12), (10, 13))
# The first joint is above the second.
ABOVE = (
    (0, 1), (1, 8), (1, 11), (2, 8), (5, 11), (8, 9), (11, 12), (9, 10), (12, 13), (14, 2),
    (15, 5), (16, 1), (17, 1),
)  # fmt: skip
# The line from the first to the second is steeper than 45 degrees.
STEEP = ((2, 8), (5, 11))
# Name of a joint order -> the position of our joint j in it.
ORDERS = {
    "COCO-17 with the neck last": tuple(
        17 if joint == NECK else place for joint, place in enumerate(FROM_COCO)
    ),
    "COCO-17 with the neck first": tuple(
        0 if joint == NECK else place + 1 for joint, place in enumerate(FROM_COCO)
    ),
    "the first 18 of BODY_25": tuple(place if place < 18 else -1 for place in FROM_BODY_25),
}


def seen(points: np.ndarray) -> np.ndarray:
    """Which joints of [N, 18, 2] are present: bool [N, 18]. A missing joint is -1 in both columns."""
    return ~(points == -1).all(-1)


def reorder(points: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    return np.where(np.array(order)[:, None] < 0, -1.0, points[:, list(order)])


def relations(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which relations can be judged, and which of those are broken: bool [N, R] each."""
    present = seen(points)
    first, second = np.array(ABOVE + STEEP).T
    judged = present[:, first] & present[:, second]
    y, x = np.moveaxis(points[:, second] - points[:, first], -1, 0)
    holds = np.where(np.arange(len(first)) < len(ABOVE), y > 0, np.abs(y) > np.abs(x))
    return judged, judged & ~holds


def plausibility(points: np.ndarray) -> float:
    """Share of the relations that hold, in [0, 1]; 1 if none can be judged."""
    judged, broken = relations(points)
    return 1 - broken.sum() / judged.sum() if judged.any() else 1.0


def weakest(points: np.ndarray, least: int) -> float:
    """Share of images in which the most broken relation holds; 1 if none can be judged.

    Only relations that at least `least` images show are considered.
    """
    judged, broken = (each.sum(0) for each in relations(points))
    shares = 1 - broken[judged >= least] / judged[judged >= least]
    return shares.min(initial=1.0)


def turned(points: np.ndarray, right: int, left: int) -> tuple[np.ndarray, np.ndarray]:
    """Find faces whose right and left joint are swapped.

    A person who faces the camera has the right shoulder at the image's left. (The nose alone is also
    visible in profile.)

    Returns:
        Images that show a face (nose and both eyes) and both joints, bool [N]; and those in which
        the right joint is at the image's right.
    """
    present = seen(points)
    judged = present[:, [NOSE, RIGHT_EYE, LEFT_EYE, right, left]].all(1) & (
        points[:, right, 1] != points[:, left, 1]
    )
    return judged, judged & (points[:, right, 1] > points[:, left, 1])
