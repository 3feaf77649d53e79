import pytest
import torch
import upright

from generators.body import body_parts, part_drawing
from generators.body.pose import pose_maps
from generators.spt.networks import (
    BackgroundNetwork,
    Decoder,
    Encoder,
    ForegroundNetwork,
    PatchDiscriminator,
    SemanticNetwork,
)
from generators.spt.params import DiscriminatorParams, UNetParams
from generators.spt.part_warp import PartWarp

SIZE = (64, 32)
NET = UNetParams(ngf=4, levels=4, norm="layer", dropout=0.0)


def standing(shift: tuple[float, float] = (0.0, 0.0)) -> torch.Tensor:
    return torch.tensor(upright.UPRIGHT, dtype=torch.float32)[None] / 2 + torch.tensor(shift)


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_widths_are_those_of_the_public_demo():
    assert UNetParams(64, 6, "layer", 0.5).widths == [64, 128, 256, 512, 512, 512]
    assert Encoder(30, UNetParams(64, 6, "layer", 0.5)).levels[0].in_channels == 30


def test_encoder_and_decoder_mirror_one_another():
    maps = Encoder(5, NET)(torch.randn(2, 5, *SIZE))
    assert [tuple(one.shape) for one in maps] == [
        (2, 4, 64, 32),
        (2, 8, 32, 16),
        (2, 16, 16, 8),
        (2, 32, 8, 4),
    ]
    assert Decoder(1, 7, NET)(maps).shape == (2, 7, 64, 32)


@pytest.mark.parametrize("kind", ["layer", "batch", "instance"])
def test_networks_give_the_stated_shapes(kind):
    net = UNetParams(ngf=4, levels=4, norm=kind, dropout=0.5)
    image, mask = torch.randn(2, 3, *SIZE), torch.ones(2, 1, *SIZE)
    labels, pose = torch.rand(2, 10, *SIZE), torch.rand(2, 18, *SIZE)
    code = torch.cat([pose, mask], 1)
    assert SemanticNetwork(19, net)(labels, code, code).shape == (2, 10, *SIZE)
    warp = PartWarp("parts", standing().repeat(2, 1, 1), standing().repeat(2, 1, 1), SIZE)
    for parsing in (labels, None):
        for copy in (True, False):
            painted = ForegroundNetwork(parsing is not None, copy, 4, net)(
                image, parsing, pose, parsing, pose, warp
            )
            assert painted.shape == (
                2,
                3,
                *SIZE,
            ) and painted.abs().max() <= image.abs().max().clamp(min=1)
    assert BackgroundNetwork(SIZE, net)(image, mask).abs().max() <= 1
    assert PatchDiscriminator(13, DiscriminatorParams(4, 3, kind))(
        torch.randn(2, 13, *SIZE)
    ).shape == (2, 1, 8, 4)


def test_the_hole_hides_what_is_behind():
    network, hole = BackgroundNetwork(SIZE, NET), torch.zeros(1, 1, *SIZE)
    hole[..., 20:40, 10:20] = 1
    image = torch.randn(1, 3, *SIZE)
    assert torch.equal(network(image, hole), network(torch.where(hole > 0, 9.0, image), hole))


def test_the_deepest_map_is_never_warped():
    """Warping all skips or none gives other images with the same parameters."""
    torch.manual_seed(0)
    network = ForegroundNetwork(False, False, 9, NET)
    image, pose = torch.randn(1, 3, *SIZE), torch.rand(1, 18, *SIZE)
    calls = []

    class Counted(PartWarp):
        def __call__(self, maps):
            calls.append(tuple(maps.shape[2:]))
            return super().__call__(maps)

    network(image, None, pose, None, pose, Counted("flow", standing(), standing((2.0, 1.0)), SIZE))
    assert calls == [(64, 32), (32, 16), (16, 8)]
    calls.clear()
    network.deformable = 1
    network(image, None, pose, None, pose, Counted("flow", standing(), standing(), SIZE))
    assert calls == [(64, 32)]


@pytest.mark.parametrize("kind", ["parts", "flow", "plain"])
def test_nothing_moves_when_the_pose_is_the_same(kind):
    maps = torch.rand(1, 4, *SIZE)
    moved = PartWarp(kind, standing(), standing(), SIZE)(maps)
    assert torch.allclose(moved, maps, atol=1e-4)


@pytest.mark.parametrize("level", [1, 2])
def test_a_person_who_steps_aside_takes_the_pixels_along(level):
    """A move of 8 px at full size is 8 / level px at a level; both kinds move the whole body."""
    height, width = SIZE[0] // level, SIZE[1] // level
    maps = pose_maps(standing() / level, (height, width), 2.0)
    wanted = pose_maps(standing((8.0, 4.0)) / level, (height, width), 2.0)
    person = part_drawing.part_masks(
        body_parts.frames(standing((8.0, 4.0)), SIZE, body_parts.USUAL), SIZE, 1.0
    ).amax(1, keepdim=True)
    person = torch.nn.functional.avg_pool2d(person, level) > 0.9
    for kind in ("parts", "flow"):
        moved = PartWarp(kind, standing(), standing((8.0, 4.0)), SIZE)(maps)
        assert ((moved - wanted).abs() * person).max() < 0.3 and (
            (moved - wanted).abs() * person
        ).mean() < 0.01


def test_parts_take_the_maximum_over_the_ten_affine_maps():
    source, target = standing(), standing()
    target[0, 4] += torch.tensor([-6.0, 4.0])
    warp = PartWarp("parts", source, target, SIZE)
    maps = torch.randn(1, 2, *SIZE)
    own, placed = (body_parts.frames(points, SIZE, body_parts.USUAL) for points in (source, target))
    grids, masks = (
        part_drawing.part_grids(own, placed, SIZE),
        part_drawing.part_masks(placed, SIZE, 1.0),
    )
    wanted = torch.full_like(maps, -float("inf"))
    for part in range(10):
        moved = torch.nn.functional.grid_sample(maps, grids[:, part], align_corners=False)
        cutter = torch.ones(SIZE) if part == 1 else (masks[0, part] > 0.5).float()
        wanted = wanted.maximum(moved * cutter)
    assert torch.allclose(warp(maps), wanted, atol=1e-5)


def test_who_has_no_torso_stays():
    lost = standing()
    lost[0, 8] = -1.0
    maps = torch.rand(1, 3, *SIZE)
    for pair in ((lost, standing((5.0, 5.0))), (standing((5.0, 5.0)), lost)):
        moved = PartWarp("flow", *pair, SIZE)(maps)
        assert torch.allclose(moved, maps, atol=1e-3)


def test_skips_carry_gradients_to_the_source():
    maps = torch.rand(1, 3, *SIZE, requires_grad=True)
    for kind in ("parts", "flow"):
        (slope,) = torch.autograd.grad(
            PartWarp(kind, standing(), standing((3.0, 2.0)), SIZE)(maps).sum(), maps
        )
        assert slope.isfinite().all() and (slope > 0).float().mean() > 0.3


def test_copying_adds_one_channel():
    with_copy, without = (ForegroundNetwork(True, copy, 4, NET) for copy in (True, False))
    last = with_copy.decoder.last[1]
    assert count(with_copy) - count(without) == last.weight[0].numel() + 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: UNetParams(0, 4, "layer", 0.0),
            "ngf is 0 and levels 4; they must be at least 1 and 2",
        ),
        (
            lambda: UNetParams(4, 4, "group", 0.0),
            "norm is 'group'; it must be one of layer, batch, instance",
        ),
        (
            lambda: DiscriminatorParams(4, 2, "group"),
            "discriminator.norm is 'group'; it must be one of layer",
        ),
    ],
)
def test_senseless_params(make, message):
    with pytest.raises(ValueError, match=message):
        make()
