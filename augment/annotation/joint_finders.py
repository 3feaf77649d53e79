"""Networks that find joints in images of any size: torchvision's keypoint R-CNN, or a pose network.

The pose network is one that `augment train-pose-network` has trained.
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
# Minimum height of a joint's peak, in [0, 1]; the default of PoseEstimator.locate.
POSE_NETWORK_THRESHOLD = 0.2
LONGEST_PX = 1024  # larger pictures are reduced to this for the keypoint R-CNN


@dataclass(frozen=True)
class Finder:
    """Finds the joints of one person in each image.

    key: everything except the images that the result depends on
    seen: (height, width) px of an image -> the size at which the network receives it
    find: images, uint8 [3, H, W] at the `seen` sizes -> keypoints float32 [N, 18, 2] in px of these
        sizes, on the CPU
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
    """A finder by the keypoint R-CNN.

    Args:
        threshold: minimum height of a joint on its heat map, a logit.

    Raises:
        OSError, ValueError: As keypoint_rcnn.fetched.
    """
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
    """A finder by a trained pose network.

    Args:
        threshold: minimum height of a joint's peak, in [0, 1].

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it holds another generator, or none.
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
