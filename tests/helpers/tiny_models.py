"""Generators with random weights, small enough for a test, as files and as objects."""

from pathlib import Path

import numpy as np
import torch
import upright
from PIL import Image, ImageDraw

from augment import params
from augment.prepared import keypoints
from generators.registry import generator_class
from generators.training.checkpoint import save_generator

SIZE = (32, 16)
_SHIPPED = Path(__file__).parents[2] / "params.yaml"
_LEAST = {
    "patn": {"ngf": 4, "blocks": 2},
    "apatn": {"ngf": 4, "blocks": 2},
    "spgnet": {"parser.ngf": 4, "parser.blocks": 1, "network.nf": 4, "network.scales": 3},
    "warping_gan": {
        "parser.ngf": 4,
        "parser.blocks": 1,
        "matcher.channels": 4,
        "matcher.downsamplings": 2,
        "ngf": 4,
        "blocks": 1,
    },
    "spt": {
        "semantic.ngf": 4,
        "semantic.levels": 3,
        "foreground.ngf": 4,
        "foreground.levels": 3,
        "inpainting.ngf": 4,
        "inpainting.levels": 3,
    },
    "pose_network": {"width": 4, "blocks": 1},
}


def generator(name: str, **changes):
    """A fresh one as params.yaml ships it, of the least size; `changes` of its section, with __ for
    dots.
    """
    given = (
        _LEAST[name]
        | {"image_size": list(SIZE)}
        | {key.replace("__", "."): value for key, value in changes.items()}
    )
    overrides = {f"generators.{name}.{key}": value for key, value in given.items()}
    kind = generator_class(name)
    made = kind(params.load(kind.Params, f"generators.{name}", _SHIPPED, overrides))
    draws = torch.Generator().manual_seed(0)
    for network in made.networks.values():
        for key, value in network.state_dict().items():
            if key.endswith("weight"):  # strong enough that pictures show what they were made of
                value.copy_(
                    torch.randn(value.shape, generator=draws) * 2.0 * value[0].numel() ** -0.5
                )
    return made


def write(path: Path, made, seen: str = "data/prepared") -> Path:
    save_generator(made, path, {"set": seen, "images": ["a.jpg", "b.jpg"], "pairs": 2})
    return path


def located(_, images: torch.Tensor, threshold: float = 0.2) -> torch.Tensor:
    """In the place of PoseEstimator.locate: somebody upright in every image, but nobody in a black
    one.
    """
    height, width = images.shape[2:]
    found = torch.tensor(upright.UPRIGHT, dtype=torch.float32) * torch.tensor(
        [height / 128, width / 64]
    )
    return torch.stack(
        [torch.full((18, 2), -1.0) if image.max() < -0.9 else found for image in images]
    )


def person_image(
    path: Path, size: tuple[int, int] = (128, 64), shirt: tuple[int, int, int] = (200, 40, 40)
) -> Path:
    """Somebody upright of rectangles, before a background of stripes."""
    image = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8)[None, :, None] * 3, (128, 1, 3)))
    draw = ImageDraw.Draw(image)
    draw.rectangle([26, 8, 38, 24], (230, 190, 160))
    draw.rectangle([18, 25, 46, 62], shirt)
    draw.rectangle([24, 63, 40, 118], (40, 40, 160))
    image.resize(size[::-1], Image.Resampling.NEAREST).save(path)
    return path


def person_map(path: Path) -> Path:
    """Its parsing map, 128x64: face, upper clothes, trousers, a left arm with its hand."""
    labels = np.zeros((128, 64), np.uint8)
    labels[8:25, 26:39], labels[25:63, 18:47], labels[63:119, 24:41], labels[27:66, 40:49] = (
        1,
        3,
        4,
        6,
    )
    Image.fromarray(labels).save(path)
    return path


def keypoint_file(path: Path, *names: str, shift: int = 0) -> Path:
    keypoints.write({name: np.array(upright.UPRIGHT) + shift for name in names}, path)
    return path
