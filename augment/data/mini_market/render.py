"""Renders the picture of a shot, with its joints and parsing map.

The order is scene, passers-by, person, objects in front, box, camera.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from augment.data.mini_market.clutter import CLUTTER
from augment.data.mini_market.figure import NUM_JOINTS, draw_pose
from augment.data.mini_market.person import Layer, draw_person
from augment.data.mini_market.scenes import CAMERAS, SCENE_PX, paint_scene, view
from augment.data.mini_market.shots import BACKGROUNDS, PEOPLE, PICTURES, TRACKS, WORLD, Shot
from augment.data.mini_market.wardrobe import Identity, draw_identity

SIZE = (128, 64)
SUPERSAMPLING = 2
CANVAS = (SIZE[0] * SUPERSAMPLING, SIZE[1] * SUPERSAMPLING)
# Body height in an average box on the canvas: 120 of 128 px, from which the stride takes some.
PERSON_PX = 240.0
PASSERS = 40
BEFORE = ("pole", "bush", "bench", "bicycle", "railing", "bin", "passer", "passer")


@dataclass(frozen=True)
class Difficulty:
    """Difficulty of the pictures, as shares in 0..1.

    backpacks: identities with a backpack
    occlusions: pictures with something in front of the person
    truncations: boxes that cut people
    lost: pictures so blurred that no joint is found
    """

    backpacks: float
    occlusions: float
    truncations: float
    lost: float


@dataclass(frozen=True)
class World:
    """What all pictures of one seed share.

    scenes: uint8 [440, 1900, 3] each
    folds: folds of cloth, float32 [512, 512]
    shadow: the shadow under a person, float32 [48, 160]
    """

    seed: int
    difficulty: Difficulty
    scenes: tuple[np.ndarray, ...]
    passers: tuple[Layer, ...]
    folds: np.ndarray
    shadow: np.ndarray


@dataclass(frozen=True)
class Picture:
    """A rendered picture.

    image: uint8 RGB [128, 64, 3]
    keypoints: int64 [18, 2] as (y, x) px, -1 for a missing joint
    parsing: uint8 [128, 64], 0..9
    """

    image: np.ndarray
    keypoints: np.ndarray
    parsing: np.ndarray


def build_world(seed: int, difficulty: Difficulty) -> World:
    """Paint the six scenes and a crowd of passers-by."""
    rng = np.random.default_rng([seed, WORLD])
    folds = np.zeros((512, 512), np.float32)
    for high, wide, amount in ((16, 8, 0.05), (6, 10, 0.035), (40, 24, 0.05)):
        small = rng.normal(0, amount, (512 // high, 512 // wide)).astype(np.float32)
        folds += cv2.resize(small, (512, 512), interpolation=cv2.INTER_CUBIC)
    crowd = np.random.default_rng([seed, WORLD, 1])
    passers = []
    for _ in range(PASSERS):
        pose = draw_pose(
            crowd, crowd.uniform(0, 2 * np.pi), crowd.uniform(0, 2 * np.pi), crowd.uniform(0.2, 1)
        )
        who = draw_identity(crowd, difficulty.backpacks)
        light = _unit((crowd.uniform(-0.5, 0.5), -0.6, 0.6))
        foot, cloth = (CANVAS[0] - 12, CANVAS[1] / 2), folds[: CANVAS[0], : CANVAS[1]]
        passers.append(draw_person(who, pose, 0.12, PERSON_PX, foot, CANVAS, light, cloth))
    scenes = tuple(
        paint_scene(np.random.default_rng([seed, WORLD, 2, k]), camera)
        for k, camera in enumerate(CAMERAS)
    )
    shadow = np.zeros((48, 160), np.float32)
    cv2.ellipse(shadow, (80, 24), (52, 11), 0, 0, 360, 0.5, -1)
    return World(
        seed, difficulty, scenes, tuple(passers), folds, cv2.GaussianBlur(shadow, (0, 0), 6)
    )


def identity(world: World, person: tuple[int, ...]) -> Identity:
    return draw_identity(
        np.random.default_rng([world.seed, PEOPLE, *person]), world.difficulty.backpacks
    )


def _unit(vector) -> tuple[float, float, float]:
    vector = np.asarray(vector, float)
    x, y, z = (float(v) for v in vector / np.linalg.norm(vector))
    return x, y, z


def render(world: World, shot: Shot) -> Picture:
    """Render the picture of a shot; it depends on the world's seed and the shot alone."""
    camera = CAMERAS[shot.camid]
    way = np.random.default_rng([world.seed, TRACKS, *shot.track])
    rng = np.random.default_rng([world.seed, PICTURES, *shot.number])
    heading = way.choice(camera.headings) + way.normal(0, 0.55) + rng.normal(0, 0.3)
    exposure = way.normal(1, 0.1) * rng.normal(1, 0.04)
    place = (
        way.uniform(140, SCENE_PX[1] - 140) + rng.normal(0, 50),
        way.uniform(300, 410) + rng.normal(0, 8),
    )
    light = _unit(np.array(camera.light) + way.normal(0, 0.12, 3))
    stride = 0.1 if way.random() < 0.2 else way.uniform(0.45, 1.0)
    who = None if shot.person is None else identity(world, shot.person)

    scale, foot = _box(rng, shot, world.difficulty.truncations)
    scale *= 1 + 0.4 * ((who.body.height if who else 1) - 1)
    zoom = scale / PERSON_PX * way.uniform(0.85, 1.15)
    crowded = shot.folder != BACKGROUNDS
    canvas = _background(world, shot.camid, place, zoom, foot, rng, crowded)
    label = np.zeros(CANVAS, np.uint8)
    joints = np.full((NUM_JOINTS, 2), -1.0)
    if who:
        pose = draw_pose(rng, heading, rng.uniform(0, 2 * np.pi), stride * rng.uniform(0.85, 1.1))
        top, left = rng.integers(0, 512 - CANVAS[0]), rng.integers(0, 512 - CANVAS[1])
        cloth = world.folds[top : top + CANVAS[0], left : left + CANVAS[1]]
        layer = draw_person(
            who, pose, camera.pitch + rng.normal(0, 0.03), scale, foot, CANVAS, light, cloth
        )
        _shade_ground(canvas, world.shadow, foot, scale)
        np.copyto(canvas, layer.colour, where=layer.mask[..., None])
        label, joints = layer.label, np.where(layer.visible[:, None], layer.joints, -1.0)
    hidden = np.zeros(CANVAS, np.uint8)
    if crowded and rng.random() < world.difficulty.occlusions:
        _put_before(world, canvas, hidden, rng)
    lost = rng.random() < world.difficulty.lost
    smear = rng.uniform(4, 7) if lost else max(rng.normal(0.2, 0.7), 0)
    small = cv2.resize(canvas, (SIZE[1], SIZE[0]), interpolation=cv2.INTER_AREA)
    image = view(small, camera, rng, exposure, smear)
    parsing = np.where(hidden > 127, 0, label)[::SUPERSAMPLING, ::SUPERSAMPLING]
    return Picture(image, _keypoints(joints, hidden, lost), parsing)


def _box(
    rng: np.random.Generator, shot: Shot, truncations: float
) -> tuple[float, tuple[float, float]]:
    """A detector's box, hand-drawn for queries and badly placed for junk.

    Returns:
        Body height in canvas px, and (y, x) of the ground under the person.
    """
    height, width = CANVAS
    loose = 0.5 if shot.folder == "query" else 1.0
    scale = PERSON_PX * np.exp(rng.normal(0, 0.06 * loose))
    y, x = (
        240 + 0.5 * (scale - PERSON_PX) + rng.normal(0, 6 * loose),
        width / 2 + rng.normal(0, 5 * loose),
    )
    if shot.pid == -1:
        if rng.random() < 0.5:  # next to the person
            x += rng.choice([-1, 1]) * rng.uniform(36, 70)
        else:  # a part of the person, or far too wide
            scale *= rng.uniform(1.5, 2.3) if rng.random() < 0.7 else rng.uniform(0.4, 0.6)
            y = (
                height * rng.uniform(0.9, 2.0)
                if scale > PERSON_PX
                else height * rng.uniform(0.6, 0.95)
            )
            x += rng.normal(0, 20)
    elif rng.random() < truncations:
        scale *= rng.uniform(1.1, 1.4)
        y = height - 8 + rng.uniform(0.0, 1.0) * (scale - height + 24)
        x += rng.normal(0, 8)
    return float(scale), (float(y), float(x))


def _background(
    world: World, camid: int, place, zoom: float, foot, rng: np.random.Generator, crowded: bool
) -> np.ndarray:
    """The scene, moved so that its `place` (x, y) lies at `foot` on the canvas.

    If `crowded`, a passer-by appears in some pictures.
    """
    move = np.array([[zoom, 0, foot[1] - zoom * place[0]], [0, zoom, foot[0] - zoom * place[1]]])
    canvas = cv2.warpAffine(
        world.scenes[camid], move, CANVAS[::-1], borderMode=cv2.BORDER_REFLECT_101
    )
    if crowded and rng.random() < 0.35:
        layer = world.passers[rng.integers(len(world.passers))]
        size = rng.uniform(0.35, 0.75)
        far = foot[0] - (1 - size) * rng.uniform(60, 150)
        _paste(canvas, layer, size, far, rng.uniform(-10, CANVAS[1] + 10))
    return canvas


def _paste(canvas: np.ndarray, layer: Layer, size: float, foot_y: float, x: float) -> np.ndarray:
    """Paste a passer-by on the canvas; returns the mask, uint8 [H, W]."""
    height, width = CANVAS
    move = np.array([[size, 0, x - size * width / 2], [0, size, foot_y - size * (height - 12)]])
    mask = cv2.warpAffine(layer.mask.view(np.uint8) * np.uint8(255), move, (width, height))
    colour = cv2.warpAffine(layer.colour, move, (width, height))
    np.copyto(canvas, colour, where=(mask > 127)[..., None])
    return mask


def _shade_ground(canvas: np.ndarray, shadow: np.ndarray, foot, scale: float) -> None:
    """Darken the ground under the feet."""
    factor = scale / PERSON_PX
    move = np.array([[factor, 0, foot[1] - 80 * factor], [0, factor, foot[0] - 24 * factor]])
    top, bottom = max(int(foot[0] - 30 * factor), 0), min(int(foot[0] + 30 * factor), CANVAS[0])
    if top < bottom:
        move[1, 2] -= top
        dark = cv2.warpAffine(shadow, move, (CANVAS[1], bottom - top))
        canvas[top:bottom] = (canvas[top:bottom] * (1 - dark[..., None])).astype(np.uint8)


def _put_before(
    world: World, canvas: np.ndarray, hidden: np.ndarray, rng: np.random.Generator
) -> None:
    """Draw an object or passer-by in front of the person, and mark its pixels in `hidden`."""
    kind = BEFORE[rng.integers(len(BEFORE))]
    x = CANVAS[1] / 2 + rng.choice([-1, 1]) * rng.uniform(8, 70)
    if kind == "passer":
        layer = world.passers[rng.integers(len(world.passers))]
        side = CANVAS[1] / 2 + rng.choice([-1, 1]) * rng.uniform(40, 75)
        np.maximum(
            hidden,
            _paste(canvas, layer, rng.uniform(1.0, 1.35), rng.uniform(255, 330), side),
            out=hidden,
        )
        return
    y, size, seed = CANVAS[0] + rng.uniform(0, 20), rng.uniform(100, 170), int(rng.integers(2**31))
    shape = np.zeros((*CANVAS, 3), np.uint8)
    CLUTTER[kind](canvas, np.random.default_rng(seed), x, y, size, False)
    CLUTTER[kind](shape, np.random.default_rng(seed), x, y, size, True)
    np.maximum(hidden, shape[..., 0], out=hidden)


def _keypoints(joints: np.ndarray, hidden: np.ndarray, lost: bool) -> np.ndarray:
    """Canvas joints as whole pixels of the picture; outside, occluded or lost ones are -1."""
    pixel = np.floor(joints / SUPERSAMPLING).astype(np.int64)
    inside = (joints >= 0).all(1) & (pixel[:, 0] < SIZE[0]) & (pixel[:, 1] < SIZE[1])
    rows, columns = np.where(inside[:, None], joints, 0).astype(np.int64).T
    inside &= hidden[rows, columns] <= 127
    if lost or inside.sum() < 5:  # a detector does not report a person with so few joints
        inside[:] = False
    return np.where(inside[:, None], pixel, -1)
