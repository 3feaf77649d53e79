"""A source: somebody in an image, with joints and, where a generator wants one, a parsing map."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from augment.images import untrusted
from augment.single import label_maps
from augment.single.joints import TORSO_NAMES, Joints, has_torso
from augment.single.model import PUPPET, Model


@dataclass(frozen=True)
class Person:
    """An image and what is known of it.

    keypoints: float64 [18, 2] as (y, x) px of the image, -1 for a missing joint; with a torso
    labels: parsing map uint8 [H, W] of the image; None without one
    """

    path: Path
    image: Image.Image
    keypoints: np.ndarray
    labels: np.ndarray | None

    @property
    def size(self) -> tuple[int, int]:
        return self.image.height, self.image.width


def read_person(
    path: Path, joints: Joints, parsing: Path | None, names: tuple[str, ...] = ()
) -> Person:
    """ValueError where the image cannot be read, its joints are not known, or they have no
    torso.
    """
    image = untrusted.read(path)
    found = joints.of(path, image, names)
    if not has_torso(found):
        seen = int((found > -0.5).all(1).sum())
        raise ValueError(
            f"{path}: {f'only {seen} joints' if seen else 'no joints'} found; a person needs {TORSO_NAMES}. Give them by "
            "--image-keypoints FILE, or take a clearer image"
        )
    return Person(
        path,
        image,
        found,
        None if parsing is None else label_maps.read(parsing, (image.height, image.width)),
    )


def check_parsing(model: Model, given: bool) -> str | None:
    """What is to be said of the parsing maps that `model` will get; None where it uses none.

    Raises:
        ValueError: a map is given to a model that has no use for it.
    """
    if model.name == PUPPET:
        return "outlines from the parsing map" if given else None
    if given and model.parsing is None:
        raise ValueError(f"{model.file}: {model.name} uses no parsing map; leave --parsing out")
    if given and model.parsing == "from_keypoints":
        raise ValueError(
            f"{model.file}: {model.name} was trained on maps drawn from keypoints (parsing: from_keypoints) and draws its own; "
            "leave --parsing out"
        )
    if model.parsing == "files" and not given:
        return f"parsing map drawn from keypoints, coarser than those {model.name} was trained on; --parsing gives a better one"
    return {
        "files": "parsing map as given",
        "from_keypoints": "parsing map drawn from keypoints",
    }.get(model.parsing)
