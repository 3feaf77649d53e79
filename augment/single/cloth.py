"""Where the clothing is in a picture of it: by a label map, or by its distance from the
background's colour.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from augment.images import untrusted

DISTANCE = 40.0  # in RGB, of 441, from which on a pixel is no background
LEAST, MOST = 0.02, 0.98  # shares of a picture that a piece of clothing takes


def clothing_mask(image: Image.Image, path: Path, parsing: Path | None, label: int) -> np.ndarray:
    """Where the clothing is, bool [H, W].

    parsing: a map with `label` in it, or any with 0 for what is no clothing; None: the median
        colour of the picture's border is the background's.

    Raises:
        ValueError: the map has another size, or clothing and background cannot be told apart.
    """
    if parsing is not None:
        labels = untrusted.read_labels(parsing)
        if labels.shape != (image.height, image.width):
            size = f"{labels.shape[0]} x {labels.shape[1]}"
            raise ValueError(f"{parsing}: is {size} px; {path} is {image.height} x {image.width}")
        found = labels == label if (labels == label).any() else labels > 0
        if not found.any():
            raise ValueError(f"{parsing}: shows nothing")
        return found
    pixels = np.asarray(image).astype(np.float64)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    found = np.sqrt(((pixels - np.median(border, 0)) ** 2).sum(2)) > DISTANCE
    if not LEAST <= found.mean() <= MOST:
        raise ValueError(
            f"{path}: {found.mean():.0%} of it differ from the colour of its border, so that clothing and background cannot be "
            "told apart; give --clothing-parsing, a label map of the clothing"
        )
    return found
