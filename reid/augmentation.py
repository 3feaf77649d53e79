"""Augmentation of a training batch on its device.

`draw` makes all random choices of a batch first, from a generator that the caller seeds.
`augmented` then applies them to the whole batch at once, on the batch's device.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from reid.data import normalise

ATTEMPTS = 10  # random boxes per image; if none fits, the image stays unchanged
ERASE_AREA = (0.02, 0.4)  # share of the image, Zhong et al. 2017, section 4.2
ERASE_ASPECT = (0.3, 1 / 0.3)


@dataclass(frozen=True)
class AugmentParams:
    """Strengths of the random changes.

    flip: probability of a horizontal flip
    crop_area_min: the share of the image that the crop keeps is U(crop_area_min, 1); open-reid
        0.64; 1 = off
    crop_aspect_min, crop_aspect_max: bounds of the crop's height / width; open-reid 2 and 3
    pad_crop_px: width of a black border, in px of image_size, before a crop of the original size;
        0 = off
    erasing: probability of random erasing (Zhong et al. 2017)
    brightness, contrast, saturation: factors are U(1 - strength, 1 + strength); 0 = off

    Raises:
        ValueError: If a value is invalid.
    """

    flip: float
    crop_area_min: float
    crop_aspect_min: float
    crop_aspect_max: float
    pad_crop_px: int
    erasing: float
    brightness: float
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
    """Random choices for a batch. Boxes are (top, left, height, width) as fractions of the image.

    crop: float32 [N, 4]; may reach beyond the image, where it is black
    flip: bool [N]
    erase: float32 [N, 4]; height 0 = nothing is erased
    colour: float32 [N, 3], factors for brightness, contrast, saturation
    """

    crop: Tensor
    flip: Tensor
    erase: Tensor
    colour: Tensor

    def rows(self, rows: slice) -> "Draws":
        """The choices for a slice of the batch."""
        return Draws(self.crop[rows], self.flip[rows], self.erase[rows], self.colour[rows])


def draw(n: int, size: tuple[int, int], params: AugmentParams, generator: torch.Generator) -> Draws:
    """Draw all random choices for `n` images of `size`.

    The generator lives on the CPU, so that the choices are the same on every device.
    """

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(shape, generator=generator) * (high - low) + low

    # Every draw is made whether its switch is on or off, so that one switch does not change the
    # other draws.
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
    """Choose a box for each row: the first of its attempts that fits into the image.

    Args:
        size: (height, width) in px.
        area, aspect: The attempts, [N, A]; boxes are rounded to whole pixels.
        position: Where the box is placed, [N, 2] in [0, 1).

    Returns:
        Fractions [N, 4]; the whole image if no attempt fits.
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


def augmented(images: Tensor, draws: Draws, size: tuple[int, int]) -> Tensor:
    """Crop, flip, recolour, normalise and erase images.

    The crop is resampled bilinearly, which would skip pixels if it shrank much, so keep the images
    at `size` or smaller. An erased box gets ImageNet's mean colour, which is zero after
    normalisation.

    Args:
        images: uint8 or float [N, 3, h, w] in [0, 255].
        draws: The random choices for these images.
        size: (H, W) in px.

    Returns:
        float32 [N, 3, H, W].
    """
    crop, flip, erase, colour = (
        value.to(images.device, non_blocking=True)
        for value in (draws.crop, draws.flip, draws.erase, draws.colour)
    )
    images = images.to(torch.float32)
    top, left, height, width = crop.unbind(1)
    # An affine map from output to input, x -> scale x + offset; both run from -1 to 1, from edge
    # to edge.
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
    """Change brightness, contrast and saturation of images in [0, 255].

    The changes are made in this order, as torchvision defines them.
    """
    brightness, contrast, saturation = (factor.view(-1, 1, 1, 1) for factor in factors.unbind(1))
    grey = images.new_tensor([0.2989, 0.587, 0.114]).view(1, 3, 1, 1)
    images = (images * brightness).clamp(0, 255)
    mean = (images * grey).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    images = torch.lerp(mean.expand_as(images), images, contrast).clamp(0, 255)
    return torch.lerp(
        (images * grey).sum(1, keepdim=True).expand_as(images), images, saturation
    ).clamp(0, 255)
