"""A small software rasteriser: tapered capsules, ellipsoids and lofts in a depth buffer.

Canvas coordinates: x to the right, y down, z towards the camera, all in canvas pixels,
orthographic. Every primitive is solved for its visible surface pixel by pixel, so near parts hide
far ones without any sorting, and normals give shading. A `paint` is a material number, or a
function of the surface coordinates that returns one per pixel (0 for nothing).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Paint = int | Callable[..., np.ndarray]


@dataclass(frozen=True)
class Surface:
    """What each canvas pixel shows.

    depth: float32 [H, W]
    lambert: cosine of the angle to the light, float32 [H, W]
    material, part: uint8 [H, W]
    light: unit vector towards the light, canvas coordinates
    """

    depth: np.ndarray
    lambert: np.ndarray
    material: np.ndarray
    part: np.ndarray
    light: tuple[float, float, float]


@dataclass(frozen=True)
class Ring:
    """An elliptic cross-section of a loft.

    x, y, z: centre in px
    lateral: half-width in px
    forward: half-depth in px
    yaw: radians; 0 if the forward axis points at the camera, positive turns it to the right of the
        picture
    """

    x: float
    y: float
    z: float
    lateral: float
    forward: float
    yaw: float


def empty_surface(height: int, width: int, light: tuple[float, float, float]) -> Surface:
    """An empty canvas; `light` is a unit vector towards the light (y down)."""
    shape = (height, width)
    return Surface(
        np.full(shape, -1e9, np.float32),
        np.zeros(shape, np.float32),
        np.zeros(shape, np.uint8),
        np.zeros(shape, np.uint8),
        light,
    )


def _window(surface: Surface, x0: float, x1: float, y0: float, y1: float):
    """Clip a bounding box to the canvas.

    Returns:
        Slices, pixel-centre x [1, w] and y [h, 1]; None if the box lies outside.
    """
    height, width = surface.depth.shape
    left, right = max(int(x0), 0), min(int(x1) + 2, width)
    top, bottom = max(int(y0), 0), min(int(y1) + 2, height)
    if left >= right or top >= bottom:
        return None
    x = np.arange(left, right, dtype=np.float32)[None] + np.float32(0.5)
    y = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5)
    return (slice(top, bottom), slice(left, right)), x, y


def _put(surface: Surface, window, inside, z, lambert, material, part: int) -> None:
    depth = surface.depth[window]
    win = inside & (z > depth)
    np.copyto(depth, z, where=win)
    np.copyto(surface.lambert[window], lambert, where=win)
    np.copyto(surface.material[window], material, where=win, casting="unsafe")
    np.copyto(surface.part[window], np.uint8(part), where=win)


def capsule(
    surface: Surface,
    start,
    end,
    radius0: float,
    radius1: float,
    paint: int,
    part: int,
    flat: bool = False,
):
    """Draw a limb: a round cone from `start` to `end`, (x, y, z) each.

    `flat` cuts it straight at `end`, like a sleeve.
    """
    (x0, y0, z0), (x1, y1, z1) = start, end
    clipped = _window(
        surface,
        min(x0 - radius0, x1 - radius1),
        max(x0 + radius0, x1 + radius1),
        min(y0 - radius0, y1 - radius1),
        max(y0 + radius0, y1 + radius1),
    )
    if clipped is None:
        return
    window, x, y = clipped
    dx, dy = np.float32(x1 - x0), np.float32(y1 - y0)
    length2 = max(dx * dx + dy * dy, np.float32(1e-3))
    x, y = x - np.float32(x0), y - np.float32(y0)
    along = x * (dx / length2) + y * (dy / length2)
    t = np.clip(along, 0, 1)
    x, y = x - t * dx, y - t * dy
    radius = np.float32(radius0) + t * np.float32(radius1 - radius0)
    rest = radius * radius - x * x - y * y
    inside = rest > 0
    if flat:
        inside &= along <= 1
    height = np.sqrt(np.maximum(rest, 0))
    lx, ly, lz = (np.float32(v) for v in surface.light)
    lambert = (x * lx + y * ly + height * lz) / radius
    _put(
        surface,
        window,
        inside,
        height + (t * np.float32(z1 - z0) + np.float32(z0)),
        lambert,
        np.uint8(paint),
        part,
    )


def ellipsoid(
    surface: Surface,
    centre,
    axes: np.ndarray,
    half: tuple[float, float, float],
    paint: Paint,
    part: int,
):
    """Draw an ellipsoid.

    Args:
        axes: [3, 3], rows are the lateral, up and forward unit vectors in canvas coordinates.
        half: half-sizes in px.
        paint: a paint function gets (lateral, up, forward), each [h, w] in -1..1 on the surface.
    """
    scaled = np.asarray(axes, np.float64) / np.asarray(half)[:, None]
    q = scaled.T @ scaled
    extent = np.sqrt(np.diag(np.linalg.inv(q)))
    cx, cy, cz = centre
    clipped = _window(surface, cx - extent[0], cx + extent[0], cy - extent[1], cy + extent[1])
    if clipped is None:
        return
    window, x, y = clipped
    q, scaled = q.astype(np.float32), scaled.astype(np.float32)
    x, y = x - np.float32(cx), y - np.float32(cy)
    b = q[0, 2] * x + q[1, 2] * y
    rest = b * b - q[2, 2] * (q[0, 0] * x * x + 2 * q[0, 1] * x * y + q[1, 1] * y * y - 1)
    inside = rest > 0
    z = (np.sqrt(np.maximum(rest, 0)) - b) / q[2, 2]
    nx, ny, nz = (
        q[0, 0] * x + q[0, 1] * y + q[0, 2] * z,
        q[0, 1] * x + q[1, 1] * y + q[1, 2] * z,
        b + q[2, 2] * z,
    )
    lx, ly, lz = (np.float32(v) for v in surface.light)
    lambert = (nx * lx + ny * ly + nz * lz) / np.sqrt(
        nx * nx + ny * ny + nz * nz + np.float32(1e-9)
    )
    material = paint
    if callable(paint):
        material = paint(*(row[0] * x + row[1] * y + row[2] * z for row in scaled))
        inside &= material > 0
    _put(surface, window, inside, z + np.float32(cz), lambert, material, part)


def loft(surface: Surface, rings: list[Ring], paint: Paint, part: int) -> None:
    """Draw an upright body through `rings`, ordered from top to bottom, elliptic in every row.

    A paint function gets (v [h, 1], lateral [h, w], forward [h, w]): v runs from 0 to len(rings)-1
    from ring to ring, the other two are px from the axis in the body's frame.
    """
    table = np.array([(r.y, r.x, r.z, r.lateral, r.forward, r.yaw) for r in rings], np.float64)
    rows = np.maximum.accumulate(table[:, 0] + 1e-4 * np.arange(len(rings)))
    widest = np.maximum(table[:, 3], table[:, 4])
    clipped = _window(
        surface, (table[:, 1] - widest).min(), (table[:, 1] + widest).max(), rows[0], rows[-1]
    )
    if clipped is None:
        return
    window, x, y = clipped
    at = y[:, 0]
    cx, cz, a, b, yaw = (
        np.interp(at, rows, column).astype(np.float32)[:, None] for column in table[:, 1:].T
    )
    slope = np.gradient(a, axis=0) if len(at) > 1 else np.zeros_like(a)
    c, s = np.cos(yaw), np.sin(yaw)
    ia, ib = 1 / (a * a), 1 / (b * b)
    qa, qc, qb = c * c * ia + s * s * ib, s * s * ia + c * c * ib, s * c * (ib - ia)
    x = x - cx
    rest = qc - ia * ib * x * x  # the discriminant: qb^2 - qa qc = -1 / (a b)^2
    inside = (rest > 0) & (y >= rows[0]) & (y <= rows[-1])
    z = (np.sqrt(np.maximum(rest, 0)) - qb * x) / qc
    nx, nz = qa * x + qb * z, qb * x + qc * z
    ny = -np.clip(slope, -1.5, 1.5) * np.sqrt(nx * nx + nz * nz)
    lx, ly, lz = (np.float32(v) for v in surface.light)
    lambert = (nx * lx + ny * ly + nz * lz) / np.sqrt(
        nx * nx + ny * ny + nz * nz + np.float32(1e-12)
    )
    material = paint
    if callable(paint):
        v = np.interp(at, rows, np.arange(len(rings))).astype(np.float32)[:, None]
        material = paint(v, x * c - z * s, x * s + z * c)
        inside &= material > 0
    _put(surface, window, inside, z + cz, lambert, material, part)
