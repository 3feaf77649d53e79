import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from short_training import short_training

from generators.warping_gan.matcher import (
    GeometricMatcher,
    MatchingNetwork,
    correlation,
    match,
    matcher_losses,
)
from generators.warping_gan.params import MatcherParams
from generators.warping_gan.transformations import (
    Lattice,
    apply_affine,
    control_points,
    identity,
    pixel_points,
    random_transformations,
    spline_matrix,
    warp,
)

SIZE = (16, 8)
TRAINING = short_training(log_every=2, checkpoint_every=5)
PARAMS = MatcherParams(
    channels=4,
    downsamplings=2,
    norm="batch",
    controls=3,
    rotation_degrees=10.0,
    scale=0.2,
    shift=0.2,
    bend=0.1,
    training=TRAINING,
)
seeds, sizes, lattices = (
    st.integers(0, 10**6),
    st.tuples(st.integers(2, 24), st.integers(2, 24)),
    st.integers(2, 5),
)


def blobs(number: int, size=SIZE, channels: int = 3) -> torch.Tensor:
    """Maps with one bright spot per channel."""
    at = torch.rand(number, channels, 2, 1, generator=torch.Generator().manual_seed(1)) * 1.2 - 0.6
    points = pixel_points(size).float().T
    return torch.exp(-((points - at) ** 2).sum(2) / 0.08).view(number, channels, *size)


@settings(deadline=None, max_examples=30)
@given(sizes, lattices)
def test_no_parameters_give_the_grid_that_moves_nothing(size, controls):
    lattice = Lattice(size, controls)
    points = pixel_points(size).float().view(1, *size, 2)
    assert torch.equal(lattice(identity(1, torch.device("cpu"))), points)
    assert torch.allclose(
        lattice(identity(1, torch.device("cpu")), torch.zeros(1, controls**2, 2)), points, atol=1e-6
    )
    image = torch.rand(1, 2, *size)
    assert torch.allclose(warp(image, points), image, atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(seeds, sizes, lattices)
def test_an_affine_spline_is_the_affine_map(seed, size, controls):
    lattice = Lattice(size, controls)
    theta = torch.randn(2, 2, 3, generator=torch.Generator().manual_seed(seed))
    moves = apply_affine(theta, lattice.controls[None]) - lattice.controls
    assert torch.allclose(lattice(identity(2, theta.device), moves), lattice(theta), atol=1e-4)


@settings(deadline=None, max_examples=30)
@given(seeds, lattices)
def test_splines_take_their_controls_to_the_given_points(seed, controls):
    at = control_points(controls)
    goals = torch.randn(
        controls**2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    assert torch.allclose(spline_matrix(at, at) @ goals, goals, atol=1e-8)


def test_spline_against_the_equations_solved_afresh():
    """Bookstein's w and a for one spline, by a general solver and by loops."""
    draws = torch.Generator().manual_seed(0)
    at, points = control_points(3), torch.randn(5, 2, dtype=torch.float64, generator=draws)
    goals = at + 0.3 * torch.randn(9, 2, dtype=torch.float64, generator=draws)

    def bend(p, q):
        r = math.dist(p.tolist(), q.tolist())
        return r**2 * math.log(r**2) if r else 0.0

    system = torch.zeros(12, 12, dtype=torch.float64)
    for i in range(9):
        for j in range(9):
            system[i, j] = bend(at[i], at[j])
        system[i, 9:] = system[9:, i] = torch.tensor([1.0, *at[i].tolist()])
    solved = torch.linalg.solve(system, torch.cat([goals, torch.zeros(3, 2, dtype=torch.float64)]))
    wanted = [
        sum(solved[k] * bend(p, at[k]) for k in range(9))
        + solved[9]
        + solved[10] * p[0]
        + solved[11] * p[1]
        for p in points
    ]
    assert torch.allclose(spline_matrix(points, at) @ goals, torch.stack(wanted), atol=1e-9)


def test_steps_are_composed_exactly():
    """Warping by the affine map, then by the spline, equals warping by both.

    The two differ only by the second interpolation.
    """
    image = blobs(2, (64, 32))
    lattice = Lattice((64, 32), 3)
    torch.manual_seed(0)
    theta, moves = random_transformations(2, PARAMS, (64, 32), torch.device("cpu"))
    twice = warp(warp(image, lattice(theta)), lattice(identity(2, theta.device), moves))
    assert (twice - warp(image, lattice(theta, moves))).abs().max() < 0.05


def test_random_rotations_keep_the_images_angles():
    """In pixels, a turned square keeps sides of equal length, whatever the image's shape."""
    params = replace(PARAMS, rotation_degrees=90.0, scale=0.0, shift=0.0, bend=0.0)
    torch.manual_seed(0)
    theta, moves = random_transformations(8, params, (40, 20), torch.device("cpu"))
    assert moves.abs().max() == 0
    in_px = torch.tensor([10.0, 20.0])  # half a width, half a height
    sides = torch.tensor([[1 / 10, 0.0], [0.0, 1 / 20]])  # one px to the right, one px down
    moved = (
        apply_affine(theta, sides[None].expand(8, -1, -1))
        - apply_affine(theta, torch.zeros(8, 2, 2))
    ) * in_px
    assert torch.allclose(moved.norm(dim=-1), torch.ones(8, 2), atol=1e-5)
    assert torch.allclose((moved[:, 0] * moved[:, 1]).sum(-1), torch.zeros(8), atol=1e-5)
    assert moved[:, 0, 1].abs().max() > 0.5


def test_correlation_finds_each_place_again():
    features = torch.randn(1, 16, 4, 2, generator=torch.Generator().manual_seed(0))
    shifted = features.roll(1, dims=2)
    found = correlation(features, shifted)
    assert found.shape == (1, 8, 4, 2) and found.min() >= 0 and found.max() <= 1 + 1e-6
    assert found[0].flatten(1).argmax(0).tolist() == [6, 7, 0, 1, 2, 3, 4, 5]
    assert torch.allclose(found.square().sum(1), torch.ones(1, 4, 2), atol=1e-5)


def test_an_untrained_matcher_moves_nothing():
    torch.manual_seed(0)
    matcher = GeometricMatcher(3, SIZE, PARAMS).eval()
    theta, moves = matcher(blobs(2), blobs(2).roll(1, 3))
    assert (
        torch.equal(theta, identity(2, theta.device))
        and moves.shape == (2, 9, 2)
        and moves.abs().max() == 0
    )


def test_features_are_siamese():
    torch.manual_seed(0)
    network = MatchingNetwork(3, 6, SIZE, PARAMS).eval()
    seen = []
    network.extractor.register_forward_hook(lambda module, given, output: seen.append(output))
    network(blobs(2), blobs(2))
    assert seen[0].shape == (4, 8, 4, 2) and torch.equal(seen[0][:2], seen[0][2:])


def test_losses_are_mean_squared_distances_of_points():
    torch.manual_seed(0)
    matcher = GeometricMatcher(3, SIZE, PARAMS)
    matched = match(matcher, blobs(4), blobs(4))
    # An untrained matcher moves nothing.
    still = pixel_points(SIZE).float().view(1, *SIZE, 2)
    wanted = (still - matched.true).square().sum(-1).mean().item()
    losses = matcher_losses(matched)
    assert list(losses) == ["affine", "spline"] and matched.moved is None
    assert [loss.item() for loss in losses.values()] == pytest.approx([wanted, wanted], rel=1e-4)


def test_grid_loss_of_the_spline_does_not_move_the_affine_network():
    torch.manual_seed(0)
    matcher = GeometricMatcher(3, SIZE, PARAMS)
    matcher_losses(match(matcher, blobs(4), blobs(4)))["spline"].backward()
    assert all(p.grad is None for p in matcher.affine.parameters())
    assert matcher.spline.head.bias.grad.abs().max() > 0


def test_learns_transformations_it_has_not_seen():
    torch.manual_seed(0)
    params, maps = replace(PARAMS, channels=8, bend=0.0), blobs(32, (16, 16), 6)
    matcher = GeometricMatcher(6, (16, 16), params)
    optimiser = torch.optim.Adam(matcher.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, 150)
    for _ in range(150):
        rows = torch.randint(32, (16,))
        optimiser.zero_grad()
        sum(matcher_losses(match(matcher, maps[rows], maps[rows])).values()).backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        matched = match(matcher.eval(), maps, maps)
    still = pixel_points((16, 16)).float().view(1, 16, 16, 2)
    before, affine, both = (
        (grid - matched.true).square().sum(-1).mean()
        for grid in (still, matched.affine, matched.both)
    )
    assert affine < 0.6 * before and both < 0.6 * before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": 0}, "warping_gan.matcher.channels is 0; it must be at least 1"),
        ({"controls": 1}, "warping_gan.matcher.controls is 1; it must be at least 2"),
        ({"shift": -0.1}, "warping_gan.matcher.shift is -0.1; it must not be negative"),
        ({"scale": 1.0}, "warping_gan.matcher.scale is 1.0; it must be at least 0 and below 1"),
    ],
)
def test_senseless_params(change, message):
    with pytest.raises(ValueError, match=message):
        replace(PARAMS, **change)
