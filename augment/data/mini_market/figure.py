"""The body: proportions, poses and an articulated skeleton, seen from any direction.

Body frame: (lateral: the person's left, up, forward), in body heights, standing on up = 0. World: x
to the right of the picture, y up, z towards the camera. Heading 0 faces the camera, pi/2 walks to
the right, pi shows the back.
"""

from dataclasses import dataclass

import numpy as np

(
    NOSE,
    NECK,
    R_SHOULDER,
    R_ELBOW,
    R_WRIST,
    L_SHOULDER,
    L_ELBOW,
    L_WRIST,
    R_HIP,
    R_KNEE,
    R_ANKLE,
    L_HIP,
    L_KNEE,
    L_ANKLE,
    R_EYE,
    L_EYE,
    R_EAR,
    L_EAR,
    R_HAND,
    L_HAND,
    R_HEEL,
    L_HEEL,
    R_TOE,
    L_TOE,
    HEAD,
    PELVIS,
) = range(26)
NUM_JOINTS = 18  # the first 18 are the OpenPose joints; the rest only shape the drawing

HEAD_HALF = (0.044, 0.068, 0.056)  # lateral, up, forward


@dataclass(frozen=True)
class Body:
    """Proportions in body heights.

    `girth` scales every thickness and `height` the whole body (1 is average).
    """

    height: float
    girth: float
    shoulder: float  # neck to shoulder joint
    hip: float  # middle to hip joint
    leg: float  # hip joint to sole


@dataclass(frozen=True)
class Arm:
    """Angles of an arm in radians.

    swing: of the upper arm, forward
    spread: of the upper arm, outward
    bend: of the elbow
    inward: of the forearm, across the body
    """

    swing: float
    spread: float
    bend: float
    inward: float


@dataclass(frozen=True)
class Pose:
    """Angles in radians; `phase` is the walking phase, `stride` 0 (standing) to 1 (long steps)."""

    heading: float
    phase: float
    stride: float
    lean: float
    twist: float
    head_yaw: float
    head_pitch: float
    right: Arm
    left: Arm


def turn(yaw: float, pitch: float = 0.0) -> np.ndarray:
    """Lateral, up and forward axes in world coordinates, the rows of [3, 3].

    A positive pitch looks down.
    """
    c, s, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    return np.array([[c, 0, -s], [sp * s, cp, sp * c], [cp * s, -sp, cp * c]])


def draw_body(rng: np.random.Generator) -> Body:
    """A random adult."""
    broad = rng.normal()
    return Body(
        height=float(np.clip(rng.normal(1, 0.06), 0.86, 1.14)),
        girth=float(np.clip(rng.normal(1.14, 0.12), 0.9, 1.45)),
        shoulder=float(np.clip(0.104 + 0.006 * broad, 0.09, 0.12)),
        hip=float(np.clip(0.052 + 0.003 * rng.normal(), 0.044, 0.06)),
        leg=float(np.clip(rng.normal(0.482, 0.01), 0.46, 0.505)),
    )


def draw_pose(rng: np.random.Generator, heading: float, phase: float, stride: float) -> Pose:
    """A random walking pose.

    The arms swing against the legs, or carry something, hold a phone, or rest in a pocket or on the
    strap.
    """
    arms = []
    for side in (1, -1):  # right, left: the right arm swings against the right leg
        swing = -0.55 * stride * side * np.sin(phase) + rng.normal(0, 0.06)
        arm = Arm(
            swing,
            abs(rng.normal(0.1, 0.06)),
            0.15 + 0.45 * stride * rng.random(),
            rng.normal(0.05, 0.08),
        )
        habit = rng.random()
        if habit < 0.08:  # a phone or a cup in front of the chest
            arm = Arm(rng.normal(0.25, 0.1), 0.12, rng.normal(1.9, 0.2), rng.normal(0.5, 0.15))
        elif habit < 0.14:  # a hand in the pocket or on the bag
            arm = Arm(rng.normal(-0.15, 0.05), 0.28, rng.normal(0.6, 0.1), rng.normal(0.45, 0.08))
        elif habit < 0.17:  # a hand at the ear
            arm = Arm(rng.normal(0.5, 0.1), 0.45, rng.normal(2.35, 0.1), rng.normal(0.35, 0.1))
        elif habit < 0.22:  # a hand at the strap or arms folded
            arm = Arm(rng.normal(0.1, 0.1), 0.15, rng.normal(1.5, 0.2), rng.normal(0.9, 0.15))
        arms.append(arm)
    return Pose(
        heading=heading,
        phase=phase,
        stride=stride,
        lean=float(rng.normal(0.03 + 0.05 * stride, 0.03)),
        twist=float(-0.16 * stride * np.sin(phase)),
        head_yaw=float(np.clip(rng.normal(0, 0.3), -1.1, 1.1)),
        head_pitch=float(np.clip(rng.normal(0.1, 0.15), -0.2, 0.6)),
        right=arms[0],
        left=arms[1],
    )


def _leg(phase: float, stride: float) -> tuple[float, float]:
    """(thigh angle forward, knee bend): the knee folds as the leg swings through."""
    thigh = 0.44 * stride * np.sin(phase) + 0.03
    knee = 0.08 + 1.0 * stride * max(0.0, np.cos(phase + 0.55)) ** 1.6
    return thigh + 0.25 * knee * stride, knee


def skeleton(body: Body, pose: Pose) -> np.ndarray:
    """World points [26, 3] in body heights.

    The 18 joints come first, then hands, heels, toes, head centre and pelvis.
    """
    p = np.zeros((26, 3))
    thigh, shin = body.leg * 0.455, body.leg * 0.43
    for side, phase, hip, knee, ankle, heel, toe in (
        (-1, pose.phase, R_HIP, R_KNEE, R_ANKLE, R_HEEL, R_TOE),
        (1, pose.phase + np.pi, L_HIP, L_KNEE, L_ANKLE, L_HEEL, L_TOE),
    ):
        angle, bend = _leg(phase, pose.stride)
        p[hip] = (side * body.hip, 0, -0.25 * side * body.hip * pose.stride * np.sin(pose.phase))
        p[knee] = p[hip] + thigh * np.array([-side * 0.02, -np.cos(angle), np.sin(angle)])
        lower = angle - bend
        p[ankle] = p[knee] + shin * np.array([-side * 0.015, -np.cos(lower), np.sin(lower)])
        # The heel lifts off behind the body, the toes in front of it.
        tilt = min(lower + 0.15, 0.0) * 0.8 + max(angle - 0.3, 0.0) * 0.6
        c, s = np.cos(tilt), np.sin(tilt)
        for point, forward, up in ((heel, -0.028, -0.03), (toe, 0.1, -0.032)):
            p[point] = p[ankle] + (
                side * 0.018 * (point == toe),
                up * c + forward * s,
                forward * c - up * s,
            )
    ground = p[[R_HEEL, L_HEEL, R_TOE, L_TOE], 1].min() - 0.018
    p[:, 1] -= ground
    p[PELVIS] = (0, -ground, 0)
    spine = np.array([0, np.cos(pose.lean), np.sin(pose.lean)])
    p[NECK] = p[PELVIS] + spine * (0.81 - body.leg)
    twisted = turn(pose.twist)
    for side, arm, shoulder, elbow, wrist, hand in (
        (-1, pose.right, R_SHOULDER, R_ELBOW, R_WRIST, R_HAND),
        (1, pose.left, L_SHOULDER, L_ELBOW, L_WRIST, L_HAND),
    ):
        p[shoulder] = p[NECK] + np.array([side * body.shoulder, -0.017, 0]) @ twisted
        c, s = np.cos(arm.spread), np.sin(arm.spread)
        p[elbow] = (
            p[shoulder]
            + 0.17 * np.array([side * s, -c * np.cos(arm.swing), c * np.sin(arm.swing)]) @ twisted
        )
        bent, inward = arm.swing + arm.bend, arm.inward - 0.5 * arm.spread
        c, s = np.cos(inward), np.sin(inward)
        fore = np.array([-side * s, -c * np.cos(bent), c * np.sin(bent)]) @ twisted
        p[wrist], p[hand] = p[elbow] + 0.14 * fore, p[elbow] + 0.178 * fore
    look = turn(pose.head_yaw + pose.twist, pose.head_pitch)
    p[HEAD] = p[NECK] + spine * 0.072 + np.array([0, 0.048, 0.012]) @ look
    for joint, offset in (
        (NOSE, (0, -0.02, 0.058)),
        (R_EYE, (-0.018, 0.008, 0.047)),
        (L_EYE, (0.018, 0.008, 0.047)),
        (R_EAR, (-0.044, -0.004, -0.002)),
        (L_EAR, (0.044, -0.004, -0.002)),
    ):
        p[joint] = p[HEAD] + np.array(offset) @ look
    return p @ turn(pose.heading)


def project(
    points: np.ndarray, pitch: float, scale_px: float, foot: tuple[float, float]
) -> np.ndarray:
    """Project world points [N, 3] to canvas coordinates (x, y down, z to the camera) in px.

    Args:
        pitch: by how much the camera looks down, in radians.
        scale_px: body height in px.
        foot: (y, x) of the ground below the body, in px.
    """
    x, y, z = points.T
    c, s = np.cos(pitch), np.sin(pitch)
    return np.stack(
        [foot[1] + scale_px * x, foot[0] - scale_px * (y * c - z * s), scale_px * (z * c + y * s)],
        1,
    )
