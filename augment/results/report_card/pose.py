"""PCKh: whether generated people have the target pose, by the joints that a network finds.

The network is the pipeline's pose network; if that is not trained, torchvision's keypoint R-CNN, if
its weights are available. The score of the real target images is the ceiling for any output.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from augment import paths
from augment.pretrained import keypoint_rcnn
from augment.pretrained.weights import Unavailable
from augment.results.report_card.measured import Bootstrap, Measured, Value
from augment.results.report_card.metrics import REAL
from augment.results.report_card.render import Rendered
from generators.metrics.pckh import pckh
from generators.pose_network.pose_network import PoseEstimator
from generators.registry import POSE_NETWORK
from generators.training.checkpoint import load_generator

# Key -> rule of generators.metrics.pckh.
RULES = {"pckh": "axes", "pckh_euclidean": "euclidean"}


@dataclass(frozen=True)
class Finder:
    """Finds the joints of people.

    name: file of the network, or keypoint_rcnn
    find: images uint8 [N, 3, H, W] -> keypoints float32 [N, 18, 2] on the CPU
    """

    name: str
    find: Callable[[Tensor], Tensor]


def load_finder(device: torch.device | str, batch_size: int) -> Finder | Unavailable:
    """The pose network, or keypoint R-CNN.

    Raises:
        ValueError: If the pose network's file is damaged.
    """
    file = paths.generator_model(POSE_NETWORK) / "generator.pt"
    if file.is_file():
        network = load_generator(file, device)
        if not isinstance(network, PoseEstimator):
            raise ValueError(f"{file}: holds {network.name}, not a pose network")

        def find(pixels: Tensor) -> Tensor:
            parts = pixels.split(batch_size)
            return torch.cat(
                [network.locate(part.to(device).float() / 127.5 - 1).cpu() for part in parts]
            )

        return Finder(str(file), find)
    nothing = torch.zeros((0, 3, 128, 64), dtype=torch.uint8)
    if isinstance(_keypoint_rcnn(nothing, batch_size, device), Unavailable):
        return Unavailable(
            "the pose network is not trained; run `augment train-pose-network`", str(file)
        )

    def find_by_rcnn(pixels: Tensor) -> Tensor:
        joints = _keypoint_rcnn(pixels, batch_size, device)
        if isinstance(joints, Unavailable):
            raise FileNotFoundError(f"{joints.file}: {joints.reason}")
        return joints

    return Finder("keypoint_rcnn", find_by_rcnn)


def _keypoint_rcnn(
    pixels: Tensor, batch_size: int, device: torch.device | str
) -> Tensor | Unavailable:
    return keypoint_rcnn.find_joints(pixels, batch_size, str(device))


def scores(rendered: Rendered, finder: Finder | Unavailable, over_pairs: Bootstrap) -> Measured:
    """PCKh of the outputs and of the real targets."""
    if isinstance(finder, Unavailable):
        return Measured.unavailable("pose", finder)
    targets, points = rendered.held.pairs[:, 1], rendered.images.keypoints
    outputs, real = finder.find(rendered.paired), finder.find(rendered.images.pixels)
    metrics: dict[str, Value] = {}
    columns: dict[str, np.ndarray] = {}
    for key, rule in RULES.items():
        for end, joints in (("", outputs), (REAL, real[targets])):
            right, counted = (number.numpy() for number in pckh(joints, points[targets], rule=rule))
            metrics[key + end] = over_pairs.mean(right, weights=counted)
            if not end:
                columns |= {f"{key}_right": right, "pckh_counted": counted}
    return Measured(metrics, columns)
