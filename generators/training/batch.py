"""Batch, the input of a generator, with all shapes, dtypes and ranges in one place."""

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """N pairs of images of the same person, on one device, at the generator's size (H, W) in px.

    source_image, target_image: float32 [N, 3, H, W], RGB in [-1, 1]
    source_keypoints, target_keypoints: float32 [N, 18, 2], (y, x) in px at (H, W), -1 for a missing
        joint
    source_pose, target_pose: float32 [N, 18, H, W] in [0, 1], pose maps of the keypoints
    source_parsing, target_parsing: int64 [N, H, W], labels of body/parsing.py; None without parsing
        maps

    Raises:
        ValueError: If a shape or dtype is not as stated; the message names the field.
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
                name = str(dtype).removeprefix("torch.")
                raise ValueError(
                    f"Batch.{field.name} must be {name} {list(shape)}, got {value.dtype} {list(value.shape)}"
                )

    def __len__(self) -> int:
        return len(self.source_image)

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on a device."""
        moved: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            moved[field.name] = None if value is None else value.to(device, non_blocking=True)
        return Batch(**moved)


def required(parsing: Tensor | None, generator: str) -> Tensor:
    """The parsing maps of a batch, for a generator that needs them.

    Raises:
        ValueError: If the batch has none.
    """
    if parsing is None:
        raise ValueError(
            f"{generator} needs parsing maps, and the batch has none; "
            f"set {generator}.parsing to from_keypoints, or provide files"
        )
    return parsing
