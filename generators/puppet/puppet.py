"""Puppet: a person cut into ten rigid parts, moved to another pose and pasted into another scene.

Our own method. It needs no training and no data but the available images. Few images tie an
identity to one background and one camera, and a re-ID model then learns these. A puppet decouples
identity from camera. The person comes from a *source*. A *scene*, an image of any person, gives the
target pose, the *plate* (the scene with its person removed and the hole filled) and the *cast* (its
camera's colour, as a gain per channel from the source's plate to the scene's).

Parts are placed by keypoints (body/body_parts.py) and moved by one affine map each; a parsing map,
if available, sharpens the outline. Where a source or a pose has no usable torso, a tall oval is cut
from the middle of the source and pasted there as it is.

In a Batch the scene is the target.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generators.body import body_parts, part_drawing
from generators.body.body_parts import HEAD, PartParams, frames, tidy, usable
from generators.body.part_drawing import parts_mask
from generators.body.plates import cast_gain, fill, mean_outside
from generators.body.pose import flip as flip_keypoints
from generators.body.pose import size_of
from generators.training.batch import Batch
from generators.training.generator import Generator
from generators.training.phases import Phase

try:
    from generators.puppet import opencv
except ImportError:  # without OpenCV, torch draws the same picture
    opencv = None

# What a puppet may take from its scene.
POSE, PLATE, CAST = TAKES = ("pose", "plate", "cast")


@dataclass(frozen=True)
class PuppetParams:
    """Section `generators.puppet` of params.yaml.

    Raises:
        ValueError: If a number is invalid.
    """

    image_size: tuple[int, int]
    parts: PartParams
    soft: float  # width of a part's soft edge, in image heights
    dilation: float  # margin of a person's hole in the scene around the parts, in torso scales
    cast: float  # strength of the colour cast: 0 none, 1 the full ratio of the plates' means
    cast_limits: tuple[float, float]
    parsing: bool  # sharpen outlines with parsing maps if the data set has them

    def __post_init__(self):
        if self.soft <= 0:
            raise ValueError(f"puppet.soft must be positive, got {self.soft}")
        if self.dilation < 0 or self.cast < 0:
            raise ValueError(
                f"puppet.dilation and puppet.cast must not be negative, got {self.dilation} and {self.cast}"
            )
        if not 0 < self.cast_limits[0] <= self.cast_limits[1]:
            raise ValueError(
                f"puppet.cast_limits must be positive and in order, got {self.cast_limits}"
            )


@dataclass(frozen=True)
class Figures:
    """N images of people and what lies behind them.

    image, plate: float32 [N, 3, H, W] in [0, 1]
    keypoints: float32 [N, 18, 2] at (H, W), tidied
    person: [N, 1, H, W], opacity of the person by the parsing map; None without parsing maps
    plate_mean: mean colour of the plate, [N, 3]
    """

    image: Tensor
    plate: Tensor
    keypoints: Tensor
    person: Tensor | None
    plate_mean: Tensor

    def flip(self, which: Tensor) -> "Figures":
        """The same figures, with those in `which`, bool [N], mirrored."""

        def turned(value: Tensor) -> Tensor:
            return torch.where(which[:, None, None, None], value.flip(-1), value)

        keypoints = torch.where(
            which[:, None, None],
            flip_keypoints(self.keypoints, self.image.shape[3]),
            self.keypoints,
        )
        person = None if self.person is None else turned(self.person)
        return Figures(turned(self.image), turned(self.plate), keypoints, person, self.plate_mean)


class Studio:
    """Figures of a whole set, kept on `device` as bytes; plates are made once.

    Args:
        puppet: The generator that makes the figures.
        pixels: uint8 [N, 3, H, W].
        keypoints: float32 [N, 18, 2] at (H, W).
        person: bool [N, H, W], True on persons; None without parsing maps.
        device: Device that holds the figures.
    """

    def __init__(
        self,
        puppet: "Puppet",
        pixels: Tensor,
        keypoints: Tensor,
        person: Tensor | None,
        device: torch.device | str,
    ):
        parts = []
        with torch.no_grad():
            for rows in torch.arange(len(pixels)).split(256):
                mask = None if person is None else person[rows].to(device)
                image = pixels[rows].to(device).float() / 255
                parts.append(puppet.figures(image, keypoints[rows].to(device), mask))
        self.pixels = pixels.to(device)
        self.plates = torch.cat([_bytes(part.plate) for part in parts])
        self.keypoints = torch.cat([part.keypoints for part in parts])
        self.person = None if person is None else torch.cat([_bytes(part.person) for part in parts])
        self.plate_means = torch.cat([part.plate_mean for part in parts])

    def __getitem__(self, rows: Tensor) -> Figures:
        rows = rows.to(self.pixels.device, non_blocking=True)
        person = None if self.person is None else self.person[rows].float() / 255
        image, plate = self.pixels[rows].float() / 255, self.plates[rows].float() / 255
        return Figures(image, plate, self.keypoints[rows], person, self.plate_means[rows])


def _bytes(values: Tensor) -> Tensor:
    return values.mul(255).round().to(torch.uint8)


class Puppet(Generator):
    """The puppet generator, which has no networks."""

    name = "puppet"
    Params = PuppetParams

    def __init__(self, params: PuppetParams):
        self.params = params
        self.networks: dict[str, nn.Module] = {}

    def phases(self, pose_network: nn.Module | None = None) -> tuple[Phase, ...]:
        """None: there is nothing to train."""
        return ()

    def generate(self, batch: Batch) -> Tensor:
        """Puppets of the batch's sources in its targets' scenes, float32 [N, 3, H, W] in [-1, 1].

        They are on the batch's device and differentiable with respect to the source image.
        """
        source = self.figures(batch.source_image.add(1).div(2), batch.source_keypoints)
        scene = self.figures(batch.target_image.add(1).div(2), batch.target_keypoints)
        return self.render(source, scene).mul(2).sub(1)

    def figures(self, image: Tensor, keypoints: Tensor, person: Tensor | None = None) -> Figures:
        """Figures of images [N, 3, H, W] in [0, 1] with keypoints [N, 18, 2] at (H, W).

        `person`, bool [N, H, W], marks the persons; None without parsing maps.
        """
        size = size_of(image)
        keypoints = tidy(keypoints, size)
        if person is None:
            parts = frames(keypoints, size, self.params.parts)
            grow_px = self.params.dilation * body_parts.torso_scale(keypoints).clamp(max=size[0])
            hole, opacity = parts_mask(parts, size, grow_px, self.params.soft * size[0]), None
        else:
            mask = person[:, None].to(image.dtype)
            # A hole two pixels wider and an edge that softens inwards exclude the background.
            hole = F.max_pool2d(mask, 5, 1, 2)
            opacity = (
                2 * F.avg_pool2d(F.pad(mask, [1, 1, 1, 1], mode="replicate"), 3, 1) - 1
            ).clamp(min=0) * mask
        return Figures(image, fill(image, hole), keypoints, opacity, mean_outside(image, hole))

    def render(
        self,
        source: Figures,
        scene: Figures,
        takes: tuple[str, ...] = TAKES,
        girth: Tensor | None = None,
    ) -> Tensor:
        """The source's persons, each with `takes` from its scene: float32 [N, 3, H, W] in [0, 1].

        Args:
            source: Figures of the persons.
            scene: Figures of the scenes.
            takes: What to take from the scene, some of TAKES.
            girth: float32 [N, 10], factors on the widths of the parts.
        """
        params, size = self.params, size_of(source.image)
        pose = scene.keypoints if POSE in takes else source.keypoints
        cut, placed = (
            frames(keypoints, size, params.parts, girth) for keypoints in (source.keypoints, pose)
        )
        whole = ~(usable(source.keypoints, size) & usable(pose, size))[:, None, None, None]
        oval = body_parts.one_piece(size, whole.device)
        cut = torch.where(whole, oval, body_parts.with_mirrored(cut, source.keypoints))
        placed = torch.where(whole, oval, placed)
        image = source.image
        if CAST in takes:
            gain = cast_gain(source.plate_mean, scene.plate_mean, params.cast, params.cast_limits)
            image = (image * gain[:, :, None, None]).clamp(max=1)
        plate = scene.plate if PLATE in takes else source.plate
        draw = compose
        if opencv is not None and image.device.type == "cpu" and not image.requires_grad:
            draw = opencv.compose
        order, soft_px = part_drawing.draw_order(pose), params.soft * size[0]
        return draw(image, source.person, plate, cut, placed, order, soft_px)

    def recompose(self, image: Tensor, pose: Tensor, scene: Figures) -> Tensor:
        """Persons drawn by any generator, with a scene's plate and cast: [N, 3, H, W] in [0, 1].

        Args:
            image: float32 [N, 3, H, W] in [0, 1].
            pose: Keypoints [N, 18, 2] of the persons in `image`.
            scene: Figures of the scenes.
        """
        params, size = self.params, size_of(image)
        pose = tidy(pose, size)
        drawn = self.figures(image, pose)
        person = parts_mask(
            frames(pose, size, params.parts),
            size,
            torch.zeros_like(pose[:, 0, 0]),
            params.soft * size[0],
        )
        gain = cast_gain(drawn.plate_mean, scene.plate_mean, params.cast, params.cast_limits)
        return scene.plate.lerp(
            (image * gain[:, :, None, None]).clamp(max=1), person.expand_as(image)
        )


def compose(
    image: Tensor,
    person: Tensor | None,
    plate: Tensor,
    cut: Tensor,
    placed: Tensor,
    order: Tensor,
    soft_px: float,
) -> Tensor:
    """Draw sources part by part over plates: float32 [N, 3, H, W].

    Args:
        image: [N, 3, H, W].
        person: Opacity of the image, [N, 1, H, W], or None if opaque.
        plate: [N, 3, H, W].
        cut, placed: Frames [N, 10, 3, 2] of the parts in the image and in the output.
        order: Parts from far to near, [N, 10].
        soft_px: Width of a part's soft edge in px.
    """
    size, rows = size_of(plate), torch.arange(len(plate), device=plate.device)
    layers = image if person is None else torch.cat([image, person], 1)
    for part in order.unbind(1):
        source, target = cut[rows, part], placed[rows, part]
        u, v = part_drawing.local(target, size)
        opacity = part_drawing.coverage(u, v, target, part == HEAD, soft_px)[:, None]
        at = (
            source[:, 0, None, None]
            + u[..., None] * source[:, 1, None, None]
            + v[..., None] * source[:, 2, None, None]
        )
        sampled = F.grid_sample(
            layers, part_drawing.to_grid(at, size), padding_mode="border", align_corners=False
        )
        if person is not None:
            opacity = opacity * sampled[:, 3:]
        plate = plate.lerp(sampled[:, :3], opacity.expand_as(plate))
    return plate
