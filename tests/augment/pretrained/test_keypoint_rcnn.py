"""The keypoint R-CNN without its weights, and with random ones."""

import urllib.error

import pytest
import torch
from torchvision.models.detection import keypointrcnn_resnet50_fpn

from augment.pretrained import keypoint_rcnn
from augment.pretrained.keypoint_rcnn import find_joints, openpose_joints

FILE = "keypointrcnn_resnet50_fpn_coco-fc266e95.pth"


def picture() -> torch.Tensor:
    return torch.randint(0, 256, (1, 3, 64, 32), generator=torch.Generator().manual_seed(0)).to(
        torch.uint8
    )


def test_without_weights_it_is_unavailable_and_says_why(cache):
    assert find_joints(picture()).file == str(cache / FILE)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"])
def test_a_file_that_cannot_be_read_is_unavailable(cache, content):
    (cache / FILE).write_bytes(content)
    found = find_joints(picture())
    assert found.reason.startswith(
        f"{FILE} does not hold the weights of https://"
    ) and found.reason.endswith("download it again")
    with pytest.raises(ValueError, match="download it again"):
        keypoint_rcnn.fetched("cpu")


def test_offline_it_says_what_to_do(cache, monkeypatch):
    def refuse(*_, **__):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    wanted = "weights are missing and cannot be downloaded .*Name or service.*put the file there, or use --from-model"
    with pytest.raises(OSError, match=wanted):
        keypoint_rcnn.fetched("cpu")


def test_joints_of_coco_become_openposes():
    points = (
        torch.arange(17.0)[:, None].expand(17, 2) * torch.tensor([1.0, 2.0]) + 0.5
    )  # joint j at (x, y) = (j, 2j)
    found = {
        "scores": torch.tensor([0.9, 0.6]),
        "keypoints": torch.stack([torch.cat([points, torch.ones(17, 1)], 1), torch.zeros(17, 3)]),
        "keypoints_scores": torch.full((2, 17), 5.0),
    }
    joints = openpose_joints(found)
    # nose; neck between the shoulders 5 and 6; right arm, left arm, right leg, left leg; eyes and
    # ears, the right one first
    coco = [0, 5.5, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]
    assert joints.tolist() == [[2 * joint, joint] for joint in coco]
    found["keypoints_scores"][0, [5, 16]] = (
        1.0  # left shoulder and right ankle are not seen, and so no neck
    )
    assert [
        row for row, point in enumerate(openpose_joints(found).tolist()) if point == [-1, -1]
    ] == [1, 5, 10]
    found["scores"][0] = 0.4
    assert (openpose_joints(found) == -1).all()


def test_the_keypoint_network_runs(cache):
    torch.manual_seed(0)
    fresh = keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    torch.save(fresh.state_dict(), cache / FILE)
    joints = find_joints(picture())
    assert joints.shape == (1, 18, 2) and joints.dtype == torch.float32
