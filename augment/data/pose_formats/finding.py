"""The validator's input, images with keypoints, and its findings."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from augment.data.pose_formats import anatomy

EXAMPLES = 3


@dataclass(frozen=True)
class Finding:
    """A problem with keypoints.

    kind: names, missing, zeros, scale, swapped_axes, upside_down, order, outside, left_right, eyes,
        merged, absent or torso
    fatal: whether these keypoints are unusable
    """

    kind: str
    fatal: bool
    message: str
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.message + (
            f" (for example {', '.join(self.examples)})" if self.examples else ""
        )


@dataclass(frozen=True)
class Rows:
    """Images with keypoints.

    names: [N], names in the keypoint file
    points: float64 [N, 18, 2] as (y, x) px
    sizes: float64 [N, 2] as (height, width) px; NaN for an unknown image
    """

    names: list[str]
    points: np.ndarray
    sizes: np.ndarray

    def examples(self, which: ArrayLike) -> tuple[str, ...]:
        return tuple(self.names[row] for row in np.flatnonzero(which)[:EXAMPLES])

    def outside(self) -> np.ndarray:
        """Joints that lie outside their image, bool [N, 18]; False for an image of unknown size."""
        beyond = (self.points > self.sizes[:, None] - 0.5) | (self.points < -0.5)  # False for NaN
        return anatomy.seen(self.points) & beyond.any(-1) & ~np.isnan(self.sizes[:, :1])


def gather(
    keypoints: Mapping[str, np.ndarray],
    sizes: Mapping[str, tuple[int, int]],
    matched: Mapping[str, str],
) -> Rows:
    """The keypoints that have an image, or all of them if none has.

    Args:
        matched: image -> name in the keypoint file.
    """
    image_of = {name: image for image, name in matched.items()}
    chosen = [name for name in keypoints if name in image_of] or list(keypoints)
    unknown = (np.nan, np.nan)
    of_image = [sizes[image_of[name]] if name in image_of else unknown for name in chosen]
    points = np.array([keypoints[name] for name in chosen], np.float64).reshape(-1, 18, 2)
    return Rows(chosen, points, np.array(of_image, np.float64).reshape(-1, 2))
