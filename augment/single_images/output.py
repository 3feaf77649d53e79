"""Output of transfer: a folder of images with a contact sheet and an animated GIF."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from augment import files
from augment.images import contact_sheet
from augment.single_images.person import Person
from augment.single_images.poses import Pose
from augment.single_images.rendering import scaled

MANIFEST = "made_by.json"
ON_SHEET, COLUMNS = 60, 12
FRAMES, FRAME_MS, FRAME_HEIGHT_PX = 240, 100, 256


@dataclass(frozen=True)
class Shown:
    """An output and its inputs as thumbnails, so that a sheet of large images takes little memory."""

    source_path: Path
    source: Image.Image
    pose: Image.Image
    output: Image.Image


def shown(person: Person, pose: Pose, image: Image.Image) -> Shown:
    cell = cell_size(image)
    return Shown(
        person.path, _small(person.image, cell), _skeleton(pose, cell), _small(image, cell)
    )


def with_skeleton(person: Person) -> Image.Image:
    """The darkened image with its skeleton."""
    cell = cell_size(person.image)
    return contact_sheet.skeleton(
        scaled(person.keypoints, person.size, cell).numpy(), cell, _small(person.image, cell)
    )


def sheet(cells: Sequence[Shown], first: Image.Image, title: str) -> Image.Image:
    """Draw a contact sheet.

    One source comes first, with its skeleton `first`, followed by poses and outputs. Several sources
    are drawn above their poses.
    """
    cell = cells[0].output.height, cells[0].output.width
    if len(cells) == 1:
        row = [cells[0].source, first, cells[0].pose, cells[0].output]
        return contact_sheet.grid([row], [f"{title}: source, pose, output"], cell=cell)
    rows, captions = [], []
    same_source = all(shown.source_path == cells[0].source_path for shown in cells)
    if same_source:
        rows.append([cells[0].source, first])
        captions.append(f"{title}: source, poses, outputs")
    for start in range(0, len(cells), COLUMNS):
        part = cells[start : start + COLUMNS]
        if not same_source:
            rows.append([shown.source for shown in part])
            captions.append("" if start else f"{title}: sources, poses, outputs")
        rows += [[shown.pose for shown in part], [shown.output for shown in part]]
        captions += ["", ""]
    return contact_sheet.grid(rows, captions, cell=cell)


def frame(pose: Pose, image: Image.Image) -> Image.Image:
    """The pose's skeleton next to the output."""
    height, width = cell_size(image, FRAME_HEIGHT_PX)
    picture = Image.new("RGB", (2 * width, height))
    picture.paste(_skeleton(pose, (height, width)), (0, 0))
    picture.paste(_small(image, (height, width)), (width, 0))
    return picture


def cell_size(image: Image.Image, height_px: int = contact_sheet.CELL[0]) -> tuple[int, int]:
    """(height, width) of a cell in the aspect ratio of `image`, at most four times as wide as high."""
    return height_px, min(max(round(image.width * height_px / image.height), 1), 4 * height_px)


def _small(image: Image.Image, cell: tuple[int, int]) -> Image.Image:
    return image.resize((cell[1], cell[0]), Image.Resampling.BICUBIC)


def _skeleton(pose: Pose, cell: tuple[int, int]) -> Image.Image:
    return contact_sheet.skeleton(scaled(pose.keypoints, pose.size, cell).numpy(), cell)


def write_gif(frames: Sequence[Image.Image], path: Path) -> None:
    """Write a looping animation. All frames share one palette, so that still pixels do not flicker."""
    sample = frames[:: max(len(frames) // 12, 1)]
    strip = Image.fromarray(np.concatenate([np.asarray(image) for image in sample], 1))
    palette = strip.quantize(256, Image.Quantize.MEDIANCUT)
    flat = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in frames]
    with files.whole(path) as temporary:
        flat[0].save(
            temporary,
            "GIF",
            save_all=True,
            append_images=flat[1:],
            duration=FRAME_MS,
            loop=0,
            optimize=False,
        )


def check_output(folder: Path, *inputs: Path) -> None:
    """Check that `folder` may be replaced.

    Raises:
        ValueError: If it holds anything that transfer has not written, or one of `inputs`.
    """
    if folder.exists() and (
        not folder.is_dir() or not {path.name for path in folder.iterdir()} <= _written(folder)
    ):
        raise ValueError(
            f"{folder}: exists and holds files that this command has not written; remove it or choose another --output"
        )
    for path in inputs:
        if path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(
                f"{path}: lies in --output {folder}, which is replaced; choose another"
            )


def _written(folder: Path) -> set[str]:
    """Names of all files that were written to `folder` with its manifest; empty without one."""
    try:
        images = {entry["image"] for entry in files.read_json(folder / MANIFEST)["images"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {*images, MANIFEST, "sheet.png", "poses.gif"}
