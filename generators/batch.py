"""Batch: what a generator is given, with every shape, dtype and range in one place."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """N pairs of images of the same person, all on one device. H and W are the generator's image size in px.

    source_image, target_image: float32 [N, 3, H, W], RGB in [-1, 1]
    source_keypoints, target_keypoints: float32 [N, 18, 2], (y, x) in px at (H, W), -1 where the joint is missing
    source_pose, target_pose: float32 [N, 18, H, W] in [0, 1], pose maps of the keypoints

    Raises ValueError, naming the field, where a shape or dtype is not the one stated.
    """

    source_image: Tensor
    target_image: Tensor
    source_keypoints: Tensor
    target_keypoints: Tensor
    source_pose: Tensor
    target_pose: Tensor

    def __post_init__(self):
        if self.source_image.ndim != 4:
            raise ValueError(f"Batch.source_image must be [N, 3, H, W], got {list(self.source_image.shape)}")
        number, _, height, width = self.source_image.shape
        stated = {
            "image": (number, 3, height, width),
            "keypoints": (number, 18, 2),
            "pose": (number, 18, height, width),
        }
        for field in fields(self):
            value, shape = getattr(self, field.name), stated[field.name.split("_")[1]]
            if tuple(value.shape) != shape or value.dtype != torch.float32:
                raise ValueError(f"Batch.{field.name} must be float32 {list(shape)}, got {value.dtype} {list(value.shape)}")

    def __len__(self) -> int:
        return len(self.source_image)

    def to(self, device: torch.device | str) -> "Batch":
        return Batch(**{f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)})
