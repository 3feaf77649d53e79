"""Batch: what a generator is given, with every shape, dtype and range in one place."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """N pairs of images of the same person, all on one device. H and W are the generator's image
    size in px.

    source_image, target_image: float32 [N, 3, H, W], RGB in [-1, 1]
    source_keypoints, target_keypoints: float32 [N, 18, 2], (y, x) in px at (H, W), -1 where the
        joint is missing
    source_pose, target_pose: float32 [N, 18, H, W] in [0, 1], pose maps of the keypoints
    source_parsing, target_parsing: int64 [N, H, W], labels of parsing.py; None where there are no
        parsing maps

    Raises ValueError, naming the field, where a shape or dtype is not the one stated.
    """

    source_image: Tensor
    target_image: Tensor
    source_keypoints: Tensor
    target_keypoints: Tensor
    source_pose: Tensor
    target_pose: Tensor
    source_parsing: Tensor | None = None
    target_parsing: Tensor | None = None

    def __post_init__(self):
        if self.source_image.ndim != 4:
            raise ValueError(
                f"Batch.source_image must be [N, 3, H, W], got {list(self.source_image.shape)}"
            )
        number, _, height, width = self.source_image.shape
        stated = {
            "image": (number, 3, height, width),
            "keypoints": (number, 18, 2),
            "pose": (number, 18, height, width),
            "parsing": (number, height, width),
        }
        for field in fields(self):
            kind, value = field.name.split("_")[1], getattr(self, field.name)
            shape, dtype = stated[kind], torch.int64 if kind == "parsing" else torch.float32
            if value is not None and (tuple(value.shape) != shape or value.dtype != dtype):
                wanted = str(dtype).removeprefix("torch.")
                raise ValueError(
                    f"Batch.{field.name} must be {wanted} {list(shape)}, got {value.dtype} {list(value.shape)}"
                )

    def __len__(self) -> int:
        return len(self.source_image)

    def to(self, device: torch.device | str) -> "Batch":
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return Batch(
            **{
                name: value if value is None else value.to(device, non_blocking=True)
                for name, value in given.items()
            }
        )
