"""The scenes and optics of six cameras.

A scene is a wall above a ground with clutter in front, painted once per camera and seed, far wider
than a crop. The optics are a colour matrix, a tone curve, blur and noise, which differ as much as
those of real surveillance cameras.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from augment.data.mini_market.clutter import CLUTTER

SCENE_PX = (440, 1900)  # height, width on the supersampled canvas
HORIZON_PX = 190  # the row where wall and ground meet


@dataclass(frozen=True)
class Camera:
    """A camera: angles in radians, blur in px of the final image, noise in grey levels."""

    wall: str
    wall_colour: tuple[int, int, int]
    ground: str
    ground_colour: tuple[int, int, int]
    clutter: tuple[str, ...]
    pitch: float
    headings: tuple[float, ...]  # the directions that people mostly walk
    light: tuple[float, float, float]  # towards the light: x right, y down, z to the camera
    contrast: float
    cast: tuple[float, float, float]  # gain of r, g, b
    saturation: float
    gamma: float
    blur_px: float
    noise: float


CAMERAS: tuple[Camera, ...] = (
    Camera(
        "glass",
        (70, 84, 96),
        "tiles",
        (150, 146, 138),
        ("bicycle", "bin", "sign"),
        0.10,
        (0.2, 3.3),
        (-0.5, -0.5, 0.7),
        0.95,
        (1.06, 1.0, 0.90),
        1.05,
        0.92,
        0.25,
        3.0,
    ),
    Camera(
        "brick",
        (142, 86, 70),
        "asphalt",
        (96, 98, 100),
        ("bicycle", "bicycle", "car", "pole"),
        0.16,
        (1.4, 4.6),
        (0.6, -0.5, 0.6),
        0.85,
        (0.86, 0.98, 1.14),
        0.75,
        1.12,
        0.4,
        4.0,
    ),
    Camera(
        "portal",
        (42, 40, 44),
        "steps",
        (118, 114, 110),
        ("railing", "pole", "bin"),
        0.06,
        (0.0, 3.1),
        (0.0, -0.8, 0.6),
        0.8,
        (0.84, 0.80, 0.84),
        0.9,
        1.2,
        0.3,
        5.0,
    ),
    Camera(
        "hedge",
        (58, 88, 46),
        "grass",
        (96, 128, 66),
        ("tree", "bench", "bush", "tree"),
        0.2,
        (0.9, 4.2),
        (-0.6, -0.7, 0.4),
        1.15,
        (1.04, 1.12, 0.92),
        1.25,
        0.82,
        0.3,
        3.0,
    ),
    Camera(
        "shops",
        (176, 158, 132),
        "paving",
        (168, 126, 104),
        ("sign", "bin", "sign", "bicycle"),
        0.13,
        (2.2, 5.4),
        (0.5, -0.6, 0.6),
        1.05,
        (1.2, 1.02, 0.80),
        1.0,
        0.95,
        0.45,
        4.0,
    ),
    Camera(
        "plaster",
        (196, 198, 196),
        "tiles",
        (120, 126, 134),
        ("railing", "bench", "tree", "pole"),
        0.24,
        (0.6, 2.6, 4.9),
        (-0.2, -0.6, 0.77),
        0.8,
        (0.98, 1.06, 1.10),
        0.65,
        0.78,
        0.55,
        5.0,
    ),
)


def _grain(
    rng: np.random.Generator, height: int, width: int, cell: int, amount: float
) -> np.ndarray:
    """Smooth noise float32 [height, width, 1] with spots of about `cell` px."""
    small = rng.normal(0, amount, (height // cell + 2, width // cell + 2)).astype(np.float32)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]


def _wall(rng: np.random.Generator, camera: Camera, height: int, width: int) -> np.ndarray:
    image = np.empty((height, width, 3), np.float32)
    image[:] = camera.wall_colour
    image += _grain(rng, height, width, 40, 6)
    if camera.wall == "brick":
        for row, y in enumerate(range(0, height, 9)):
            image[y : y + 1] *= 0.78
            for x in range((row % 2) * 11, width, 22):
                image[y : y + 9, x : x + 1] *= 0.8
                image[y + 1 : y + 9, x + 1 : x + 22] *= rng.uniform(0.88, 1.1)
    elif camera.wall in ("glass", "portal"):
        x = 0
        while x < width:
            step = int(rng.integers(50, 130))
            image[:, x : x + step] *= rng.uniform(0.55, 1.35)
            top, bottom = int(rng.integers(0, 60)), int(rng.integers(70, height))
            image[top:bottom, x + 8 : x + step - 8] += rng.uniform(-14, 26)
            image[:, x : x + 4] = np.array(camera.wall_colour) * (
                1.5 if camera.wall == "glass" else 0.4
            )
            x += step
        image[height // 3 : height // 3 + 4] *= 0.7
    elif camera.wall == "hedge":
        image += _grain(rng, height, width, 6, 26) * np.array((0.8, 1, 0.6), np.float32)
        image[:40] = np.array((188, 204, 214), np.float32) + _grain(rng, 40, width, 30, 8)
    elif camera.wall == "shops":
        x = 0
        while x < width:
            step = int(rng.integers(120, 260))
            image[:, x : x + step] *= rng.uniform(0.75, 1.15)
            image[70 : height - 20, x + 14 : x + step - 14] = rng.uniform(40, 110) + rng.uniform(
                -12, 12, 3
            )
            image[26:62, x + 6 : x + step - 6] = rng.uniform(50, 220, 3)
            for k in range(x + 20, x + step - 30, 22):
                image[36:52, k : k + int(rng.integers(5, 16))] = 232
            x += step
    elif camera.wall == "plaster":
        for x in range(30, width, 150):
            dx = int(rng.integers(0, 60))
            image[30:140, x + dx : x + dx + 62] = (92, 104, 112)
            image[30:140, x + dx + 29 : x + dx + 32] = 226
            image[82:85, x + dx : x + dx + 62] = 226
        image[height - 30 :] *= 0.6
    return image


def _ground(rng: np.random.Generator, camera: Camera, height: int, width: int) -> np.ndarray:
    image = np.empty((height, width, 3), np.float32)
    image[:] = camera.ground_colour
    image += _grain(rng, height, width, 60, 7) + _grain(rng, height, width, 3, 4)
    y = np.arange(height, dtype=np.float32)[:, None]
    depth = 1 / (0.25 + y / height)  # perspective: lines converge towards the wall
    across = (np.arange(width, dtype=np.float32)[None] - width / 2) * depth
    if camera.ground in ("tiles", "paving"):
        size = 46 if camera.ground == "tiles" else 26
        row = depth * 620 / size
        line, row = row % 1 < 0.06 * depth, np.floor(row)
        shift = row * (size / 2 if camera.ground == "paving" else 0)
        seam = (across + shift) % size < 1.6 * depth
        image[line | seam] *= 0.74
        image *= 1 + 0.05 * np.sin(3.1 * row + 5.3 * np.floor((across + shift) / size))[..., None]
    elif camera.ground == "steps":
        edges = np.cumsum([6, 8, 11, 14, 18, 22, 26, 30, 34, 40, 46])
        for k, edge in enumerate(edges[edges < height]):
            image[edge : edge + 3 + k // 3] *= 1.3
            image[edge + 3 + k // 3 : edge + 6 + k] *= 0.6
    elif camera.ground == "grass":
        image += _grain(rng, height, width, 3, 14) * np.array((0.7, 1, 0.4), np.float32)
        path = (y > 0.5 * height) & (y < 0.8 * height)
        image[np.broadcast_to(path, (height, width))] = np.array((164, 150, 126), np.float32)
        image += _grain(rng, height, width, 5, 5)
    elif camera.ground == "asphalt":
        image[12:18] = 205
        image[(np.abs(across % 260 - 130) < 9) & (y > 60)] = 214
    return image


def paint_scene(rng: np.random.Generator, camera: Camera) -> np.ndarray:
    """Paint the whole view of a camera before its optics: uint8 RGB [440, 1900, 3]."""
    height, width = SCENE_PX
    wall, ground = (
        _wall(rng, camera, HORIZON_PX, width),
        _ground(rng, camera, height - HORIZON_PX, width),
    )
    image = np.clip(np.concatenate([wall, ground]), 0, 255).astype(np.uint8)
    for y in np.sort(rng.uniform(HORIZON_PX - 4, HORIZON_PX + 95, 26)):
        kind = camera.clutter[rng.integers(len(camera.clutter))]
        size = 70 + 0.7 * (y - HORIZON_PX) + rng.uniform(-10, 20)
        x = rng.uniform(0, width)
        cv2.ellipse(
            image, (int(x), int(y)), (int(0.5 * size), 5), 0, 0, 360, (52, 52, 54), -1, cv2.LINE_AA
        )
        CLUTTER[kind](image, rng, x, y, size, False)
    return image


def view(
    image: np.ndarray, camera: Camera, rng: np.random.Generator, exposure: float, smear_px: float
) -> np.ndarray:
    """Apply the camera's optics to a clean crop, uint8 RGB [H, W, 3].

    Args:
        exposure: gain of this picture.
        smear_px: horizontal motion blur in px.
    """
    grey = (1 - camera.saturation) / 3
    matrix = np.eye(3) * camera.saturation + grey
    gains = np.array(camera.cast) * (1 + rng.normal(0, 0.025, 3)) * exposure
    image = cv2.transform(image, (gains[:, None] * matrix).astype(np.float32))
    sigma = camera.blur_px * rng.uniform(0.7, 1.4)
    image = cv2.GaussianBlur(image, (0, 0), sigma)
    if smear_px >= 1:
        kernel = np.zeros((1, 2 * int(np.ceil(smear_px)) + 1), np.float32)
        kernel[:] = np.clip(
            smear_px + 0.5 - np.abs(np.arange(kernel.size) - kernel.size // 2), 0, 1
        )
        image = cv2.filter2D(image, -1, kernel / kernel.sum())
    levels = np.arange(256) / 255
    curve = 0.5 + camera.contrast * (levels ** (camera.gamma * rng.uniform(0.94, 1.06)) - 0.5)
    image = np.clip(curve * 255, 0, 255).astype(np.uint8)[image]
    noise = rng.integers(-128, 128, image.shape, np.int8, endpoint=False).astype(np.float32)
    return np.clip(image + noise * (camera.noise / 74), 0, 255).astype(np.uint8)
