"""Joints by torchvision's keypoint R-CNN (He et al., "Mask R-CNN", 2017).

The network is a ResNet-50 with FPN, trained on COCO.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from augment.pretrained.weights import Outside, Unavailable, filled, load
from generators.body.joint_orders import FROM_COCO

URL = "https://download.pytorch.org/models/keypointrcnn_resnet50_fpn_coco-fc266e95.pth"
NECK, SHOULDERS = 1, (2, 5)
PERSON_SCORE = 0.5  # minimum probability of a person
JOINT_SCORE = 2.0  # minimum height of a joint on its heat map
# Images are scaled to this; the default of 800 magnifies crops of 64 px more than it helps.
SHORT_SIDE_PX = 256


def find_joints(images: Tensor, batch: int = 8, device: str = "cpu") -> Tensor | Unavailable:
    """Find the joints of the likeliest person in each image, uint8 [N, 3, H, W].

    Never downloads the weights.

    Returns:
        Keypoints float32 [N, 18, 2] in OpenPose's order; -1 for a joint, or a person, that was not
        found.
    """
    network = load(OUTSIDE, device)
    if isinstance(network, Unavailable):
        return network
    starts = tqdm(range(0, len(images), batch), desc="keypoint R-CNN", unit="batch", disable=None)
    parts = [joints(network, list(images[start : start + batch]), device) for start in starts]
    return torch.cat(parts) if parts else torch.empty(0, 18, 2)


def joints(
    network: nn.Module, images: Sequence[Tensor], device: str, threshold: float = JOINT_SCORE
) -> Tensor:
    """Joints of the likeliest person in each image, float32 [N, 18, 2] on the CPU.

    Args:
        images: uint8 [3, H, W] each, of any size.
    """
    with torch.no_grad():
        detections = network([image.to(device).float() / 255 for image in images])
    return torch.stack([openpose_joints(people, threshold).cpu() for people in detections])


def openpose_joints(people: dict[str, Tensor], threshold: float = JOINT_SCORE) -> Tensor:
    """The joints [18, 2] of the likeliest person in an image, which the network lists first.

    Args:
        people: scores [P]; keypoints [P, 17, 3] as (x, y, visibility) with pixel centres at halves;
            keypoints_scores [P, 17].
    """
    if not len(people["scores"]) or people["scores"][0] < PERSON_SCORE:
        return torch.full((len(FROM_COCO), 2), -1.0, device=people["keypoints"].device)
    order = list(FROM_COCO)
    points = people["keypoints"][0, order, :2].flip(-1) - 0.5
    seen = people["keypoints_scores"][0, order] >= threshold
    points[NECK], seen[NECK] = points[list(SHOULDERS)].mean(0), seen[list(SHOULDERS)].all()
    return torch.where(seen[:, None], points.clamp(min=0), -1.0)


def fetched(device: str) -> nn.Module:
    """The network in evaluation mode; torchvision downloads weights that its cache lacks.

    Raises:
        OSError: If the weights are missing and cannot be downloaded; the message says what to do.
        ValueError: If the file in the cache holds something else.
    """
    if not OUTSIDE.file.is_file():
        from torchvision.models.detection import KeypointRCNN_ResNet50_FPN_Weights

        try:
            KeypointRCNN_ResNet50_FPN_Weights.COCO_V1.get_state_dict(
                progress=True, check_hash=True, weights_only=True
            )
        except (OSError, RuntimeError) as error:  # no network or host; a wrong hash
            raise OSError(
                f"{OUTSIDE.file}: the keypoint R-CNN's weights are missing and cannot be downloaded ({error}). Download "
                f"{OUTSIDE.url} on a machine with a network and put the file there, or use --from-model FILE with a pose "
                "network of `augment train-pose-network`"
            ) from error
    network = load(OUTSIDE, device)
    if isinstance(network, Unavailable):
        raise ValueError(f"{network.file}: {network.reason}")
    return network


def _build(weights: dict[str, Tensor], file: Path) -> nn.Module:
    # A second to import, and most report cards do without it.
    from torchvision.models.detection import keypointrcnn_resnet50_fpn

    return filled(
        keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None, min_size=SHORT_SIDE_PX),
        weights,
    )


OUTSIDE = Outside("torchvision", URL, _build)
