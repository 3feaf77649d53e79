import numpy as np
import pytest

from augment.data.mini_market.surface import Ring, capsule, ellipsoid, empty_surface, loft

LIGHT = (0.0, 0.0, 1.0)


@pytest.fixture
def surface():
    return empty_surface(100, 80, LIGHT)


def test_a_capsule_of_no_length_is_a_ball(surface):
    capsule(surface, (40, 50, 5), (40, 50, 5), 20, 20, 1, 2)
    y, x = np.mgrid[:100, :80] + 0.5
    distance2 = (x - 40) ** 2 + (y - 50) ** 2
    assert np.array_equal(surface.part == 2, distance2 < 400)
    seen = surface.part == 2
    np.testing.assert_allclose(surface.depth[seen], 5 + np.sqrt(400 - distance2[seen]), atol=1e-3)
    np.testing.assert_allclose(
        surface.lambert[seen], np.sqrt(400 - distance2[seen]) / 20, atol=1e-4
    )


def test_a_flat_capsule_ends_at_its_end(surface):
    capsule(surface, (40, 30, 0), (40, 60, 0), 10, 10, 1, 1, flat=True)
    rows = np.flatnonzero(surface.part.any(1))
    assert (rows.min(), rows.max()) == (20, 59)


def test_an_ellipsoid_is_where_its_equation_holds(surface):
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    half = np.array((22.0, 14.0, 9.0))
    ellipsoid(surface, (41, 52, 3), axes, tuple(half), 1, 1)
    rows, columns = np.nonzero(surface.part)
    points = np.stack([columns + 0.5 - 41, rows + 0.5 - 52, surface.depth[rows, columns] - 3], 1)
    np.testing.assert_allclose((((points @ axes.T) / half) ** 2).sum(1), 1, atol=2e-3)
    ball = np.array(np.meshgrid(*[np.linspace(-1, 1, 60)] * 3)).reshape(3, -1).T
    inside = ball[(ball**2).sum(1) < 0.8] * half @ axes + (41, 52, 3)
    assert surface.part[inside[:, 1].astype(int), inside[:, 0].astype(int)].all()


@pytest.mark.parametrize(
    ("yaw", "half_width"), [(0, 20), (np.pi / 2, 8), (np.pi, 20), (np.pi / 4, np.sqrt(232))]
)
def test_a_loft_shows_the_outline_of_its_ellipse(surface, yaw, half_width):
    loft(surface, [Ring(40, 20, 0, 20, 8, yaw), Ring(40, 80, 0, 20, 8, yaw)], 1, 1)
    widths = (surface.part == 1).sum(1)
    assert set(widths[:20]) == {0}
    assert abs(widths[50] - 2 * half_width) <= 1


def test_a_loft_tells_paint_which_side_is_the_front(surface):
    def paint(v, lateral, forward):
        return np.where(forward > 0, 1, 2)

    loft(surface, [Ring(40, 20, 0, 20, 8, 0.0), Ring(40, 80, 0, 20, 8, 0.0)], paint, 1)
    assert set(np.unique(surface.material[21:79])) == {0, 1}
    loft(surface, [Ring(40, 20, 50, 20, 8, np.pi), Ring(40, 80, 50, 20, 8, np.pi)], paint, 1)
    assert set(np.unique(surface.material[21:79])) == {0, 2}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_nearer_part_hides_the_farther_in_any_order(surface, order):
    parts = [((40, 50, 30), 10), ((40, 50, -30), 20)]
    for number in order:
        centre, radius = parts[number]
        capsule(surface, centre, centre, radius, radius, 1, number + 1)
    assert surface.part[50, 40] == 1
    assert surface.part[50, 55] == 2


def test_zero_paint_leaves_a_hole(surface):
    ellipsoid(
        surface, (40, 50, 0), np.eye(3), (20, 20, 20), lambda lateral, up, forward: lateral > 0, 1
    )
    assert not surface.part[:, :40].any()
    assert surface.part[50, 45] == 1


def test_parts_outside_the_canvas_are_no_error(surface):
    capsule(surface, (-90, 50, 0), (-80, 50, 0), 5, 5, 1, 1)
    ellipsoid(surface, (40, 300, 0), np.eye(3), (20, 20, 20), 1, 1)
    loft(surface, [Ring(400, 20, 0, 20, 8, 0), Ring(400, 80, 0, 20, 8, 0)], 1, 1)
    assert not surface.part.any()
