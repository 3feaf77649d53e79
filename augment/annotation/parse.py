"""Parsing maps of a folder of pictures, estimated: label PNGs with the pictures' paths, ready for
dataset.parsing.

parse.json in the output says by what they were made. The same command goes on where it was stopped:
a batch whose maps are all there is done, another is made anew, so that what comes out has the same
bytes as an unbroken run's.
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
# A picture's name and the picture, of each one of a batch -> its ten labels, uint8 [H, W].
Parse = Callable[[Sequence[str], Sequence[Image.Image]], list[np.ndarray]]


def by_segformer(name: str, labels: str | None, device: str) -> Parse:
    """Raises as segformer.load."""
    parser = segformer.load(name, labels, device)
    return lambda _, pictures: [
        parsing.merged_labels(one, parser.labels) for one in parser.parse(pictures)
    ]


def by_keypoints(files: Sequence[Path], pictures: Pictures) -> Parse:
    """Coarse maps drawn from keypoint files. ValueError where no picture has keypoints; those
    without any have empty maps.
    """
    known: dict[str, np.ndarray] = {}
    for file in files:
        known |= pose_formats.read(file).keypoints
    matched = names.match(known, pictures.sizes)
    if not matched:
        raise ValueError(
            f"{', '.join(map(str, files))}: no name matches an image; `augment check-keypoints` says more"
        )
    lacking = len(pictures.sizes) - len(matched)
    if lacking:
        click.echo(
            f"{lacking:,} of {len(pictures.sizes):,} images have no keypoints; their maps are empty"
        )

    def draw(one: str, picture: Image.Image) -> np.ndarray:
        if one not in matched:
            return np.zeros((picture.height, picture.width), np.uint8)
        points = known[matched[one]]
        scale = min(1, LONGEST_PX / max(picture.size))
        size = max(1, round(picture.height * scale)), max(1, round(picture.width * scale))
        placed = np.where((points == -1).all(-1, keepdims=True), -1, (points + 0.5) * scale - 0.5)
        labels = from_keypoints(torch.from_numpy(placed).float()[None], size)[0].numpy()
        return np.array(Image.fromarray(labels).resize(picture.size, Image.Resampling.NEAREST))

    return lambda some, images: [draw(one, image) for one, image in zip(some, images, strict=True)]


def digests(files: Sequence[Path]) -> list[str]:
    """Of keypoint files, or of the files of folders: what tells that they have changed."""
    each = [
        one for file in files for one in (sorted(file.rglob("*.json")) if file.is_dir() else [file])
    ]
    return [sha256(one.read_bytes()).hexdigest() for one in each]


def run(
    pictures: Pictures, output: Path, settings: Mapping[str, Any], parse: Parse, batch: int
) -> None:
    """Write a map of every picture.

    settings: plain values that the maps depend on besides the pictures

    Raises:
        ValueError: the folder holds maps of other settings, or two pictures would have one map.
    """
    places = {name: output / Path(name).with_suffix(".png") for name in pictures.sizes}
    by_place: dict[Path, str] = {}
    for name, place in places.items():
        if place in by_place:
            raise ValueError(
                f"{by_place[place]!r} and {name!r} would both have the map {place}: rename one"
            )
        by_place[place] = name
    check_settings(output, {**settings, "batch": batch})
    every = list(places)
    batches = [every[start : start + batch] for start in range(0, len(every), batch)]
    left = [one for one in batches if not all(places[name].is_file() for name in one)]
    if count := len(every) - sum(map(len, left)):
        click.echo(f"{output}: {count:,} of {len(every):,} maps are there already")
    with tqdm(total=len(every), initial=count, desc="parse", unit="img") as bar:
        for some, images in decoded(pictures.folder, left, lambda image: image):
            for name, labels in zip(some, parse(some, images), strict=True):
                parsing.save(labels, places[name])
            bar.update(len(some))
    click.echo(
        f"{output}: {len(every):,} maps; in params.yaml: dataset: parsing: {{root: {output}, labels: ten}}"
    )


def check_settings(output: Path, settings: Mapping[str, Any]) -> None:
    file = output / SETTINGS
    if file.is_file() and read_json(file) != settings:
        raise ValueError(
            f"{output}: holds maps of other settings ({read_json(file)}); delete it or give another --output"
        )
    write_json(file, dict(settings))
