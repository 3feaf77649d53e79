"""Named pose sequences of mini_market's figure: a walk cycle and a full turn.

Joints that the body itself hides, such as the far arm or the face seen from behind, are missing, as
in real keypoints.
"""

import math

import numpy as np

from augment.data.mini_market.figure import Arm, Body, Pose
from augment.data.mini_market.person import draw_person
from augment.data.mini_market.wardrobe import Identity
from generators.body.skeleton import TORSO

SEQUENCES = ("walk", "turn")
# For drawing the figure; the poses are fitted to a person afterwards.
_SCALE_PX, _FOOT, _CANVAS = 216.0, (240.0, 80.0), (256, 160)


def sequence(name: str, frames: int, heading_degrees: float) -> np.ndarray:
    """Keypoints float64 [frames, 18, 2] of a looping sequence, (y, x) in px of the figure's canvas.

    Args:
        heading_degrees: 0 walks towards the camera, 90 to the right, 180 away from it; a turn begins
            with this heading.

    Raises:
        ValueError: If the name or the heading is invalid.
    """
    if name not in SEQUENCES:
        raise ValueError(f"unknown pose sequence {name!r}; available: {', '.join(SEQUENCES)}")
    if not math.isfinite(heading_degrees):
        raise ValueError(f"a heading of {heading_degrees} degrees is not a number")
    heading, around = math.radians(heading_degrees), 2 * math.pi * np.arange(frames) / frames
    if name == "walk":
        return np.stack([_keypoints(heading, float(phase), 0.8) for phase in around])
    return np.stack([_keypoints(heading + float(angle), 0.0, 0.15) for angle in around])


def fitted(poses: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Scale and move poses [frames, 18, 2] to a person, keypoints [18, 2] with a torso.

    The sequence's mean torso length and mean torso centre become those of the person.

    Returns:
        float64 [frames, 18, 2]
    """
    scale = _torso_length(person[None])[0] / _torso_length(poses).mean()
    middle = poses[:, list(TORSO)].mean((0, 1))
    moved = (poses - middle) * scale + person[list(TORSO)].mean(0)
    return np.where((poses >= 0).all(-1, keepdims=True), moved, -1.0)


def _torso_length(poses: np.ndarray) -> np.ndarray:
    """The torso scale of generators/body/body_parts.py, [N]."""
    return np.sqrt((((poses[:, [8, 11]] - poses[:, [2, 5]]) ** 2).sum(-1)).mean(-1))


def _keypoints(heading: float, phase: float, stride: float) -> np.ndarray:
    sway = 0.55 * stride * math.sin(phase)  # arms swing against the legs
    pose = Pose(
        heading=heading,
        phase=phase,
        stride=stride,
        lean=0.05,
        twist=-0.16 * stride * math.sin(phase),
        head_yaw=0.0,
        head_pitch=0.05,
        right=Arm(-sway, 0.1, 0.3, 0.05),
        left=Arm(sway, 0.1, 0.3, 0.05),
    )
    grey = (128, 128, 128)
    figure = Identity(
        body=Body(height=1.0, girth=1.14, shoulder=0.104, hip=0.052, leg=0.482),
        skin=grey,
        hair=grey,
        hair_style="short",
        upper=grey,
        second=grey,
        pattern="plain",
        stripe=0.5,
        sleeve="long",
        hem=1.0,
        lower=grey,
        lower_kind="trousers",
        lower_length=1.0,
        shoes=grey,
        backpack=None,
    )
    layer = draw_person(
        figure,
        pose,
        0.0,
        _SCALE_PX,
        _FOOT,
        _CANVAS,
        (0.0, -1.0, 0.0),
        np.zeros(_CANVAS, np.float32),
    )
    shown = layer.visible.copy()
    shown[list(TORSO)] = True  # a pose without a torso would be unusable
    return np.where(shown[:, None], layer.joints, -1.0)
