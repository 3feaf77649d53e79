"""What is looked at: a contact sheet of source, pose skeleton and output, and an animated GIF."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from augment.files import whole
from augment.images import contact_sheet
from augment.single.person import Person
from augment.single.poses import Pose
from augment.single.rendering import scaled

ON_SHEET, COLUMNS = 60, 12
FRAMES, FRAME_MS, FRAME_HEIGHT_PX = 240, 100, 256


@dataclass(frozen=True)
class Shown:
    """One output and what it was made of, as small pictures: a sheet of large images takes no
    memory.
    """

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
    """The image, darkened, and its joints."""
    cell = cell_size(person.image)
    return contact_sheet.skeleton(
        scaled(person.keypoints, person.size, cell).numpy(), cell, _small(person.image, cell)
    )


def sheet(some: Sequence[Shown], first: Image.Image, title: str) -> Image.Image:
    """One source, and `first`, its joints, before its poses and outputs; several sources each above
    its pose.
    """
    cell = some[0].output.height, some[0].output.width
    if len(some) == 1:
        row = [some[0].source, first, some[0].pose, some[0].output]
        return contact_sheet.grid([row], [f"{title}: source, pose, output"], cell=cell)
    rows, captions = [], []
    alone = all(one.source_path == some[0].source_path for one in some)
    if alone:
        rows.append([some[0].source, first])
        captions.append(f"{title}: source, poses, outputs")
    for start in range(0, len(some), COLUMNS):
        part = some[start : start + COLUMNS]
        if not alone:
            rows.append([one.source for one in part])
            captions.append("" if start else f"{title}: sources, poses, outputs")
        rows += [[one.pose for one in part], [one.output for one in part]]
        captions += ["", ""]
    return contact_sheet.grid(rows, captions, cell=cell)


def frame(pose: Pose, image: Image.Image) -> Image.Image:
    """The pose's skeleton beside the output."""
    height, width = cell_size(image, FRAME_HEIGHT_PX)
    picture = Image.new("RGB", (2 * width, height))
    picture.paste(_skeleton(pose, (height, width)), (0, 0))
    picture.paste(_small(image, (height, width)), (width, 0))
    return picture


def cell_size(image: Image.Image, height_px: int = contact_sheet.CELL[0]) -> tuple[int, int]:
    """(height, width) of a cell in the shape of `image`, at most four times as wide as high."""
    return height_px, min(max(round(image.width * height_px / image.height), 1), 4 * height_px)


def _small(image: Image.Image, cell: tuple[int, int]) -> Image.Image:
    return image.resize(cell[::-1], Image.Resampling.BICUBIC)


def _skeleton(pose: Pose, cell: tuple[int, int]) -> Image.Image:
    return contact_sheet.skeleton(scaled(pose.keypoints, pose.size, cell).numpy(), cell)


def write_gif(frames: Sequence[Image.Image], path: Path) -> None:
    """An animation without end. All frames share one palette, so that still pixels do not
    flicker.
    """
    some = frames[:: max(len(frames) // 12, 1)]
    strip = Image.fromarray(np.concatenate([np.asarray(one) for one in some], 1))
    palette = strip.quantize(256, Image.Quantize.MEDIANCUT)
    flat = [one.quantize(palette=palette, dither=Image.Dither.NONE) for one in frames]
    with whole(path) as temporary:
        flat[0].save(
            temporary,
            "GIF",
            save_all=True,
            append_images=flat[1:],
            duration=FRAME_MS,
            loop=0,
            optimize=False,
        )
