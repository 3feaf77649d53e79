"""Images of people in memory, uint8 [N, 3, H, W], with their identities and cameras."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from PIL import Image, ImageFile
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

JUNK = -1  # a box that is ignored
DISTRACTOR = 0  # a box that matches no query


@dataclass(frozen=True)
class ReidSet:
    """Images, their identities and their cameras; row i of every field belongs to image i.

    pixels: uint8 [N, 3, H, W], RGB
    pids: int64 [N], identities as in the data set
    camids: int64 [N], 0-based
    generated: bool [N], False = a real image

    Raises:
        ValueError: If a shape or dtype is not as stated.
    """

    pixels: Tensor
    pids: Tensor
    camids: Tensor
    generated: Tensor

    def __post_init__(self):
        if self.pixels.ndim != 4 or self.pixels.shape[1] != 3 or self.pixels.dtype != torch.uint8:
            raise ValueError(
                f"pixels must be uint8 [N, 3, H, W], got {self.pixels.dtype} {list(self.pixels.shape)}"
            )
        for field, dtype in (
            ("pids", torch.int64),
            ("camids", torch.int64),
            ("generated", torch.bool),
        ):
            value = getattr(self, field)
            if value.shape != (len(self),) or value.dtype != dtype:
                raise ValueError(
                    f"{field} must be {dtype} [{len(self)}], as pixels has {len(self)} images; "
                    f"got {value.dtype} {list(value.shape)}"
                )

    def __len__(self) -> int:
        return self.pixels.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of every image, px."""
        return self.pixels.shape[2], self.pixels.shape[3]

    def fingerprint(self) -> str:
        """SHA-256 of all fields: two sets have equal fingerprints only if they are equal."""
        digest = hashlib.sha256(repr(tuple(self.pixels.shape)).encode())
        for value in (self.pixels, self.pids, self.camids, self.generated):
            digest.update(value.cpu().contiguous().numpy().data)
        return digest.hexdigest()


def load(rows: pd.DataFrame, size: tuple[int, int]) -> ReidSet:
    """Decode images and resize them to `size`, (height, width) in px.

    Args:
        rows: Columns path, pid, camid and generator; an empty generator means a real image.
        size: (height, width) in px.

    Raises:
        ValueError: If a column is missing, there are no rows, or an image cannot be fully read.
    """
    missing = [
        column for column in ("path", "pid", "camid", "generator") if column not in rows.columns
    ]
    if missing:
        raise ValueError(
            f"missing column {', '.join(missing)}; the rows have {', '.join(map(str, rows.columns))}"
        )
    if len(rows) == 0:
        raise ValueError("no rows, so no images to load")
    # If True, Pillow fills truncated files with grey instead of failing; another library may have
    # set it.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    pixels = torch.empty((len(rows), 3, *size), dtype=torch.uint8)
    target = pixels.numpy()

    def fill(item: tuple[int, str]) -> None:
        row, path = item
        target[row] = _decode(path, size, row).transpose(2, 0, 1)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(fill, enumerate(rows["path"])):
            pass
    generator = rows["generator"].fillna("").astype(str)
    return ReidSet(
        pixels,
        torch.tensor(rows["pid"].to_numpy(np.int64)),
        torch.tensor(rows["camid"].to_numpy(np.int64)),
        torch.tensor((generator != "").to_numpy(bool)),
    )


def _decode(path: str | Path, size: tuple[int, int], row: int) -> np.ndarray:
    """Decode an image to uint8 [H, W, 3] RGB.

    When shrinking, Pillow's bilinear resize averages over all source pixels.
    """
    try:
        with Image.open(path) as image:
            image = image.convert("RGB")
            if image.size != (size[1], size[0]):
                image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            return np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises for broken files
        raise ValueError(
            f"row {row}: {path} is not a readable image ({error}); restore or remove it"
        ) from error


def concatenate(sets: Sequence[ReidSet]) -> ReidSet:
    """Join sets in order. Equal pids of two sets are the same person.

    Raises:
        ValueError: If the image sizes differ.
    """
    sizes = sorted({part.size for part in sets})
    if len(sizes) != 1:
        raise ValueError(
            f"sets of different image sizes {sizes} cannot be joined; load them at one size"
        )
    fields = ("pixels", "pids", "camids", "generated")
    return ReidSet(*(torch.cat([getattr(part, field) for part in sets]) for field in fields))


def labels(pids: Tensor) -> tuple[Tensor, int]:
    """Number identities in ascending order of their pids, from class 0.

    Returns:
        The class of each image, int64 [N], and the number of classes.
    """
    classes, label = torch.unique(pids, sorted=True, return_inverse=True)
    return label, len(classes)


def normalise(images: Tensor) -> Tensor:
    """Normalise images in [0, 255] by ImageNet's statistics: float32, channels last."""
    mean = torch.tensor(IMAGENET_MEAN, device=images.device).mul(255).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=images.device).mul(255).view(1, 3, 1, 1)
    return images.to(torch.float32).sub(mean).div(std).contiguous(memory_format=torch.channels_last)


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize uint8 or float images [N, 3, h, w] to float32 [N, 3, H, W], in the same range."""
    images = images.to(torch.float32)
    if tuple(images.shape[2:]) == tuple(size):
        return images
    return F.interpolate(images, size=size, mode="bilinear", antialias=True)
