from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import upright
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.body import body_parts, part_drawing
from generators.body.body_parts import OTHER_SIDE, PARTS, USUAL, PartParams, frames
from generators.body.part_drawing import part_grids, part_masks, rigid_flow, to_grid
from generators.body.pose import flip

SIZE = (128, 64)
PARAMS = PartParams((0.3, 0.21), 0.1, 0.24, 0.13, 0.12, 0.18, 0.15, 0.22, 0.25)
UPRIGHT = torch.tensor(upright.UPRIGHT).float()
HEAD, TORSO = 0, 1


def person(**joints) -> torch.Tensor:
    """An upright person from the front, [1, 18, 2]; j3=(y, x) moves joint 3, j3=None removes it."""
    points = UPRIGHT.clone()
    for name, place in joints.items():
        points[int(name[1:])] = torch.tensor(place or (-1.0, -1.0))
    return points[None]


def order(points):
    return [PARTS[part] for part in part_drawing.draw_order(points)[0]]


def test_other_side():
    for part, other in enumerate(OTHER_SIDE):
        assert PARTS[part] == PARTS[other].replace("right", "LEFT").replace(
            "left", "right"
        ).replace("LEFT", "left")


def test_torso_scale_is_the_mean_length_of_the_sides():
    points = person(j2=(20.0, 20.0), j8=(50.0, 60.0), j5=(10.0, 40.0), j11=(60.0, 40.0))
    assert body_parts.torso_scale(points).item() == pytest.approx(
        (((30**2 + 40**2) + 50**2) / 2) ** 0.5
    )


def test_usable():
    assert body_parts.usable(person(), SIZE).tolist() == [True]
    for missing in (2, 5, 8, 11):
        assert not body_parts.usable(person(**{f"j{missing}": None}), SIZE).item()
    assert body_parts.usable(person(j3=None, j0=None, j10=None), SIZE).item()
    tiny = body_parts.tidy(UPRIGHT[None] * 0.2 + 40, SIZE)
    assert not body_parts.usable(tiny, SIZE).item(), "s below a tenth of the height"
    assert not body_parts.usable(UPRIGHT[None] + 64, SIZE).item(), "a torso outside the image"


def test_tidy_drops_what_no_image_has():
    points = person(
        j3=(float("nan"), 3.0),
        j4=(1e6, 3.0),
        j6=(20.0, -300.0),
        j7=(140.0, 60.0),
        j0=(float("inf"), 1.0),
    )
    missing = (body_parts.tidy(points, SIZE)[0] == -1).all(-1)
    assert missing.nonzero().flatten().tolist() == [0, 3, 4, 6]


def test_limbs_run_from_joint_to_joint_and_hold_hands_and_feet():
    found, scale = (
        body_parts.frames(person(), SIZE, PARAMS)[0],
        body_parts.torso_scale(person()).item(),
    )
    for part, (a, b) in enumerate(zip(body_parts.STARTS, body_parts.ENDS, strict=True), 2):
        centre, along, across = found[part]
        direction = (UPRIGHT[b] - UPRIGHT[a]) / (UPRIGHT[b] - UPRIGHT[a]).norm()
        more = {"forearm": PARAMS.hand, "shank": PARAMS.foot}.get(
            PARTS[part].split("_", 1)[1], 0.05
        )
        assert torch.allclose(centre - along, UPRIGHT[a] - 0.05 * scale * direction, atol=1e-3)
        assert torch.allclose(centre + along, UPRIGHT[b] + more * scale * direction, atol=1e-3)
        width = getattr(PARAMS, PARTS[part].split("_", 1)[1])
        assert (
            across.norm().item() == pytest.approx(width * scale)
            and abs((along * across).sum().item()) < 1e-3
        )


def test_a_torso_from_the_side_keeps_its_least_width_and_a_back_is_mirrored():
    aside = person(j2=(27.0, 32.0), j5=(27.0, 32.0), j8=(62.0, 32.0), j11=(62.0, 32.0))
    half = body_parts.frames(aside, SIZE, PARAMS)[0, TORSO, 2].norm().item()
    assert half == pytest.approx(PARAMS.torso_min * 35)
    front = body_parts.frames(person(), SIZE, PARAMS)[0, TORSO, 2]
    back = body_parts.frames(
        person(j2=(27.0, 40.0), j5=(27.0, 24.0), j8=(62.0, 37.0), j11=(62.0, 27.0)), SIZE, PARAMS
    )
    assert torch.allclose(back[0, TORSO, 2], -front, atol=1e-3)


def test_missing_joints_of_a_leg_lie_as_on_the_other():
    moved = person(j12=(88.0, 50.0), j13=(110.0, 55.0), j9=None, j10=None)
    found = body_parts.frames(moved, SIZE, PARAMS)[0]
    right, left = PARTS.index("right_shank"), PARTS.index("left_shank")
    assert torch.allclose(found[right, 1:], found[left, 1:], atol=1e-3)
    assert torch.allclose(found[left, 0] - found[right, 0], torch.tensor([0.0, 10.0]), atol=1e-3)


def test_the_other_sides_limb_stands_in():
    points = person(j9=None, j10=None)
    found = body_parts.frames(points, SIZE, PARAMS)
    taken = body_parts.with_mirrored(found, points)[0]
    for part in (PARTS.index("right_thigh"), PARTS.index("right_shank")):
        assert torch.equal(taken[part, :2], found[0, OTHER_SIDE[part], :2])
        assert torch.equal(taken[part, 2], -found[0, OTHER_SIDE[part], 2])
    untouched = [part for part in range(10) if part not in (6, 7)]
    assert torch.equal(taken[untouched], found[0, untouched])


def test_heads_sit_on_shoulders_whatever_of_the_face_is_seen():
    for hidden in ((), (0,), (0, 14, 15), (0, 14, 15, 16), (0, 14, 15, 16, 17)):
        centre = body_parts.frames(person(**{f"j{joint}": None for joint in hidden}), SIZE, PARAMS)[
            0, HEAD, 0
        ]
        assert 10 < centre[0] < 18 and 29 < centre[1] < 35, hidden


def test_the_far_arm_is_behind_the_torso_only_from_the_side():
    assert order(person()).index("torso") < min(
        order(person()).index(f"{side}_upper_arm") for side in ("left", "right")
    )
    aside = {"j2": (27.0, 31.0), "j5": (27.0, 33.0)}
    for hidden, near, far in (((6, 7, 17), "right", "left"), ((3, 4, 16), "left", "right")):
        drawn = order(person(**aside, **{f"j{joint}": None for joint in hidden}))
        assert (
            drawn.index(f"{far}_forearm") < drawn.index("torso") < drawn.index(f"{near}_upper_arm")
        )
        assert drawn.index(f"{far}_thigh") < drawn.index(f"{near}_thigh")


def test_a_face_turned_aside_tells_the_near_side():
    right = order(person(j2=(27.0, 31.0), j5=(27.0, 33.0), j0=(16.0, 40.0)))
    assert right.index("left_forearm") < right.index("torso") < right.index("right_forearm")


joint = st.tuples(
    st.floats(0, 127, width=32), st.floats(0, 63, width=32)
)  # a mirror loses joints outside the image


@settings(deadline=None, max_examples=80)
@given(st.lists(joint, min_size=18, max_size=18))
def test_frames_of_a_mirrored_person_are_the_mirrored_frames_of_the_other_side(joints):
    points = body_parts.tidy(torch.tensor(joints)[None], SIZE)
    found, mirrored = (
        body_parts.frames(one, SIZE, PARAMS) for one in (points, flip(points, SIZE[1]))
    )
    assert found.isfinite().all()
    turned = found[:, OTHER_SIDE] * torch.tensor([1.0, -1.0])
    turned[:, :, 0, 1] += SIZE[1] - 1
    assert torch.equal(
        body_parts.usable(points, SIZE), body_parts.usable(flip(points, SIZE[1]), SIZE)
    )
    if body_parts.usable(points, SIZE).item():
        # The across axis may point either way.
        assert torch.allclose(mirrored[:, :, :2], turned[:, :, :2], atol=0.05)
        same = (mirrored[:, :, 2] - turned[:, :, 2]).norm(dim=-1) < 0.05
        assert (same | ((mirrored[:, :, 2] + turned[:, :, 2]).norm(dim=-1) < 0.05)).all()


# From one pose to another


def test_flow_to_the_same_pose_stays_where_it_is():
    keypoints, size = UPRIGHT[None], SIZE
    grid, visibility = rigid_flow(keypoints, keypoints, size, USUAL)
    rows, columns = torch.meshgrid(torch.arange(128.0), torch.arange(64.0), indexing="ij")
    still = to_grid(torch.stack([rows, columns], -1), size)[None]
    assert (grid - still).abs().max() < 1e-4
    assert torch.equal(visibility.sum(1), torch.ones(1, 128, 64))
    assert visibility[:, 1].sum() == 0 and visibility[:, 0].sum() > 1000


def test_flow_to_a_moved_pose_looks_back_by_the_same_distance():
    keypoints, size = UPRIGHT[None], SIZE
    grid, visibility = rigid_flow(keypoints, keypoints + torch.tensor([2.0, 5.0]), size, USUAL)
    rows, columns = torch.meshgrid(torch.arange(128.0), torch.arange(64.0), indexing="ij")
    wanted = to_grid(torch.stack([rows - 2, columns - 5], -1), size)[None]
    person = visibility[:, 2] == 0
    assert (grid - wanted)[person].abs().max() < 1e-4


def test_a_limb_out_of_the_sources_sight_is_invisible():
    keypoints, size = UPRIGHT[None], SIZE
    source = keypoints.clone()
    source[:, [3, 4]] = -1  # right elbow and wrist
    _, visibility = rigid_flow(source, keypoints, size, USUAL)
    assert visibility[0, :, 50, 18].tolist() == [0, 1, 0]  # right forearm
    assert visibility[0, :, 50, 46].tolist() == [1, 0, 0]  # left forearm


def test_part_grids_bring_a_parts_own_colour():
    keypoints, size = UPRIGHT[None], SIZE
    moved = keypoints + torch.tensor([0.0, 6.0])
    source, target = (frames(one, size, USUAL) for one in (keypoints, moved))
    masks = part_masks(source, size, 1.0)
    grids = part_grids(source, target, size)
    brought = F.grid_sample(masks.transpose(0, 1), grids[0], align_corners=False)[:, 0]
    assert (brought - part_masks(target, size, 1.0)[0]).abs().max() < 0.02


@given(st.lists(st.floats(width=32), min_size=72, max_size=72))
def test_any_two_poses_give_a_finite_flow(values):
    source, target = torch.tensor(values).view(2, 1, 18, 2)
    grid, visibility = rigid_flow(source, target, (32, 16), USUAL)
    assert grid.isfinite().all() and torch.equal(visibility.sum(1), torch.ones(1, 32, 16))


def test_the_usual_sizes_are_the_puppets():
    stated = yaml.safe_load((Path(__file__).parents[3] / "params.yaml").read_text())["generators"][
        "puppet"
    ]["parts"]
    assert {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in vars(USUAL).items()
    } == stated
