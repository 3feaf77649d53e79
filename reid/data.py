"""Images of people in memory, identities to classes, and the augmentation of a training batch on
its device.

Images stay uint8 [N, 3, H, W] until a batch is cut from them. All draws of a batch are made first,
by `draw`, from a generator that the caller seeds; `augment` then applies them to the whole batch at
once, on the batch's device.
"""

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

JUNK = -1  # a box to be ignored altogether
DISTRACTOR = 0  # a box that matches nobody


@dataclass(frozen=True)
class ReidSet:
    """Images and what is known of each: row i of every field is image i."""

    pixels: Tensor  # uint8 [N, 3, H, W], RGB
    pids: Tensor  # int64 [N], raw identities
    camids: Tensor  # int64 [N], 0-based
    generated: Tensor  # bool [N], False = a real image

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
        """SHA-256 of all the set holds; equal sets, and only those, have equal fingerprints."""
        digest = hashlib.sha256(repr(tuple(self.pixels.shape)).encode())
        for value in (self.pixels, self.pids, self.camids, self.generated):
            digest.update(value.cpu().contiguous().numpy())
        return digest.hexdigest()


def load(rows: pd.DataFrame, size: tuple[int, int]) -> ReidSet:
    """Decodes the images of `rows` (columns path, pid, camid, generator; an empty generator = a
    real image) at `size`.

    Raises ValueError for a missing column, no rows, or a file that cannot be read whole, named with
    its row.
    """
    missing = [
        column for column in ("path", "pid", "camid", "generator") if column not in rows.columns
    ]
    if missing:
        raise ValueError(
            f"the rows have no column {', '.join(missing)}; they have {', '.join(map(str, rows.columns))}"
        )
    if len(rows) == 0:
        raise ValueError("no rows: there is no image to load")
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
    """uint8 [H, W, 3] RGB. Pillow's bilinear resize averages over all source pixels when it
    shrinks.
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
    """One set after the other; identities keep their pid, so equal pids of two sets are the same
    person.
    """
    sizes = sorted({one.size for one in sets})
    if len(sizes) != 1:
        raise ValueError(
            f"sets of different image sizes {sizes} cannot be joined; load them at one size"
        )
    fields = ("pixels", "pids", "camids", "generated")
    return ReidSet(*(torch.cat([getattr(one, field) for one in sets]) for field in fields))


def labels(pids: Tensor) -> tuple[Tensor, int]:
    """(label int64 [N], number of classes): the smallest pid is class 0, the next one class 1, and
    so on.
    """
    classes, label = torch.unique(pids, sorted=True, return_inverse=True)
    return label, len(classes)


def normalise(images: Tensor) -> Tensor:
    """uint8 or float in [0, 255] -> float32 with ImageNet's statistics removed, channels last."""
    mean = torch.tensor(IMAGENET_MEAN, device=images.device).mul(255).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=images.device).mul(255).view(1, 3, 1, 1)
    return images.to(torch.float32).sub(mean).div(std).contiguous(memory_format=torch.channels_last)


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 or float [N, 3, h, w] -> float32 [N, 3, H, W] in the same range."""
    images = images.to(torch.float32)
    if tuple(images.shape[2:]) == tuple(size):
        return images
    return F.interpolate(images, size=size, mode="bilinear", antialias=True)


@dataclass(frozen=True)
class AugmentParams:
    flip: float  # probability
    crop_area_min: float  # open-reid's crop: share of the image kept is U(crop_area_min, 1); its value is 0.64; 1 = off
    crop_aspect_min: float  # height / width of the crop, open-reid 2
    crop_aspect_max: float  # open-reid 3
    pad_crop_px: (
        int  # black border of so many pixels (of image_size), then a crop of the old size; 0 = off
    )
    erasing: float  # probability of random erasing (Zhong et al. 2017)
    brightness: float  # factors are U(1 - strength, 1 + strength); 0 = off
    contrast: float
    saturation: float

    def __post_init__(self):
        for field in ("flip", "erasing"):
            if not 0 <= getattr(self, field) <= 1:
                raise ValueError(
                    f"augment.{field} is a probability in [0, 1], got {getattr(self, field)}"
                )
        for field in ("brightness", "contrast", "saturation"):
            if not 0 <= getattr(self, field) < 1:
                raise ValueError(f"augment.{field} must lie in [0, 1), got {getattr(self, field)}")
        if not 0 < self.crop_area_min <= 1:
            raise ValueError(f"augment.crop_area_min must lie in (0, 1], got {self.crop_area_min}")
        if not 0 < self.crop_aspect_min <= self.crop_aspect_max:
            raise ValueError(
                "augment.crop_aspect_min and crop_aspect_max must be positive and in order, "
                f"got {self.crop_aspect_min} and {self.crop_aspect_max}"
            )
        if self.pad_crop_px < 0:
            raise ValueError(f"augment.pad_crop_px must not be negative, got {self.pad_crop_px}")


@dataclass(frozen=True)
class Draws:
    """The random choices for a batch. Boxes are (top, left, height, width) as fractions of the
    image.
    """

    crop: Tensor  # float32 [N, 4]; may reach beyond the image, where it is black
    flip: Tensor  # bool [N]
    erase: Tensor  # float32 [N, 4]; height 0 = nothing erased
    colour: Tensor  # float32 [N, 3], factors for brightness, contrast, saturation

    def rows(self, rows: slice) -> "Draws":
        return Draws(self.crop[rows], self.flip[rows], self.erase[rows], self.colour[rows])


ATTEMPTS = (
    10  # both crops below try so often for a box that fits, and else leave the image as it is
)
ERASE_AREA = (0.02, 0.4)  # share of the image, Zhong et al. 2017, section 4.2
ERASE_ASPECT = (0.3, 1 / 0.3)


def draw(n: int, size: tuple[int, int], params: AugmentParams, generator: torch.Generator) -> Draws:
    """All random choices for `n` images of `size`, from a generator on the CPU: the same ones on
    every device.
    """

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(shape, generator=generator) * (high - low) + low

    # Every draw is made whether its switch is on or not, so that one switch does not reshuffle the
    # others.
    crop = _boxes(
        size,
        uniform(params.crop_area_min, 1, n, ATTEMPTS),
        uniform(params.crop_aspect_min, params.crop_aspect_max, n, ATTEMPTS),
        uniform(0, 1, n, 2),
    )
    if params.crop_area_min == 1:
        crop = torch.tensor([0.0, 0.0, 1.0, 1.0]).repeat(n, 1)
    shift = (uniform(0, 1, n, 2) * (2 * params.pad_crop_px + 1)).floor() - params.pad_crop_px
    crop[:, :2] += shift / torch.tensor(size)
    flip = uniform(0, 1, n) < params.flip

    low, high = (torch.tensor(bound).log().item() for bound in ERASE_ASPECT)
    erase = _boxes(
        size,
        uniform(*ERASE_AREA, n, ATTEMPTS),
        uniform(low, high, n, ATTEMPTS).exp(),
        uniform(0, 1, n, 2),
    )
    whole = (erase[:, 2:] == 1).all(1)  # no attempt fitted
    erase[whole | (uniform(0, 1, n) >= params.erasing)] = 0
    strength = torch.tensor([params.brightness, params.contrast, params.saturation])
    return Draws(crop, flip, erase, 1 + uniform(-1, 1, n, 3) * strength)


def _boxes(size: tuple[int, int], area: Tensor, aspect: Tensor, position: Tensor) -> Tensor:
    """For each row the first of its attempts (area, aspect [N, A]) whose box, in whole pixels, lies
    within the image.

    `position` [N, 2] in [0, 1) places it. Returns fractions [N, 4]; the whole image where no
    attempt fits.
    """
    extent = torch.tensor(size, dtype=torch.float32)  # height, width
    sides = (
        torch.stack([(area * aspect).sqrt(), (area / aspect).sqrt()], dim=2) * extent.prod().sqrt()
    )
    sides = sides.round()  # [N, A, 2]
    fits = ((sides <= extent) & (sides >= 1)).all(2)  # [N, A]
    first = fits.to(torch.uint8).argmax(1)
    chosen = sides[torch.arange(len(sides)), first]
    chosen = torch.where(fits.any(1, keepdim=True), chosen, extent)
    corner = (position * (extent - chosen + 1)).floor()
    return torch.cat([corner / extent, chosen / extent], dim=1)


def augment(images: Tensor, draws: Draws, size: tuple[int, int]) -> Tensor:
    """uint8 [N, 3, h, w] -> float32 [N, 3, H, W], cut, flipped, coloured, normalised and erased; H,
    W = `size`.

    The crop is resampled bilinearly, which would skip pixels if it shrank much: keep the images at
    `size` or smaller. An erased box takes ImageNet's mean colour, which is zero after
    normalisation.
    """
    crop, flip, erase, colour = (
        value.to(images.device, non_blocking=True)
        for value in (draws.crop, draws.flip, draws.erase, draws.colour)
    )
    images = images.to(torch.float32)
    top, left, height, width = crop.unbind(1)
    # An affine map from output to input, both running from -1 to 1 from edge to edge: x -> scale x
    # + offset.
    theta = images.new_zeros(len(images), 2, 3)
    theta[:, 0, 0] = torch.where(flip, -width, width)
    theta[:, 0, 2] = 2 * left + width - 1
    theta[:, 1, 1] = height
    theta[:, 1, 2] = 2 * top + height - 1
    grid = F.affine_grid(theta, [len(images), 3, *size], align_corners=False)
    images = F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    if bool((draws.colour != 1).any()):
        images = _recolour(images, colour)
    images = normalise(images)
    rows = (torch.arange(size[0], device=images.device) + 0.5) / size[0]
    columns = (torch.arange(size[1], device=images.device) + 0.5) / size[1]
    top, left, height, width = (side[:, None] for side in erase.unbind(1))
    within = ((rows >= top) & (rows < top + height))[:, None, :, None]
    within = within & ((columns >= left) & (columns < left + width))[:, None, None, :]
    return images.masked_fill_(within, 0)


def _recolour(images: Tensor, factors: Tensor) -> Tensor:
    """Brightness, contrast, saturation in torchvision's sense, in this order, for images in [0,
    255].
    """
    brightness, contrast, saturation = (factor.view(-1, 1, 1, 1) for factor in factors.unbind(1))
    grey = images.new_tensor([0.2989, 0.587, 0.114]).view(1, 3, 1, 1)
    images = (images * brightness).clamp(0, 255)
    mean = (images * grey).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    images = torch.lerp(mean.expand_as(images), images, contrast).clamp(0, 255)
    return torch.lerp(
        (images * grey).sum(1, keepdim=True).expand_as(images), images, saturation
    ).clamp(0, 255)


# Pillow fills a truncated file with grey instead of failing if this is set; another library may
# have set it.
ImageFile.LOAD_TRUNCATED_IMAGES = False
