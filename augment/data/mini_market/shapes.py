"""Legs, trunk, arms and head of a dressed person, drawn as surfaces."""

import numpy as np

from augment.data.mini_market import figure as f
from augment.data.mini_market.parts import (
    BAG,
    FACE,
    HAIR,
    L_CLOTH,
    L_FOOT,
    L_FOREARM,
    L_LOW_CLOTH,
    L_SHIN,
    L_THIGH,
    L_UPPER_ARM,
    LOWER,
    NECK,
    PACK,
    PELVIS,
    R_CLOTH,
    R_FOOT,
    R_FOREARM,
    R_LOW_CLOTH,
    R_SHIN,
    R_THIGH,
    R_UPPER_ARM,
    SCALP,
    SECOND,
    SHOES,
    SKIN,
    SKIRT,
    STRAP,
    TORSO,
    UPPER,
)
from augment.data.mini_market.surface import Ring, Surface, capsule, ellipsoid, loft
from augment.data.mini_market.wardrobe import Identity


def draw_legs(surface: Surface, who: Identity, p: np.ndarray, scale: float) -> None:
    g = who.body.girth * scale
    length = who.lower_length
    for hip, knee, ankle, heel, toe, thigh, shin, foot, cloth, low in (
        (
            f.R_HIP,
            f.R_KNEE,
            f.R_ANKLE,
            f.R_HEEL,
            f.R_TOE,
            R_THIGH,
            R_SHIN,
            R_FOOT,
            R_CLOTH,
            R_LOW_CLOTH,
        ),
        (
            f.L_HIP,
            f.L_KNEE,
            f.L_ANKLE,
            f.L_HEEL,
            f.L_TOE,
            L_THIGH,
            L_SHIN,
            L_FOOT,
            L_CLOTH,
            L_LOW_CLOTH,
        ),
    ):
        calf = p[knee] + 0.35 * (p[ankle] - p[knee])
        if who.lower_kind != "trousers":
            # Under a skirt the thigh starts low, or a raised one would pierce the cloth.
            top = p[hip] + (0.6 * min(length, 1.0) if who.lower_kind == "skirt" else 0.0) * (
                p[knee] - p[hip]
            )
            capsule(surface, top, p[knee], 0.045 * g, 0.034 * g, SKIN, thigh)
            capsule(surface, p[knee], calf, 0.034 * g, 0.035 * g, SKIN, shin)
            capsule(surface, calf, p[ankle], 0.035 * g, 0.019 * g, SKIN, shin)
        if who.lower_kind == "trousers":
            hem = p[ankle] + 0.06 * (p[ankle] - p[knee])
            capsule(surface, p[hip], p[knee], 0.056 * g, 0.042 * g, LOWER, cloth)
            capsule(surface, p[knee], calf, 0.042 * g, 0.039 * g, LOWER, low)
            capsule(surface, calf, hem, 0.039 * g, 0.031 * g, LOWER, low, flat=True)
        elif who.lower_kind == "shorts":
            hem = p[hip] + min(length, 1.0) * (p[knee] - p[hip])
            capsule(
                surface,
                p[hip],
                hem,
                0.058 * g,
                (0.062 - 0.012 * length) * g,
                LOWER,
                cloth,
                flat=True,
            )
            if length > 1:
                hem = p[knee] + 2.0 * (length - 1) * (p[ankle] - p[knee])
                capsule(surface, p[knee], hem, 0.05 * g, 0.047 * g, LOWER, low, flat=True)
        middle = 0.5 * (p[heel] + p[toe])
        capsule(surface, p[heel], middle, 0.023 * scale, 0.024 * scale, SHOES, foot)
        capsule(surface, middle, p[toe], 0.024 * scale, 0.019 * scale, SHOES, foot)
        capsule(surface, p[ankle], middle, 0.02 * scale, 0.022 * scale, SHOES, foot)


# (torso lengths from the neck, half-width, half-depth) in body heights: collar, shoulders, chest,
# waist, hips.
_PROFILE = np.array(
    (
        (-0.11, 0.03, 0.03),
        (-0.05, 0.05, 0.036),
        (0.01, 0.08, 0.046),
        (0.08, 0.093, 0.054),
        (0.3, 0.091, 0.063),
        (0.6, 0.079, 0.058),
        (0.85, 0.084, 0.063),
        (1.0, 0.088, 0.064),
        (1.06, 0.085, 0.056),
        (1.14, 0.07, 0.048),
    )
)


def _rings(
    who: Identity, pose: f.Pose, p: np.ndarray, scale: float, at: np.ndarray, loose: float
) -> list[Ring]:
    """Cross-sections of the trunk at torso lengths `at`, widened by `loose` body heights."""
    shape = who.body.shoulder / 0.098
    rings = []
    for v in at:
        x, y, z = p[f.NECK] + v * (p[f.PELVIS] - p[f.NECK])
        lateral, forward = (np.interp(v, _PROFILE[:, 0], _PROFILE[:, k]) for k in (1, 2))
        lateral *= shape + (1 - shape) * min(max(v, 0), 1)
        belly = 1 + 0.5 * (who.body.girth - 1)  # bones carry part of the girth
        share = min(max(v / 0.4, 0), 1)
        girth = belly + (who.body.girth - belly) * share
        yaw = pose.heading + pose.twist * (1 - min(max(v, 0), 1))
        rings.append(
            Ring(x, y, z, (lateral * girth + loose) * scale, (forward * girth + loose) * scale, yaw)
        )
    return rings


def draw_trunk(surface: Surface, who: Identity, pose: f.Pose, p: np.ndarray, scale: float) -> None:
    g = who.body.girth * scale
    throat, chin = p[f.NECK] + (0, 0.01 * scale, 0), p[f.HEAD] + (0, 0.03 * scale, -0.012 * scale)
    capsule(surface, throat, chin, 0.031 * g, 0.028 * g, SKIN, NECK)
    at = np.append(_PROFILE[_PROFILE[:, 0] < who.hem - 0.02, 0], who.hem)
    rings = _rings(who, pose, p, scale, at, 0.006)
    loft(surface, rings, _torso_paint(who, at, scale), TORSO)
    if who.lower_kind == "skirt":
        top = _rings(who, pose, p, scale, np.array((0.7, 0.85, 1.0)), 0.004)
        share = min(who.lower_length, 1.0)
        knees = [
            p[hip] + share * (p[knee] - p[hip])
            for hip, knee in ((f.R_HIP, f.R_KNEE), (f.L_HIP, f.L_KNEE))
        ]
        x, y, z = 0.5 * (knees[0] + knees[1])
        y += max(who.lower_length - 1, 0) * 0.21 * scale
        forward = 0.5 * abs((knees[0] - knees[1]) @ (np.sin(pose.heading), 0, np.cos(pose.heading)))
        loft(
            surface,
            [*top, Ring(x, y, z, 0.105 * g, 0.075 * g + forward, pose.heading)],
            LOWER,
            SKIRT,
        )
    else:
        loft(
            surface,
            _rings(who, pose, p, scale, np.array((0.68, 0.85, 1.0, 1.06, 1.1)), 0.0),
            LOWER,
            PELVIS,
        )
    if who.backpack:
        back = []
        for v, lateral, depth in (
            (-0.02, 0.04, 0.02),
            (0.02, 0.065, 0.04),
            (0.1, 0.075, 0.05),
            (0.6, 0.078, 0.058),
            (0.72, 0.072, 0.05),
            (0.76, 0.05, 0.035),
        ):
            ring = _rings(who, pose, p, scale, np.array((v,)), 0.0)[0]
            behind = np.interp(v, _PROFILE[:, 0], _PROFILE[:, 2]) * g + 0.026 * scale
            x, z = ring.x - behind * np.sin(ring.yaw), ring.z - behind * np.cos(ring.yaw)
            back.append(Ring(x, ring.y, z, lateral * scale, depth * scale, ring.yaw))
        loft(surface, back, PACK, BAG)


def _torso_paint(who: Identity, at: np.ndarray, scale: float):
    """Paint function of the trunk: pattern, V of the collar, logo on the chest and straps."""

    def paint(v: np.ndarray, lateral: np.ndarray, forward: np.ndarray) -> np.ndarray:
        v = np.interp(v, np.arange(len(at)), at)
        front = forward > 0
        material = np.full(lateral.shape, UPPER, np.uint8)
        if who.pattern == "striped":
            material[np.broadcast_to((v % who.stripe) < 0.45 * who.stripe, lateral.shape)] = SECOND
        elif who.pattern == "two-colour":
            material[np.broadcast_to(v > who.stripe, lateral.shape)] = SECOND
        elif who.pattern == "logo":
            material[front & (np.abs(lateral) < 0.044 * scale) & (v > 0.2) & (v < 0.46)] = SECOND
        if who.backpack:
            strap = np.abs(np.abs(lateral) - 0.058 * scale) < 0.009 * scale
            material[strap & front & (v < 0.5)] = STRAP
        material[
            front & (np.abs(lateral) < (0.03 - 0.35 * np.maximum(v + 0.03, 0)) * scale) & (v < 0.06)
        ] = SKIN
        return material

    return paint


def draw_arms(surface: Surface, who: Identity, p: np.ndarray, scale: float) -> None:
    g = (0.5 + 0.5 * who.body.girth) * scale
    for shoulder, elbow, wrist, hand, upper, fore in (
        (f.R_SHOULDER, f.R_ELBOW, f.R_WRIST, f.R_HAND, R_UPPER_ARM, R_FOREARM),
        (f.L_SHOULDER, f.L_ELBOW, f.L_WRIST, f.L_HAND, L_UPPER_ARM, L_FOREARM),
    ):
        capsule(surface, p[shoulder], p[elbow], 0.03 * g, 0.025 * g, SKIN, upper)
        capsule(surface, p[elbow], p[wrist], 0.025 * g, 0.017 * g, SKIN, fore)
        capsule(surface, p[wrist], p[hand], 0.018 * g, 0.019 * g, SKIN, fore)
        if who.sleeve == "short":
            end = p[shoulder] + 0.66 * (p[elbow] - p[shoulder])
            capsule(surface, p[shoulder], end, 0.0355 * g, 0.037 * g, UPPER, upper, flat=True)
        elif who.sleeve == "long":
            capsule(surface, p[shoulder], p[elbow], 0.036 * g, 0.031 * g, UPPER, upper)
            capsule(surface, p[elbow], p[wrist], 0.031 * g, 0.025 * g, UPPER, fore, flat=True)


def draw_head(
    surface: Surface, who: Identity, pose: f.Pose, p: np.ndarray, pitch: float, scale: float
) -> np.ndarray:
    """Draw face and hair; returns the head's axes [3, 3] in canvas coordinates."""
    axes = f.turn(pose.heading + pose.twist + pose.head_yaw, pose.head_pitch)
    axes = f.project(axes, pitch, 1.0, (0.0, 0.0))
    half = np.array(f.HEAD_HALF) * scale
    centre = p[f.HEAD]
    ellipsoid(surface, centre, axes, tuple(half), SKIN, FACE)
    bridge, tip = p[f.NOSE] + 0.012 * scale * axes[1], p[f.NOSE] - 0.008 * scale * axes[2]
    capsule(surface, bridge, tip, 0.006 * scale, 0.009 * scale, SKIN, FACE)
    full = who.hair_style != "shaved"

    def hair(lateral, up, forward):
        # The hair line: above the brow in front, behind the ears at the side.
        grown = (up > 0.42) | (forward < -0.12 + 0.55 * up) if full else up > 0.38 + 0.16 * forward
        return np.where(grown, HAIR, 0)

    grow = 1.1 if full else 1.03
    ellipsoid(
        surface,
        centre + axes[1] * 0.004 * scale,
        axes,
        tuple(half * (grow, grow * 0.98, grow)),
        hair,
        SCALP,
    )
    yaw = pose.heading + pose.twist + pose.head_yaw
    if who.hair_style in ("bob", "long"):
        back = centre - axes[2] * 0.022 * scale
        down = 0.075 if who.hair_style == "bob" else 0.15
        end = back + (0, down * scale, 0) - axes[2] * 0.016 * scale
        mid = 0.5 * (back + end)
        sections = [(back - (0, 0.03 * scale, 0), 0.044, 0.034), (mid, 0.05, 0.036)]
        sections.append((end, 0.046, 0.026))
        rings = [
            Ring(x, y, z, lateral * scale, forward * scale, yaw)
            for (x, y, z), lateral, forward in sections
        ]
        loft(surface, rings, HAIR, SCALP)
    elif who.hair_style == "tail":
        root = centre - axes[2] * 0.056 * scale + axes[1] * 0.02 * scale
        end = root - axes[2] * 0.02 * scale + (0, 0.1 * scale, 0)
        capsule(surface, root, end, 0.018 * scale, 0.014 * scale, HAIR, SCALP)
    return axes
