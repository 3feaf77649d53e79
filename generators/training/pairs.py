"""Images in memory, their training pairs, and the batches made from them on the device."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from generators.body.parsing import flip as flip_labels
from generators.body.pose import flip as flip_keypoints
from generators.body.pose import has_torso, pose_maps, size_of
from generators.training.batch import Batch


@dataclass(frozen=True)
class ImageSet:
    """All images of a run at the generator's size.

    pixels: uint8 [N, 3, H, W] RGB
    keypoints: float32 [N, 18, 2]
    parsing: uint8 [N, H, W], labels of body/parsing.py; None for generators that use none

    Raises:
        ValueError: If a shape or dtype is not as stated.
    """

    pixels: Tensor
    keypoints: Tensor
    parsing: Tensor | None = None

    def __post_init__(self):
        if self.pixels.dtype != torch.uint8 or self.pixels.ndim != 4 or self.pixels.shape[1] != 3:
            raise ValueError(
                f"ImageSet.pixels must be uint8 [N, 3, H, W], got {self.pixels.dtype} {list(self.pixels.shape)}"
            )
        if self.keypoints.dtype != torch.float32 or self.keypoints.shape != (
            len(self.pixels),
            18,
            2,
        ):
            raise ValueError(
                f"ImageSet.keypoints must be float32 [{len(self.pixels)}, 18, 2], "
                f"got {self.keypoints.dtype} {list(self.keypoints.shape)}"
            )
        stated = (len(self.pixels), *self.pixels.shape[2:])
        if self.parsing is not None and (
            self.parsing.dtype != torch.uint8 or self.parsing.shape != stated
        ):
            raise ValueError(
                f"ImageSet.parsing must be uint8 {list(stated)}, got {self.parsing.dtype} {list(self.parsing.shape)}"
            )

    def __len__(self) -> int:
        return len(self.pixels)

    def to(self, device: torch.device | str) -> "ImageSet":
        """The same images on a device."""
        parsing = None if self.parsing is None else self.parsing.to(device)
        return ImageSet(self.pixels.to(device), self.keypoints.to(device), parsing)


def decode(
    paths: Sequence[Path | str],
    size: tuple[int, int],
    progress: Callable[[int], None] | None = None,
) -> Tensor:
    """Images as uint8 [N, 3, H, W] RGB, resized with an antialiased bilinear filter.

    Args:
        paths: The files, decoded in threads.
        size: (height, width) in px.
        progress: Called with n after every n images.

    Raises:
        ValueError: If a file is missing, truncated or not an image; the message names it.
    """
    height, width = size
    pixels = np.empty((len(paths), height, width, 3), np.uint8)

    def read(row: int) -> None:
        try:
            with Image.open(paths[row]) as image:
                rgb = image.convert("RGB")
        except (OSError, SyntaxError) as error:
            raise ValueError(
                f"{paths[row]}: not a readable image ({error}); remove or replace the file"
            ) from error
        if rgb.size != (width, height):
            rgb = rgb.resize((width, height), Image.Resampling.BILINEAR)
        pixels[row] = np.asarray(rgb)

    with ThreadPoolExecutor() as threads:
        for _ in threads.map(read, range(len(paths))):
            if progress is not None:
                progress(1)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


def training_pairs(pids: np.ndarray | Tensor | Sequence[int], keypoints: Tensor) -> Tensor:
    """All ordered pairs (source, target) of different rows of one identity: int64 [P, 2], sorted.

    This is the papers' rule, which gives 263,632 pairs on Market-1501's training annotations. An
    image counts if its pid is neither -1 (junk) nor 0 (distractor) and both shoulders and both hips
    are present. Cameras do not matter.

    Args:
        pids: Identities [N].
        keypoints: float32 [N, 18, 2].
    """
    pids = np.asarray(pids)
    usable = has_torso(keypoints).cpu().numpy() & (pids > 0)
    rows = np.flatnonzero(usable)
    rows = rows[np.argsort(pids[rows], kind="stable")]
    _, starts = np.unique(pids[rows], return_index=True)
    pairs = [
        np.stack(np.meshgrid(group, group, indexing="ij"), -1)[~np.eye(len(group), dtype=bool)]
        for group in np.split(rows, starts[1:])
    ]
    table = np.concatenate(pairs) if len(rows) else np.empty((0, 2), np.int64)
    return torch.from_numpy(table[np.lexsort((table[:, 1], table[:, 0]))].astype(np.int64))


def fingerprint(images: ImageSet, pairs: Tensor) -> str:
    """A hash of all training data of a run."""
    return digest(
        (
            images.pixels,
            images.keypoints,
            pairs,
            *([] if images.parsing is None else [images.parsing]),
        )
    )


def digest(tensors: Iterable[Tensor]) -> str:
    """A hash of the values, types and shapes of tensors."""
    hashed = sha256()
    for tensor in tensors:
        hashed.update(f"{tensor.dtype} {list(tensor.shape)}".encode())
        hashed.update(memoryview(tensor.cpu().contiguous().numpy().data).cast("B"))
    return hashed.hexdigest()


def make_batch(
    images: ImageSet,
    pairs: Tensor,
    sigma_px: float,
    device: torch.device | str,
    flip: Tensor | None = None,
) -> Batch:
    """A batch of pairs of images, made on `device`.

    Args:
        images: The images.
        pairs: Rows (source, target) of `images`, int64 [B, 2].
        sigma_px: Standard deviation of the pose maps' Gaussians, in px.
        device: Device of the batch.
        flip: Pairs whose two images are mirrored, bool [B]; left and right joints and labels swap.
            None for no pair.
    """
    device = torch.device(device)
    rows = pairs.to(images.pixels.device, non_blocking=True).T.reshape(-1)  # sources, then targets
    pixels = images.pixels[rows].to(device, non_blocking=True).float().div_(127.5).sub_(1)
    keypoints = images.keypoints[rows].to(device, non_blocking=True)
    labels = (
        None
        if images.parsing is None
        else images.parsing[rows].to(device, non_blocking=True).long()
    )
    if flip is not None:
        turned = flip.to(device, non_blocking=True).repeat(2)
        pixels = torch.where(turned[:, None, None, None], pixels.flip(-1), pixels)
        keypoints = torch.where(
            turned[:, None, None], flip_keypoints(keypoints, pixels.shape[-1]), keypoints
        )
        labels = (
            None
            if labels is None
            else torch.where(turned[:, None, None], flip_labels(labels), labels)
        )
    maps = pose_maps(keypoints, size_of(pixels), sigma_px)
    number = len(pairs)
    return Batch(
        source_image=pixels[:number],
        target_image=pixels[number:],
        source_keypoints=keypoints[:number],
        target_keypoints=keypoints[number:],
        source_pose=maps[:number],
        target_pose=maps[number:],
        source_parsing=None if labels is None else labels[:number],
        target_parsing=None if labels is None else labels[number:],
    )
