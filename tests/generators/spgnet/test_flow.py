from pathlib import Path

import pytest
import torch
import upright

from generators.body import body_parts, part_drawing
from generators.body.pose import flip
from generators.spgnet.flow import RIGID_PARTS, FlowFile, at_scale, flow_source, grid_of, warp

SIZE = (32, 16)


def contents(pairs: list[tuple[int, int]]) -> dict[str, torch.Tensor]:
    """Contents of a file: four poses, of which 0 and 3 are equal, and random flows."""
    draws = torch.Generator().manual_seed(0)
    keypoints = 10 * torch.rand(4, 18, 2, generator=draws)
    keypoints[3] = keypoints[0]
    keypoints[1, 5] = -1.0
    return {
        "keypoints": keypoints,
        "pairs": torch.tensor(pairs),
        "flow": torch.randn(len(pairs), 2, *SIZE, generator=draws).half(),
        "visibility": torch.randint(0, 3, (len(pairs), *SIZE), generator=draws).to(torch.uint8),
    }


@pytest.fixture
def saved(tmp_path):
    """saved(contents) -> the path of a file with these contents."""

    def save(values: dict[str, torch.Tensor]) -> Path:
        torch.save(values, tmp_path / "flow.pt")
        return tmp_path / "flow.pt"

    return save


def test_no_flow_is_the_image_itself():
    image = torch.rand(2, 3, *SIZE)
    assert torch.allclose(warp(image, grid_of(torch.zeros(2, 2, *SIZE))), image, atol=1e-5)


def test_flow_points_to_the_place_in_the_source():
    image, flow = torch.rand(1, 3, *SIZE), torch.zeros(1, 2, *SIZE)
    flow[:, 0], flow[:, 1] = 4, -2
    moved = warp(image, grid_of(flow))
    assert torch.allclose(moved[:, :, :-4, 2:], image[:, :, 4:, :-2], atol=1e-4)


def test_rigid_parts_bring_the_person_to_the_target():
    """The pixels around every keypoint come from the same keypoint of the source."""
    source = torch.tensor(upright.UPRIGHT).float()[None]
    target = source + torch.tensor([6.0, -5.0])
    grid, visibility = flow_source(RIGID_PARTS, (128, 64))(source, target)
    wanted = part_drawing.rigid_flow(source, target, (128, 64), body_parts.USUAL)
    assert torch.equal(grid, wanted[0]) and torch.equal(visibility, wanted[1])
    rows, columns = torch.meshgrid(torch.arange(128.0), torch.arange(64.0), indexing="ij")
    came_from = warp(torch.stack([rows, columns])[None], grid)[
        0
    ]  # (y, x) in the source of each pixel
    for joint in (2, 3, 8, 9, 12):
        y, x = target[0, joint].round().int().tolist()
        assert torch.allclose(came_from[:, y, x], torch.tensor([y - 6.0, x + 5.0]), atol=0.5)


def test_at_scale_takes_the_middle_of_each_cell():
    grid, visibility = grid_of(torch.zeros(1, 2, *SIZE)), torch.zeros(1, 3, *SIZE)
    visibility[:, 1] = 1
    small, seen = at_scale((grid, visibility), (8, 4))
    assert small.shape == (1, 8, 4, 2) and torch.equal(seen, visibility[:, :, ::4, ::4])
    assert (small - grid_of(torch.zeros(1, 2, 8, 4))).abs().max() <= 1.01 / 16, (
        "half a pixel of the full size"
    )


def test_a_file_gives_each_pair_its_flow(saved):
    values = contents([(0, 1), (2, 1), (1, 2)])
    source = FlowFile(saved(values), SIZE)
    asked = torch.tensor([2, 0, 1])
    rows = values["pairs"][asked]
    grid, visibility = source(
        values["keypoints"][rows[:, 0]] + 0.001, values["keypoints"][rows[:, 1]]
    )
    assert torch.equal(grid, grid_of(values["flow"][asked].float()))
    assert (
        torch.equal(visibility.argmax(1), values["visibility"][asked].long())
        and visibility.sum() == 3 * 32 * 16
    )
    # Poses 3 and 0 are equal, so their flows are too.
    assert torch.equal(source(values["keypoints"][3:], values["keypoints"][1:2])[0], grid[1:2])


def test_mirrored_pairs_have_the_mirrored_flow(saved):
    values = contents([(0, 1)])
    source = FlowFile(saved(values), SIZE)
    poses = values["keypoints"][0:1], values["keypoints"][1:2]
    grid, visibility = source(*poses)
    turned_grid, turned_visibility = source(*(flip(pose, SIZE[1]) for pose in poses))
    image = torch.rand(1, 3, *SIZE)
    assert torch.allclose(warp(image.flip(-1), turned_grid), warp(image, grid).flip(-1), atol=1e-4)
    assert torch.equal(turned_visibility, visibility.flip(-1))


def test_a_pair_that_the_file_lacks(saved):
    values = contents([(0, 1)])
    source = FlowFile(saved(values), SIZE)
    keypoints = values["keypoints"]
    with pytest.raises(ValueError, match=r"flow\.pt: no flow for 2 of 3 pairs of poses"):
        source(keypoints[[0, 1, 0]], keypoints[[1, 0, 2]])


def test_bad_files(saved, tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match=r"spgnet\.flow: .*none\.pt not found; set it to a file of flows or rigid_parts",
    ):
        flow_source(str(tmp_path / "none.pt"), SIZE)
    values = contents([(0, 1)])
    with pytest.raises(
        ValueError,
        match=r"flow\.pt: flow \[1, 2, 32, 16\].* should be \[1, 2, 64, 32\] .*at image_size",
    ):
        flow_source(str(saved(values)), (64, 32))
    del values["visibility"]
    with pytest.raises(ValueError, match=r"flow\.pt: lacks visibility"):
        FlowFile(saved(values), SIZE)
