"""A sheet of skeletons over images: the least plausible keypoints first, then a random sample."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw

from augment.annotation.keypoint_source import Source
from augment.images import untrusted
from augment.images.contact_sheet import INK
from generators.body.pose import draw_skeleton
from generators.body.skeleton import LIMB_COLOURS

HEIGHT_PX, GAP_PX, LINE_PX = 192, 6, 12
WIDTHS_PX = (96, 256)
COLUMNS = 12
# A limb of each part, whose colour stands for the part.
LEGEND = {"right arm": 6, "right leg": 0, "left arm": 9, "left leg": 3, "head": 12}


@dataclass(frozen=True)
class Shown:
    """An image of a source, by its path, and its name in the keypoint file."""

    source: Source
    image: str
    name: str


def draw(shown: Sequence[Shown], suspects: Sequence[str], count: int, seed: int) -> Image.Image:
    """Draw a sheet of at most `count` images.

    Args:
        suspects: images for the first row, the least plausible first.
        seed: random seed for choosing the other images.
    """
    by_image = {entry.image: entry for entry in shown}
    first = [by_image[image] for image in suspects[: min(COLUMNS, count)] if image in by_image]
    others = [entry for entry in shown if entry not in first]
    chosen = np.random.default_rng(seed).permutation(len(others))[: count - len(first)]
    bands = {
        f"least plausible of {len(suspects):,} images with a joint outside or against anatomy": first,
        f"a random sample of the {'others' if first else 'images'}": [
            others[row] for row in sorted(chosen)
        ],
    }
    bands = {caption: band for caption, band in bands.items() if band}
    width = _width(by_image.values())
    row_px = HEIGHT_PX + 2 * LINE_PX + GAP_PX
    rows = sum(-(-len(band) // COLUMNS) for band in bands.values())
    columns = max(min(COLUMNS, len(band)) for band in bands.values())
    height = GAP_PX + 2 * LINE_PX + len(bands) * 2 * LINE_PX + rows * row_px
    sheet = Image.new("RGB", (max(360, GAP_PX + columns * (width + GAP_PX)), height), "white")
    pen, y = ImageDraw.Draw(sheet), _legend(ImageDraw.Draw(sheet))
    for caption, band in bands.items():
        pen.text((GAP_PX, y), caption, fill=INK)
        y += 2 * LINE_PX
        for start in range(0, len(band), COLUMNS):
            for column, entry in enumerate(band[start : start + COLUMNS]):
                x = GAP_PX + column * (width + GAP_PX)
                sheet.paste(_cell(entry, width), (x, y))
                for line, text in enumerate(_caption(entry.image, width)):
                    pen.text(
                        (x + width / 2, y + HEIGHT_PX + 1 + line * LINE_PX),
                        text,
                        fill=INK,
                        anchor="ma",
                        font_size=10,
                    )
            y += row_px
    return sheet


def _legend(pen: ImageDraw.ImageDraw) -> int:
    """Draw the legend of colours; returns the y at which the first band begins."""
    x = GAP_PX
    for text, limb in LEGEND.items():
        pen.rectangle([x, GAP_PX + 2, x + 10, GAP_PX + 10], fill=LIMB_COLOURS[limb])
        pen.text((x + 14, GAP_PX), text, fill=INK)
        x += 70
    return GAP_PX + 2 * LINE_PX


def _width(shown) -> int:
    """Width of a cell in px at which most images keep their aspect ratio."""
    sizes = [entry.source.sizes[entry.image] for entry in shown]
    median = np.median([width / height for height, width in sizes])
    return int(np.clip(round(HEIGHT_PX * median), *WIDTHS_PX))


def _cell(entry: Shown, width: int) -> Image.Image:
    image = untrusted.read(entry.source.folder / entry.image)
    scale = min(HEIGHT_PX / image.height, width / image.width)
    size = max(1, round(image.height * scale)), max(1, round(image.width * scale))
    points = entry.source.imported.keypoints[entry.name]
    present = ~(points == -1).all(-1, keepdims=True)
    placed = np.where(
        present, (points + 0.5) * (size[0] / image.height, size[1] / image.width) - 0.5, -1
    )
    behind = np.asarray(image.resize((size[1], size[0]), Image.Resampling.BICUBIC)) * 0.7
    drawn = draw_skeleton(torch.from_numpy(placed).float(), size, behind.astype(np.uint8))
    cell = Image.new("RGB", (width, HEIGHT_PX), (235, 235, 235))
    cell.paste(Image.fromarray(drawn), ((width - size[1]) // 2, (HEIGHT_PX - size[0]) // 2))
    return cell


def _caption(image: str, width: int) -> list[str]:
    """The path in at most two lines, or the end of the bare name if it does not fit."""
    letters = max(8, int(width / 5.6))
    text = image if len(image) <= 2 * letters else image.rpartition("/")[2]
    text = text if len(text) <= 2 * letters else "..." + text[3 - 2 * letters :]
    return [text[:letters], text[letters:]] if len(text) > letters else [text]
