"""PCKh: whether generated people stand as they should, by what a network finds in the images.

The judge of poses is the pipeline's pose network; where that is not trained, torchvision's keypoint
R-CNN, if its weights are at hand. What it finds in the real target images bounds what it can find
in any other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from augment import paths
from augment.pretrained import keypoint_rcnn
from augment.pretrained.weights import Unavailable
from augment.results.report_card.render import Rendered
from generators.metrics.pckh import pckh
from generators.registry import POSE_NETWORK
from generators.training.checkpoint import load_generator

RULES = {"pckh": "axes", "pckh_euclidean": "euclidean"}  # KEY -> rule of generators.joints
KEYS = tuple(key + end for key in RULES for end in ("", "_real"))


@dataclass(frozen=True)
class Finder:
    """name: its file, or keypoint_rcnn; find: images uint8 [N, 3, H, W] -> keypoints float32 [N,
    18, 2] on the CPU.
    """

    name: str
    find: Callable[[Tensor], Tensor]


def load_finder(device: Any, batch_size: int) -> Finder | Unavailable:
    """
    Raises:
        ValueError: the pose network's file is damaged.
    """
    file = paths.generator_model(POSE_NETWORK) / "generator.pt"
    if file.is_file():
        network = load_generator(file, device)

        def find(pixels: Tensor) -> Tensor:
            parts = pixels.split(batch_size)
            return torch.cat(
                [network.locate(part.to(device).float() / 127.5 - 1).cpu() for part in parts]
            )

        return Finder(str(file), find)
    nothing = torch.zeros((0, 3, 128, 64), dtype=torch.uint8)
    if isinstance(keypoint_rcnn.find_joints(nothing, batch_size, device), Unavailable):
        return Unavailable(
            "the pose network is not trained; run `augment train-pose-network`", str(file)
        )
    return Finder(
        "keypoint_rcnn", lambda pixels: keypoint_rcnn.find_joints(pixels, batch_size, device)
    )


def scores(rendered: Rendered, finder: Finder, mean: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Metrics by key, and columns of the pairs; mean: values [P] -> their mean with its
    interval.
    """
    targets, points = rendered.held.pairs[:, 1], rendered.images.keypoints
    found, real = finder.find(rendered.paired), finder.find(rendered.images.pixels)
    metrics, columns = {}, {}
    for key, rule in RULES.items():
        for end, joints in (("", found), ("_real", real[targets])):
            right, counted = (one.numpy() for one in pckh(joints, points[targets], rule=rule))
            metrics[key + end] = mean(right, weights=counted)
            if not end:
                columns |= {f"{key}_right": right, "pckh_counted": counted}
    return metrics, columns
