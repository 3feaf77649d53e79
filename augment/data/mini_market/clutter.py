"""Objects on the street.

Each is drawn on a colour canvas at (x, y) of its foot, `size` px high, and again in white on a mask
if it hides a person.
"""

from collections.abc import Callable

import cv2
import numpy as np

PAINTS = (
    (150, 40, 40), (40, 70, 130), (60, 110, 70), (190, 160, 60), (60, 60, 64), (170, 170, 172),
    (200, 120, 60),
)  # fmt: skip
SHIFT, ONE = 3, 8  # cv2's fixed-point coordinates, for antialiased subpixel drawing

Draw = Callable[[np.ndarray, np.random.Generator, float, float, float, bool], None]


def _point(x: float, y: float) -> tuple[int, int]:
    return int(round(x * ONE)), int(round(y * ONE))


def _line(image, start, end, colour, width) -> None:
    cv2.line(
        image, _point(*start), _point(*end), colour, max(int(round(width)), 1), cv2.LINE_AA, SHIFT
    )


def _fill(image, x, y, points, colour, unit: tuple[float, float]) -> None:
    """A polygon of `points` (right, up) from (x, y), in units of `unit` = (width, height) px."""
    corners = [_point(x + right * unit[0], y - up * unit[1]) for right, up in points]
    cv2.fillPoly(image, [np.array(corners, np.int32)], colour, cv2.LINE_AA, SHIFT)


def _tone(
    rng: np.random.Generator, base: tuple[int, int, int], spread: float, white: bool
) -> tuple[int, ...]:
    """Lighten or darken `base`; always with one random draw, so that both passes stay in step."""
    factor = 1 + spread * rng.uniform(-1, 1)
    return (255, 255, 255) if white else tuple(int(np.clip(c * factor, 0, 255)) for c in base)


def _any(rng: np.random.Generator, white: bool) -> tuple[int, ...]:
    return _tone(rng, PAINTS[rng.integers(len(PAINTS))], 0.3, white)


def bicycle(image, rng, x, y, size, white) -> None:
    wheel, frame = 0.31 * size, _any(rng, white)
    tyre = _tone(rng, (40, 40, 42), 0.5, white)
    facing = 1 if rng.random() < 0.5 else -1
    back, front = (x - facing * 0.52 * size, y - wheel), (x + facing * 0.52 * size, y - wheel)
    for centre in (back, front):
        cv2.circle(
            image,
            _point(*centre),
            int(wheel * ONE),
            tyre,
            max(int(0.05 * size), 1),
            cv2.LINE_AA,
            SHIFT,
        )
    saddle, bars = (
        (x - facing * 0.2 * size, y - 0.8 * size),
        (x + facing * 0.38 * size, y - 0.85 * size),
    )
    pedal = x - facing * 0.05 * size, y - wheel
    for start, end in (
        (back, pedal),
        (pedal, saddle),
        (pedal, bars),
        (back, saddle),
        (saddle, bars),
        (bars, front),
    ):
        _line(image, start, end, frame, 0.04 * size)
    _line(
        image,
        (bars[0], bars[1]),
        (bars[0] - facing * 0.1 * size, bars[1] - 0.12 * size),
        tyre,
        0.045 * size,
    )
    _line(
        image,
        (saddle[0] - 0.09 * size, saddle[1]),
        (saddle[0] + 0.09 * size, saddle[1]),
        tyre,
        0.08 * size,
    )


def pole(image, rng, x, y, size, white) -> None:
    width = size * rng.uniform(0.02, 0.05)
    dark = _tone(rng, (96, 98, 100), 0.5, white)
    _fill(image, x, y, ((-1, 2.5), (1, 2.5), (1, 0), (-1, 0)), dark, (width, size))
    light = _tone(rng, (150, 152, 154), 0.3, white)
    _line(image, (x - width / 2, y - 2.5 * size), (x - width / 2, y), light, width / 2)


def tree(image, rng, x, y, size, white) -> None:
    trunk = _tone(rng, (84, 66, 52), 0.3, white)
    _fill(image, x, y, ((-0.09, 0), (0.09, 0), (0.06, 1.5), (-0.06, 1.5)), trunk, (size, size))
    for _ in range(14):
        leaf = _tone(rng, (58, 92, 48), 0.5, white)
        centre = x + size * rng.normal(0, 0.35), y - size * rng.uniform(1.1, 2.0)
        cv2.circle(
            image,
            _point(*centre),
            int(size * rng.uniform(0.1, 0.25) * ONE),
            leaf,
            -1,
            cv2.LINE_AA,
            SHIFT,
        )


def bush(image, rng, x, y, size, white) -> None:
    for _ in range(18):
        leaf = _tone(rng, (52, 88, 44), 0.55, white)
        centre = x + size * rng.uniform(-0.7, 0.7), y - size * rng.uniform(0.05, 0.42)
        cv2.circle(
            image,
            _point(*centre),
            int(size * rng.uniform(0.06, 0.16) * ONE),
            leaf,
            -1,
            cv2.LINE_AA,
            SHIFT,
        )


def bench(image, rng, x, y, size, white) -> None:
    wood, iron = _tone(rng, (130, 96, 64), 0.3, white), _tone(rng, (60, 60, 62), 0.3, white)
    for dx in (-0.5, 0.5):
        _line(image, (x + dx * size, y), (x + dx * size, y - 0.45 * size), iron, 0.06 * size)
    for dy in (0.22, 0.34, 0.46):
        _line(
            image,
            (x - 0.6 * size, y - dy * size),
            (x + 0.6 * size, y - dy * size),
            wood,
            0.07 * size,
        )


def bin_(image, rng, x, y, size, white) -> None:
    body, lid = _any(rng, white), _tone(rng, (50, 52, 54), 0.3, white)
    _fill(image, x, y, ((-0.18, 0.5), (0.18, 0.5), (0.15, 0), (-0.15, 0)), body, (size, size))
    _line(
        image, (x - 0.2 * size, y - 0.5 * size), (x + 0.2 * size, y - 0.5 * size), lid, 0.08 * size
    )


def sign(image, rng, x, y, size, white) -> None:
    post, plate = _tone(rng, (110, 110, 112), 0.3, white), _any(rng, white)
    text = _tone(rng, (220, 220, 216), 0.1, white)
    _line(image, (x, y), (x, y - 0.9 * size), post, 0.04 * size)
    width, top, bottom = (
        size * rng.uniform(0.15, 0.35),
        y - size * rng.uniform(0.9, 1.1),
        y - 0.55 * size,
    )
    _fill(image, x, bottom, ((-1, 1), (1, 1), (1, 0), (-1, 0)), plate, (width, bottom - top))
    for k in range(3):
        row = top + (0.25 + 0.22 * k) * (bottom - top)
        _line(
            image,
            (x - 0.7 * width, row),
            (x + width * rng.uniform(0, 0.7), row),
            text,
            0.025 * size,
        )


def car(image, rng, x, y, size, white) -> None:
    paint, glass, tyre = (
        _any(rng, white),
        _tone(rng, (60, 70, 80), 0.3, white),
        _tone(rng, (28, 28, 30), 0.2, white),
    )
    w, h = 1.35 * size, 0.72 * size
    hull = (
        (-1, 0.12), (-1, 0.5), (-0.75, 0.6), (-0.45, 1), (0.4, 1), (0.7, 0.6), (1, 0.5),
        (1, 0.12),
    )  # fmt: skip
    _fill(image, x, y, hull, paint, (w, h))
    _fill(image, x, y, ((-0.65, 0.6), (-0.42, 0.93), (-0.05, 0.93), (-0.05, 0.6)), glass, (w, h))
    _fill(image, x, y, ((0.02, 0.6), (0.02, 0.93), (0.36, 0.93), (0.6, 0.6)), glass, (w, h))
    for dx in (-0.6, 0.6):
        cv2.circle(
            image,
            _point(x + dx * w, y - 0.14 * h),
            int(0.2 * h * ONE),
            tyre,
            -1,
            cv2.LINE_AA,
            SHIFT,
        )


def railing(image, rng, x, y, size, white) -> None:
    iron = _tone(rng, (120, 124, 128), 0.5, white)
    for dy in (0.2, 0.55):
        _line(
            image,
            (x - 0.9 * size, y - dy * size),
            (x + 0.9 * size, y - dy * size),
            iron,
            0.035 * size,
        )
    for dx in np.linspace(-0.9, 0.9, 7):
        _line(image, (x + dx * size, y), (x + dx * size, y - 0.58 * size), iron, 0.03 * size)


CLUTTER: dict[str, Draw] = {
    "bicycle": bicycle, "pole": pole, "tree": tree, "bush": bush, "bench": bench, "bin": bin_,
    "sign": sign, "car": car, "railing": railing,
}  # fmt: skip
