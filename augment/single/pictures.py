"""What is looked at: a contact sheet of source, pose skeleton and output, and an animated GIF."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from augment import contact_sheet
from augment.files import whole
from augment.single.person import Person
from augment.single.poses import Pose

ON_SHEET, COLUMNS = 60, 12
FRAMES, FRAME_MS, FRAME_HEIGHT_PX = 240, 100, 256


@dataclass(frozen=True)
class Shown:
    """One output, and what it was made of."""

    person: Person
    pose: Pose
    image: Image.Image

    def skeleton(self, size: tuple[int, int]) -> Image.Image:
        from augment.single.rendering import scaled

        return contact_sheet.skeleton(scaled(self.pose.keypoints, self.pose.size, size).numpy(), size)


def cell_size(image: Image.Image, height_px: int = contact_sheet.CELL[0]) -> tuple[int, int]:
    """(height, width) of a cell in the shape of `image`."""
    return height_px, max(round(image.width * height_px / image.height), 1)


def sheet(shown: Sequence[Shown], title: str) -> Image.Image:
    """One source before its poses and outputs; where there are several sources, each above its pose."""
    cell = cell_size(shown[0].image)
    first = shown[0].person
    rows, captions = [], []
    alone = all(one.person is first for one in shown)
    if len(shown) == 1:
        before = [first.image, contact_sheet.skeleton(first.keypoints, first.size, first.image)]
        row = [*before, shown[0].skeleton(cell), shown[0].image]
        return contact_sheet.grid([row], [f"{title}: source, pose, output"], cell=cell)
    if alone:
        rows.append([first.image, contact_sheet.skeleton(first.keypoints, first.size, first.image)])
        captions.append(f"{title}: source, poses, outputs")
    for start in range(0, len(shown), COLUMNS):
        part = shown[start : start + COLUMNS]
        if not alone:
            rows.append([one.person.image for one in part])
            captions.append("" if start else f"{title}: sources, poses, outputs")
        rows += [[one.skeleton(cell) for one in part], [one.image for one in part]]
        captions += ["", ""]
    return contact_sheet.grid(rows, captions, cell=cell)


def frame(one: Shown) -> Image.Image:
    """The pose's skeleton beside the output."""
    height, width = cell_size(one.image, FRAME_HEIGHT_PX)
    picture = Image.new("RGB", (2 * width, height))
    picture.paste(one.skeleton((height, width)), (0, 0))
    picture.paste(one.image.resize((width, height), Image.Resampling.BICUBIC), (width, 0))
    return picture


def write_gif(frames: Sequence[Image.Image], path: Path) -> None:
    """An animation without end. All frames share one palette, so that still pixels do not flicker."""
    some = frames[:: max(len(frames) // 12, 1)]
    strip = Image.fromarray(np.concatenate([np.asarray(one) for one in some], 1))
    palette = strip.quantize(256, Image.Quantize.MEDIANCUT)
    flat = [one.quantize(palette=palette, dither=Image.Dither.NONE) for one in frames]
    with whole(path) as temporary:
        flat[0].save(temporary, "GIF", save_all=True, append_images=flat[1:], duration=FRAME_MS, loop=0, optimize=False)
