"""The joints of one image: from a keypoint file, or by a pose network."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from augment.data import pose_formats
from generators.body.pose import rescale
from generators.body.skeleton import TORSO

TORSO_NAMES = "both shoulders and both hips"


@dataclass(frozen=True)
class Joints:
    """Looks for the joints of images.

    known: image name -> keypoints float64 [18, 2] in px of that image, as a keypoint file has them
    file: whose they are; None where there is none
    pose_network: a PoseEstimator for the images that are not in the file, or None
    derived: what the file does not hold and was made of what it does, a sentence each
    """

    known: Mapping[str, np.ndarray]
    file: Path | None
    pose_network: Any | None
    derived: tuple[str, ...]

    def of(self, path: Path, image: Image.Image, names: tuple[str, ...] = ()) -> np.ndarray:
        """Keypoints float64 [18, 2] as (y, x) px of `image`, -1 for a missing joint.

        names: by which a keypoint file may call the image besides its file name.

        Raises:
            ValueError: nothing tells the joints, or a file tells them of other images.
        """
        called = next(
            (name for name in (*names, str(path), path.name, path.stem) if name in self.known), None
        )
        found = None if called is None else self.known[called]
        if found is None and self.pose_network is not None:
            return located(self.pose_network, image)
        if found is None and self.file is not None:
            raise ValueError(
                f"{self.file}: has no row for {path.name} (rows: {', '.join(sorted(self.known)[:3])}, ...)"
            )
        if found is None:
            raise ValueError(
                f"{path}: its joints are not known. Three ways out: --image-keypoints FILE with a row for it; --pose-network "
                "FILE, as `augment train-pose-network` writes it; or a --model into which `augment pack` has put one"
            )
        return found


def joints(file: Path | None, pose_network: Any | None, image: Path | None = None) -> Joints:
    """image: whose a file's only row is, whatever it is called."""
    if file is None:
        return Joints({}, None, pose_network, ())
    found = pose_formats.read(file)
    known = found.keypoints
    if image is not None and len(known) == 1:
        known = {str(image): next(iter(known.values()))}
    return Joints(known, file, pose_network, found.derived)


def located(pose_network: Any, image: Image.Image) -> np.ndarray:
    """Keypoints float64 [18, 2] of the person in `image`, in its px."""
    size = tuple(pose_network.params.image_size)
    pixels = np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR))
    found = pose_network.locate(
        torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    ).cpu()
    return rescale(found, size, (image.height, image.width))[0].double().numpy()


def has_torso(keypoints: np.ndarray) -> bool:
    return bool((keypoints[list(TORSO)] > -0.5).all())
