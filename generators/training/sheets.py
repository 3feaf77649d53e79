"""Sample sheets: rows of source, target pose, target and output, as one picture."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from generators.body.pose import draw_skeleton, rescale, size_of
from generators.training.batch import Batch

HEADINGS = ("source", "pose", "target", "output")
PAPER, INK = (248, 248, 246), (60, 60, 66)


def to_bytes(images: Tensor) -> Tensor:
    """float32 [N, 3, H, W] in [-1, 1] -> uint8, rounded, on the CPU."""
    return images.float().clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8).cpu()


def to_uint8(images: Tensor) -> np.ndarray:
    """float32 [N, 3, H, W] in [-1, 1] -> uint8 [N, H, W, 3], rounded."""
    return to_bytes(images).permute(0, 2, 3, 1).numpy()


def draw_sheet(
    batch: Batch, output: Tensor, title: str, columns: int = 3, panel_height_px: int = 128
) -> Image.Image:
    """A picture of a batch and its output [N, 3, H, W].

    It has `columns` samples per row, with four panels each.
    """
    size = size_of(batch.source_image)
    panel = (panel_height_px, round(size[1] * panel_height_px / size[0]))
    sources, targets, outputs = map(to_uint8, (batch.source_image, batch.target_image, output))
    keypoints = rescale(batch.target_keypoints.cpu(), size, panel)
    gap, margin, header = 3, 14, 44
    block = 4 * (panel[1] + gap) + margin
    rows = -(-len(batch) // columns)
    sheet = Image.new(
        "RGB", (margin + columns * block, header + rows * (panel[0] + gap) + margin), PAPER
    )
    draw = ImageDraw.Draw(sheet)
    draw.text((margin, 6), title, fill=INK, font=ImageFont.load_default(15))
    for number in range(len(batch)):
        row, column = divmod(number, columns)
        left, top = margin + column * block, header + row * (panel[0] + gap)
        panels = (
            sources[number],
            draw_skeleton(keypoints[number], panel),
            targets[number],
            outputs[number],
        )
        for place, (heading, pixels) in enumerate(zip(HEADINGS, panels, strict=True)):
            x = left + place * (panel[1] + gap)
            sheet.paste(
                Image.fromarray(pixels).resize((panel[1], panel[0]), Image.Resampling.BICUBIC),
                (x, top),
            )
            if row == 0:
                draw.text(
                    (x + panel[1] / 2, header - 4),
                    heading,
                    INK,
                    ImageFont.load_default(12),
                    anchor="ms",
                )
    return sheet


def save_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a PNG whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".part")
    sheet.save(half, "PNG")
    half.replace(path)
