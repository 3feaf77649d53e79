"""Networks that find people's joints in images of any size: torchvision's keypoint R-CNN, or a pose
network of ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from augment.pretrained import keypoint_rcnn as door
from generators.pose_network.pose_network import PoseEstimator
from generators.training.checkpoint import load_generator

KEYPOINT_RCNN = "keypointrcnn"
POSE_NETWORK_THRESHOLD = (
    0.2  # of the height of a joint's peak, in [0, 1], as PoseEstimator.locate has it
)
LONGEST_PX = 1024  # larger pictures are reduced to this for the keypoint R-CNN


@dataclass(frozen=True)
class Finder:
    """Looks for one person's joints in each image.

    key: all that its answers depend on besides the images
    seen: (height, width) px of an image -> those at which the network is shown it
    find: images, uint8 [3, H, W] at the seen sizes -> keypoints float32 [N, 18, 2] in px of these,
    on the CPU
    """

    key: dict[str, Any]
    seen: Callable[[tuple[int, int]], tuple[int, int]]
    find: Callable[[Sequence[Tensor]], Tensor]

    def pixels(self, image: Image.Image) -> Tensor:
        height, width = self.seen((image.height, image.width))
        if (image.height, image.width) != (height, width):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def keypoint_rcnn(threshold: float | None, device: str) -> Finder:
    """threshold: of a joint's height on its heat map, a logit. Raises as keypoint_rcnn.fetched."""
    network = door.fetched(device)
    level = door.JOINT_SCORE if threshold is None else threshold
    key = {
        "model": KEYPOINT_RCNN,
        "weights": _digest(door.OUTSIDE.file),
        "threshold": level,
        "device": device,
    }
    return Finder(key, _bounded, lambda images: door.joints(network, images, device, level))


def pose_network(file: Path, threshold: float | None, device: str) -> Finder:
    """threshold: of the height of a joint's peak, in [0, 1].

    Raises:
        FileNotFoundError, ValueError: there is no such file, or it holds another generator, or
            none.
    """
    if not file.is_file():
        raise FileNotFoundError(
            f"{file}: not found; `augment train-pose-network` writes models/full/pose_network/generator.pt"
        )
    network = load_generator(file, device)
    if not isinstance(network, PoseEstimator):
        raise ValueError(
            f"{file}: holds {network.name}, not a pose network; `augment train-pose-network` writes one"
        )
    level = POSE_NETWORK_THRESHOLD if threshold is None else threshold
    size = tuple(network.params.image_size)

    def find(images: Sequence[Tensor]) -> Tensor:
        return network.locate(torch.stack(list(images)).to(device).float() / 127.5 - 1, level).cpu()

    key = {"model": "pose_network", "weights": _digest(file), "threshold": level, "device": device}
    return Finder(key, lambda _: size, find)


def _bounded(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1, LONGEST_PX / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()
