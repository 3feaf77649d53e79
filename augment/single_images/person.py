"""A source person: an image, its joints and, if a generator needs one, a parsing map."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from augment.data import pose_formats
from augment.images import untrusted
from augment.single_images import edited_maps
from augment.single_images.model import PUPPET, Model
from generators.body.pose import rescale
from generators.body.skeleton import TORSO

TORSO_NAMES = "both shoulders and both hips"


@dataclass(frozen=True)
class Joints:
    """Source of the joints of images: a keypoint file, a pose network, or both.

    known: image name -> keypoints float64 [18, 2] in px of that image, from the keypoint file
    file: the keypoint file, if any
    pose_network: a PoseEstimator for images that are not in the file, if any
    derived: see pose_formats.Imported
    """

    known: Mapping[str, np.ndarray]
    file: Path | None
    pose_network: Any | None
    derived: tuple[str, ...]

    def of(self, path: Path, image: Image.Image, names: tuple[str, ...] = ()) -> np.ndarray:
        """Keypoints float64 [18, 2] as (y, x) px of `image`, -1 for a missing joint.

        Args:
            names: further names of the image in a keypoint file, tried before its path.

        Raises:
            ValueError: If the joints are unknown, or the file has those of other images only.
        """
        known_as = next(
            (name for name in (*names, str(path), path.name, path.stem) if name in self.known), None
        )
        if known_as is not None:
            return self.known[known_as]
        if self.pose_network is not None:
            return located(self.pose_network, image)
        if self.file is not None:
            raise ValueError(
                f"{self.file}: has no row for {path.name} (rows: {', '.join(sorted(self.known)[:3])}, ...)"
            )
        raise ValueError(
            f"{path}: its joints are unknown. Use one of: --image-keypoints FILE with a row for it; --pose-network FILE, "
            "from `augment train-pose-network`; a --model with a pose network, from `augment pack`"
        )


def joints(file: Path | None, pose_network: Any | None, image: Path | None = None) -> Joints:
    """The joints of a keypoint file, or by a pose network, or both.

    Args:
        image: the image that a file's only row is for, whatever its name.
    """
    if file is None:
        return Joints({}, None, pose_network, ())
    imported = pose_formats.read(file)
    known = imported.keypoints
    if image is not None and len(known) == 1:
        known = {str(image): next(iter(known.values()))}
    return Joints(known, file, pose_network, imported.derived)


def located(pose_network: Any, image: Image.Image) -> np.ndarray:
    """Keypoints float64 [18, 2] of the person in `image`, in its px."""
    size = pose_network.params.image_size
    pixels = np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))
    points = pose_network.locate(
        torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    ).cpu()
    return rescale(points, size, (image.height, image.width))[0].double().numpy()


def has_torso(keypoints: np.ndarray) -> bool:
    """Whether keypoints [18, 2] show both shoulders and both hips."""
    return bool((keypoints[list(TORSO)] > -0.5).all())


@dataclass(frozen=True)
class Person:
    """An image of a person, with joints and parsing map.

    keypoints: float64 [18, 2] as (y, x) px of the image, -1 for a missing joint; a torso is present
    labels: parsing map uint8 [H, W] of the image, if any
    """

    path: Path
    image: Image.Image
    keypoints: np.ndarray
    labels: np.ndarray | None

    @property
    def parsing_map(self) -> np.ndarray:
        """`labels` of a person who has them."""
        assert self.labels is not None
        return self.labels

    @property
    def size(self) -> tuple[int, int]:
        return self.image.height, self.image.width


def read_person(
    path: Path, joints: Joints, parsing: Path | None, names: tuple[str, ...] = ()
) -> Person:
    """Read a person.

    Raises:
        ValueError: If the image cannot be read, or its joints are unknown or lack a torso.
    """
    image = untrusted.read(path)
    keypoints = joints.of(path, image, names)
    if not has_torso(keypoints):
        seen = int((keypoints > -0.5).all(1).sum())
        raise ValueError(
            f"{path}: {f'only {seen} joints' if seen else 'no joints'} found; a person needs {TORSO_NAMES}. Provide them with "
            "--image-keypoints FILE, or use a clearer image"
        )
    return Person(
        path,
        image,
        keypoints,
        None if parsing is None else edited_maps.read(parsing, (image.height, image.width)),
    )


def check_parsing(model: Model, has_map: bool) -> str | None:
    """A note on the parsing maps that `model` will receive; None if it uses none.

    Args:
        has_map: whether the user passes a map.

    Raises:
        ValueError: If the model does not use the map.
    """
    if model.name == PUPPET:
        return "outlines from the parsing map" if has_map else None
    if has_map and model.parsing is None:
        raise ValueError(f"{model.file}: {model.name} uses no parsing map; leave --parsing out")
    if has_map and model.parsing == "from_keypoints":
        raise ValueError(
            f"{model.file}: {model.name} was trained on maps drawn from keypoints (parsing: from_keypoints) and draws its own; "
            "leave --parsing out"
        )
    if model.parsing == "files" and not has_map:
        return f"parsing map drawn from keypoints, coarser than those {model.name} was trained on; --parsing takes a better one"
    return (
        None
        if model.parsing is None
        else {
            "files": "parsing map as given",
            "from_keypoints": "parsing map drawn from keypoints",
        }.get(model.parsing)
    )
