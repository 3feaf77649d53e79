import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import upright
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.body import body_parts, part_drawing
from generators.body.body_parts import PartParams
from generators.body.pose import flip as flip_keypoints
from generators.body.pose import pose_maps
from generators.puppet import opencv, puppet
from generators.puppet.puppet import TAKES, Puppet, PuppetParams, Studio, compose
from generators.training.batch import Batch

ROOT = Path(__file__).parents[3]
SIZE = (128, 64)
PARTS = PartParams(
    head=(0.30, 0.21),
    torso_margin=0.1,
    torso_min=0.24,
    upper_arm=0.13,
    forearm=0.12,
    thigh=0.18,
    shank=0.15,
    hand=0.22,
    foot=0.25,
)
PARAMS = PuppetParams(
    SIZE, PARTS, soft=0.012, dilation=0.16, cast=0.5, cast_limits=(0.6, 1.6), parsing=True
)
UPRIGHT = torch.tensor(upright.UPRIGHT).float()


def people(number: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Images of smooth noise in [0, 1], and upright people with noisy joints."""
    draws = torch.Generator().manual_seed(seed)
    coarse = torch.rand(number, 3, 16, 8, generator=draws)
    image = torch.nn.functional.interpolate(coarse, size=SIZE, mode="bicubic").clamp(0, 1)
    return image, UPRIGHT + 3 * torch.randn(number, 18, 2, generator=draws)


def figures(number: int, seed: int = 0):
    return Puppet(PARAMS).figures(*people(number, seed))


def opaque(keypoints: torch.Tensor, least: float) -> torch.Tensor:
    found = body_parts.frames(keypoints, SIZE, PARTS)
    return (
        part_drawing.parts_mask(found, SIZE, torch.zeros(len(keypoints)), PARAMS.soft * SIZE[0])
        >= least
    )


def test_its_own_pose_and_plate_give_the_person_back():
    image, keypoints = people(4)
    figure = Puppet(PARAMS).figures(image, keypoints)
    inside = opaque(keypoints, 1.0).expand_as(image)
    assert inside.float().mean() > 0.15
    drawn = Puppet(PARAMS).render(figure, figure)
    assert (drawn - image)[inside].abs().max() < 0.002
    outside = ~opaque(keypoints, 1e-6).expand_as(image)
    assert torch.allclose(drawn[outside], figure.plate[outside], atol=1e-4)


def test_each_thing_is_taken_from_where_it_is_asked():
    source, scene = figures(3), figures(3, seed=1)
    far = ~(opaque(source.keypoints, 1e-6) | opaque(scene.keypoints, 1e-6)).expand_as(source.image)
    for takes, plate in (
        (("pose",), source),
        (("plate",), scene),
        (("pose", "plate", "cast"), scene),
    ):
        drawn = Puppet(PARAMS).render(source, scene, takes)
        assert torch.allclose(drawn[far], plate.plate[far], atol=1e-4)
        pose = scene if "pose" in takes else source
        assert (drawn - plate.plate).abs().sum(1, keepdim=True)[
            ~opaque(pose.keypoints, 1e-6)
        ].max() < 1e-4
    plain, cast = (
        Puppet(PARAMS).render(source, scene, takes) for takes in (("plate",), ("plate", "cast"))
    )
    assert not torch.equal(plain, cast)


def test_the_cast_is_the_damped_and_limited_ratio_of_the_plates():
    image, keypoints = people(1)
    dim, bright = (Puppet(PARAMS).figures(image * factor, keypoints) for factor in (0.25, 0.5))
    drawn, plain = (
        Puppet(PARAMS).render(dim, bright, takes) for takes in (("plate", "cast"), ("plate",))
    )
    inside = opaque(keypoints, 1.0).expand_as(image)
    assert torch.allclose(drawn[inside], plain[inside] * 2**0.5, atol=1e-4)
    darker = Puppet(replace(PARAMS, cast=3.0)).render(bright, dim, ("plate", "cast"))
    assert torch.allclose(darker[inside], 0.6 * bright.image[inside], atol=0.01)


def test_flipping_source_and_scene_flips_the_puppet():
    source, scene = figures(8), figures(8, seed=1)
    every = torch.ones(8, dtype=torch.bool)
    drawn = Puppet(PARAMS).render(source, scene)
    turned = Puppet(PARAMS).render(source.flip(every), scene.flip(every))
    assert (turned.flip(-1) - drawn).abs().max() < 0.02
    # The flipped figures are those of the flipped images.
    image, keypoints = people(8)
    again = Puppet(PARAMS).figures(image.flip(-1), flip_keypoints(keypoints, SIZE[1]))
    assert torch.allclose(source.flip(every).plate, again.plate, atol=1e-5)


def test_an_invisible_limb_is_taken_from_the_other_side():
    image, keypoints = people(1)
    image[:] = 0.5
    image[:, 0, 60:, 33:] = 1.0  # the left leg is red
    keypoints[0] = UPRIGHT
    keypoints[0, [9, 10]] = -1.0  # the right knee and ankle are invisible
    source = Puppet(PARAMS).figures(image, keypoints)
    scene = Puppet(PARAMS).figures(torch.zeros(1, 3, *SIZE), UPRIGHT[None])
    drawn = Puppet(PARAMS).render(source, scene, ("pose", "plate"))
    assert drawn[0, 0, 100, 26] > 0.9, "the right shank shows the left one's red"


def test_opencv_and_torch_draw_the_same():
    source, scene = figures(16), figures(16, seed=1)
    cut, placed = (body_parts.frames(figure.keypoints, SIZE, PARTS) for figure in (source, scene))
    order = part_drawing.draw_order(scene.keypoints)
    person = (torch.rand(16, 1, *SIZE, generator=torch.Generator().manual_seed(2)) > 0.1).float()
    for opacity in (None, person):
        ours, theirs = (
            draw(source.image, opacity, scene.plate, cut, placed, order, 1.5)
            for draw in (compose, opencv.compose)
        )
        assert (ours - theirs).abs().mean() < 0.0005
        assert (ours - theirs).abs().max() < (0.02 if opacity is None else 0.1)
    assert not torch.equal(ours, scene.plate)


def test_without_opencv_torch_draws(monkeypatch):
    source, scene = figures(2), figures(2, seed=1)
    drawn = Puppet(PARAMS).render(source, scene)
    monkeypatch.setattr(puppet, "opencv", None)
    assert torch.allclose(Puppet(PARAMS).render(source, scene), drawn, atol=0.02)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.modules['cv2'] = None; import generators.puppet.puppet as p; print(p.opencv)",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "None\n", done.stderr


def test_gradients_reach_the_source_image_and_only_what_is_shown():
    source, scene = figures(2), figures(2, seed=1)
    image = source.image.clone().requires_grad_()
    Puppet(PARAMS).render(replace(source, image=image), scene, ("pose", "plate")).sum().backward()
    cut = opaque(source.keypoints, 1e-6).expand_as(image)
    near = torch.nn.functional.max_pool2d(cut.float(), 5, 1, 2) > 0
    assert image.grad[cut].abs().mean() > 0.1 and image.grad[~near].abs().max() == 0


@pytest.mark.parametrize("missing", range(18))
def test_no_missing_joint_is_too_much(missing):
    image, keypoints = people(2)
    keypoints[:, missing] = -1.0
    drawn = Puppet(PARAMS).render(figures(2, seed=1), Puppet(PARAMS).figures(image, keypoints))
    assert drawn.isfinite().all() and drawn.min() >= 0 and drawn.max() <= 1


anything = st.floats(width=32, allow_nan=True, allow_infinity=True)
joint = st.one_of(
    st.just((-1.0, -1.0)),
    st.tuples(anything, anything),
    st.tuples(st.integers(0, 127), st.integers(0, 63)),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(joint, min_size=36, max_size=36))
def test_any_keypoints_give_a_picture(joints):
    points = torch.tensor(joints, dtype=torch.float32).view(2, 18, 2)
    image, _ = people(1)
    first, second = (Puppet(PARAMS).figures(image, point[None]) for point in points)
    for takes in (TAKES, ("plate", "cast")):
        drawn = Puppet(PARAMS).render(first, second, takes)
        assert drawn.isfinite().all() and drawn.min() >= 0 and drawn.max() <= 1


def test_without_a_torso_the_middle_is_set_as_it_is():
    image, keypoints = people(1)
    lost = Puppet(PARAMS).figures(image, torch.full_like(keypoints, -1.0))
    scene = figures(1, seed=1)
    drawn = Puppet(PARAMS).render(lost, scene, ("pose", "plate"))
    assert torch.allclose(drawn[..., 40:90, 28:36], image[..., 40:90, 28:36], atol=1e-3)
    assert torch.equal(drawn[..., :2], scene.plate[..., :2])


def test_a_parsing_map_keeps_the_background_out():
    image, keypoints = people(1)
    person = opaque(keypoints, 1.0)[:, 0]
    person[:, :, 32:] = False
    figure = Puppet(PARAMS).figures(image, keypoints, person)
    scene = figures(1, seed=1)
    drawn = Puppet(PARAMS).render(figure, scene, ("plate",))
    assert torch.allclose(drawn[..., 32:], scene.plate[..., 32:], atol=1e-4)
    inside = person & (torch.nn.functional.avg_pool2d(person[:, None].float(), 3, 1, 1)[:, 0] == 1)
    inside = inside[:, None].expand_as(image)
    assert (drawn - image)[inside].abs().max() < 0.002


def test_a_studio_gives_the_figures_back():
    image, keypoints = people(5)
    pixels = image.mul(255).round().byte()
    person = opaque(keypoints, 0.5)[:, 0]
    rows = torch.tensor([3, 0, 3])
    for mask in (None, person):
        found = Studio(Puppet(PARAMS), pixels, keypoints, mask, "cpu")[rows]
        made = Puppet(PARAMS).figures(
            pixels[rows] / 255, keypoints[rows], None if mask is None else mask[rows]
        )
        for name, value in vars(found).items():
            assert value is None or torch.allclose(
                value, getattr(made, name), atol=0.5 / 255 + 1e-6
            ), name


def test_generate_takes_the_targets_for_scenes():
    source, scene = people(2), people(2, seed=1)
    batch = Batch(
        source_image=source[0] * 2 - 1,
        target_image=scene[0] * 2 - 1,
        source_keypoints=source[1],
        target_keypoints=scene[1],
        source_pose=pose_maps(source[1], SIZE, 1.5),
        target_pose=pose_maps(scene[1], SIZE, 1.5),
    )
    ours = Puppet(PARAMS)
    expected = ours.render(ours.figures(*source), ours.figures(*scene), TAKES) * 2 - 1
    assert torch.allclose(ours.generate(batch), expected, atol=1e-5)
    assert ours.phases() == () and ours.networks == {}


def test_recompose_keeps_the_person_and_changes_the_rest():
    image, pose = people(2)
    scene = figures(2, seed=1)
    drawn = Puppet(replace(PARAMS, cast=0.0)).recompose(image, pose, scene)
    inside, outside = opaque(pose, 1.0).expand_as(image), ~opaque(pose, 1e-6).expand_as(image)
    assert torch.allclose(drawn[inside], image[inside], atol=1e-6)
    assert torch.allclose(drawn[outside], scene.plate[outside], atol=1e-6)


def test_girth_widens_the_parts():
    source, scene = figures(2), figures(2, seed=1)
    changed = [
        (Puppet(PARAMS).render(source, scene, girth=torch.full((2, 10), girth)) != scene.plate)
        .float()
        .mean()
        .item()
        for girth in (0.8, 1.0, 1.2)
    ]
    assert changed == sorted(changed) and changed[0] < changed[2]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"soft": 0.0}, "puppet.soft must be positive, got 0.0"),
        ({"cast": -1.0}, "must not be negative, got 0.16 and -1.0"),
        (
            {"cast_limits": (1.6, 0.6)},
            r"puppet.cast_limits must be positive and in order, got \(1.6, 0.6\)",
        ),
    ],
)
def test_params_that_make_no_sense(change, message):
    with pytest.raises(ValueError, match=message):
        replace(PARAMS, **change)


def test_invalid_part_params_are_rejected():
    with pytest.raises(ValueError, match=r"parts.head must not be negative, got \(0.3, -0.2\)"):
        replace(PARTS, head=(0.3, -0.2))


def test_a_turned_and_smaller_person_is_cut_at_the_same_joints():
    """Frames move with the body: a joint of one picture is mapped to that joint of the other."""
    _, source = people(3)
    turn = 0.7 * torch.tensor([[math.cos(0.3), -math.sin(0.3)], [math.sin(0.3), math.cos(0.3)]])
    target = (source - 60) @ turn.T + 50
    cut, placed = (body_parts.frames(points, SIZE, PARTS) for points in (source, target))
    _, to_source = opencv._affine(cut.double(), placed.double())
    for part in range(2, 10):
        for joint in (body_parts.STARTS[part - 2], body_parts.ENDS[part - 2]):
            y, x = target[:, joint].double().T.numpy()
            moved = np.einsum("nij,nj->ni", to_source[:, part], np.stack([x, y, np.ones(3)], 1))
            assert np.allclose(moved[:, ::-1], source[:, joint], atol=0.01)
