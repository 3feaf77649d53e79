"""parse: a folder of pictures -> estimated parsing maps, label PNGs with the pictures' paths.

The maps are ready for dataset.parsing; parse.json in the output records the settings. The same
command resumes an interrupted run: a batch is finished if all its maps exist, and is repeated
otherwise, so that the output has the same bytes as that of an uninterrupted run.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from augment.annotation.picture_folder import Pictures, decoded
from augment.data import pose_formats
from augment.data.pose_formats import names
from augment.files import read_json, write_json
from augment.prepared import parsing
from augment.pretrained import segformer
from generators.body.parsing import from_keypoints

FROM_KEYPOINTS = "from-keypoints"
LONGEST_PX = 1024  # the side at which maps of larger pictures are drawn
SETTINGS = "parse.json"
# Names and pictures of a batch -> each picture's map of the ten labels, uint8 [H, W].
Parse = Callable[[Sequence[str], Sequence[Image.Image]], list[np.ndarray]]


def by_segformer(name: str, labels: str | None, device: str) -> Parse:
    """Maps of a SegFormer.

    Raises:
        OSError, ValueError: As segformer.load.
    """
    parser = segformer.load(name, labels, device)
    return lambda _, pictures: [
        parsing.merged_labels(label_map, parser.labels) for label_map in parser.parse(pictures)
    ]


def by_keypoints(files: Sequence[Path], pictures: Pictures) -> Parse:
    """Coarse maps drawn from keypoint files; pictures without keypoints have empty maps.

    Raises:
        ValueError: If no picture has keypoints.
    """
    known: dict[str, np.ndarray] = {}
    for file in files:
        known |= pose_formats.read(file).keypoints
    matched = names.match(known, pictures.sizes)
    if not matched:
        raise ValueError(
            f"{', '.join(map(str, files))}: no name matches an image; see `augment check-keypoints`"
        )
    lacking = len(pictures.sizes) - len(matched)
    if lacking:
        click.echo(
            f"{lacking:,} of {len(pictures.sizes):,} images have no keypoints; their maps are empty"
        )

    def draw(name: str, picture: Image.Image) -> np.ndarray:
        if name not in matched:
            return np.zeros((picture.height, picture.width), np.uint8)
        points = known[matched[name]]
        scale = min(1, LONGEST_PX / max(picture.size))
        size = max(1, round(picture.height * scale)), max(1, round(picture.width * scale))
        placed = np.where((points == -1).all(-1, keepdims=True), -1, (points + 0.5) * scale - 0.5)
        labels = from_keypoints(torch.from_numpy(placed).float()[None], size)[0].numpy()
        return np.array(Image.fromarray(labels).resize(picture.size, Image.Resampling.NEAREST))

    return lambda batch, images: [draw(*pair) for pair in zip(batch, images, strict=True)]


def digests(files: Sequence[Path]) -> list[str]:
    """Digests of keypoint files, or of the files in folders, to detect changes."""
    every = []
    for path in files:
        every += sorted(path.rglob("*.json")) if path.is_dir() else [path]
    return [sha256(file.read_bytes()).hexdigest() for file in every]


def run(
    pictures: Pictures, output: Path, settings: Mapping[str, Any], parse: Parse, batch: int
) -> None:
    """Write a map of every picture.

    Args:
        settings: plain values that the maps depend on in addition to the pictures.

    Raises:
        ValueError: If the folder holds maps of other settings, or two pictures would have one map.
    """
    files = {name: output / Path(name).with_suffix(".png") for name in pictures.sizes}
    name_of: dict[Path, str] = {}
    for name, file in files.items():
        if file in name_of:
            raise ValueError(
                f"{name_of[file]!r} and {name!r} would both have the map {file}: rename one"
            )
        name_of[file] = name
    check_settings(output, {**settings, "batch": batch})
    every = list(files)
    batches = [every[start : start + batch] for start in range(0, len(every), batch)]
    left = [part for part in batches if not all(files[name].is_file() for name in part)]
    if count := len(every) - sum(map(len, left)):
        click.echo(f"{output}: {count:,} of {len(every):,} maps exist already")
    with tqdm(total=len(every), initial=count, desc="parse", unit="img") as bar:
        for part, images in decoded(pictures.folder, left, lambda image: image):
            for name, labels in zip(part, parse(part, images), strict=True):
                parsing.save(labels, files[name])
            bar.update(len(part))
    click.echo(
        f"{output}: {len(every):,} maps; in params.yaml: dataset: parsing: {{root: {output}, labels: ten}}"
    )


def check_settings(output: Path, settings: Mapping[str, Any]) -> None:
    file = output / SETTINGS
    if file.is_file() and read_json(file) != settings:
        raise ValueError(
            f"{output}: holds maps of other settings ({read_json(file)}); delete it or choose another --output"
        )
    write_json(file, dict(settings))
