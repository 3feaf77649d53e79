"""Persons in poses -> images, by any model."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image

from augment.single_images import edited_maps
from augment.single_images.model import LARGEST_PUPPET_PX, PUPPET, Model, device
from augment.single_images.person import Person
from augment.single_images.poses import Pose
from generators.body.parsing import from_keypoints
from generators.body.pose import rescale
from generators.puppet.puppet import POSE
from generators.training.pairs import ImageSet, make_batch
from generators.training.sheets import to_uint8

Paint = Callable[[Sequence[tuple[Person, Pose]]], list[np.ndarray]]


def painter(model: Model) -> Paint:
    """A function from persons and poses to images uint8 [H, W, 3], at the model's size."""
    return _puppet_painter(model) if model.name == PUPPET else _network_painter(model)


def _network_painter(model: Model) -> Paint:
    size, where, sigma_px = model.network_size, device(), model.generator.params.sigma_px

    def paint(pairs: Sequence[tuple[Person, Pose]]) -> list[np.ndarray]:
        number = len(pairs)
        pixels = torch.stack([_pixels(person, size) for person, _ in pairs])
        points = torch.stack(
            [scaled(person.keypoints, person.size, size) for person, _ in pairs]
            + [scaled(pose.keypoints, pose.size, size) for _, pose in pairs]
        )
        if sigma_px < 1:  # maps narrower than a pixel show a joint only if it lies on a pixel
            points = torch.where(points > -0.5, points.round(), points)
        labels = None
        if model.parsing is not None:
            drawn = from_keypoints(points[:number], size)
            labels = torch.stack(
                [
                    drawn[row] if person.labels is None else _resized(person.labels, size)
                    for row, (person, _) in enumerate(pairs)
                ]
            )
            labels = torch.cat([labels, torch.zeros_like(labels)])
        # Only the pose of a target is known: its pixels and parsing map are blank.
        images = ImageSet(torch.cat([pixels, torch.zeros_like(pixels)]), points, labels)
        rows = torch.arange(number)
        batch = make_batch(images, torch.stack([rows, rows + number], 1), sigma_px, where)
        return list(to_uint8(model.generator.generate(batch)))

    return paint


def _puppet_painter(model: Model) -> Paint:
    puppet = model.generator

    def paint_one(person: Person, pose: Pose) -> np.ndarray:
        share = min(1.0, LARGEST_PUPPET_PX / max(person.size))
        size = max(round(person.size[0] * share), 16), max(round(person.size[1] * share), 16)
        image = _pixels(person, size)[None].float() / 255
        mask = None if person.labels is None else _resized(person.labels, size)[None] > 0
        source = puppet.figures(image, scaled(person.keypoints, person.size, size)[None], mask)
        scene = puppet.figures(image, scaled(pose.keypoints, pose.size, size)[None])
        with torch.no_grad():
            drawn = puppet.render(source, scene, (POSE,))
        return drawn[0].mul(255).round().byte().permute(1, 2, 0).numpy()

    return lambda pairs: [paint_one(person, pose) for person, pose in pairs]


def _pixels(person: Person, size: tuple[int, int]) -> torch.Tensor:
    """Pixels uint8 [3, H, W], resized like crops of data sets."""
    image = person.image
    if person.size != size:
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def scaled(
    keypoints: np.ndarray, from_size: tuple[int, int], to_size: tuple[int, int]
) -> torch.Tensor:
    """Keypoints float32 [18, 2] after the image is resized."""
    return rescale(torch.from_numpy(np.asarray(keypoints, np.float32)), from_size, to_size)


def _resized(labels: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
    """A parsing map at `size`, uint8 [H, W]."""
    return torch.from_numpy(edited_maps.resized(labels, size).copy())
