"""A dressed person as surfaces: one picture layer, its parsing map and the visible joints.

Parsing decisions: sleeves and hands count as the arm, shoes and bare legs as the leg, shorts as
trousers, the neck as face, a backpack and its straps as upper clothes. Left and right are the
person's own.
"""

from dataclasses import dataclass

import numpy as np

from augment.data.mini_market import figure as f
from augment.data.mini_market.parts import FACE, LABEL_OF_PART, OWN, PARTS_AT_JOINT
from augment.data.mini_market.shapes import draw_arms, draw_head, draw_legs, draw_trunk
from augment.data.mini_market.surface import Surface, empty_surface
from augment.data.mini_market.wardrobe import Identity


@dataclass(frozen=True)
class Layer:
    """A person on an empty canvas.

    colour: uint8 [H, W, 3] RGB
    mask: bool [H, W]
    label: uint8 [H, W], 0 for the background
    joints: float64 [18, 2] as canvas (y, x)
    visible: bool [18], False for joints that the person's own body hides
    """

    colour: np.ndarray
    mask: np.ndarray
    label: np.ndarray
    joints: np.ndarray
    visible: np.ndarray


def draw_person(
    identity: Identity,
    pose: f.Pose,
    pitch: float,
    scale_px: float,
    foot: tuple[float, float],
    size: tuple[int, int],
    light: tuple[float, float, float],
    cloth: np.ndarray,
) -> Layer:
    """Draw a person.

    Args:
        pitch: by how much the camera looks down, in radians.
        scale_px: body height in px.
        foot: (y, x) of the ground under the person, in px.
        size: (height, width) of the canvas in px.
        light: unit vector to the light (y down).
        cloth: float32 [H, W], folds added to the shading.
    """
    points = f.project(f.skeleton(identity.body, pose), pitch, scale_px, foot)
    surface = empty_surface(*size, light)
    draw_legs(surface, identity, points, scale_px)
    draw_trunk(surface, identity, pose, points, scale_px)
    draw_arms(surface, identity, points, scale_px)
    head = draw_head(surface, identity, pose, points, pitch, scale_px)
    shade = 0.56 + 0.5 * np.maximum(surface.lambert, 0) + cloth
    shade[surface.part == FACE] += 0.06
    visible = _visible(surface, points, head, scale_px)
    for eye in (f.R_EYE, f.L_EYE):
        if visible[eye]:
            x, y = points[eye, :2]
            shade[int(y - 1) : int(y + 1), int(x - 1.5) : int(x + 1.5)] *= 0.5
    table = np.zeros((10, 3), np.float32)
    table[1:] = (
        identity.skin, identity.hair, identity.upper, identity.second, identity.lower,
        identity.shoes, identity.backpack or (0, 0, 0),
        np.array(identity.backpack or (0, 0, 0)) * 0.8, (30, 26, 26),
    )  # fmt: skip
    colour = np.clip(table[surface.material] * shade[..., None], 0, 255).astype(np.uint8)
    label = LABEL_OF_PART[surface.part]
    return Layer(colour, surface.part > 0, label, points[: f.NUM_JOINTS, 1::-1].copy(), visible)


def _visible(surface: Surface, p: np.ndarray, axes: np.ndarray, scale: float) -> np.ndarray:
    """Which joints a detector would find although the body may hide them, bool [18].

    A limb joint is visible if a third of the pixels around it show the limb; a joint of the face if
    neither hair nor an arm covers it and it is not on the far side of the head. Neck, shoulders and
    hips are inferred from the outline, so the person's own body does not hide them.
    """
    visible = np.ones(f.NUM_JOINTS, bool)
    height, width = surface.part.shape
    radius = max(int(0.018 * scale), 1)
    for joint in (*PARTS_AT_JOINT, f.NOSE, f.R_EYE, f.L_EYE, f.R_EAR, f.L_EAR):
        x, y, z = p[joint]
        row, column = int(np.floor(y)), int(np.floor(x))
        if not (0 <= row < height and 0 <= column < width):
            visible[joint] = False
        elif joint in PARTS_AT_JOINT:
            rows, columns = (slice(max(at - radius, 0), at + radius + 1) for at in (row, column))
            around = surface.part[rows, columns]
            visible[joint] = OWN[joint][around].mean() > 0.35
        else:
            visible[joint] = surface.depth[row, column] < z + 0.026 * scale
    return visible
