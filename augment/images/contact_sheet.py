"""Contact sheets: images in a grid, with captions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageDraw

from generators.body.pose import draw_skeleton

CELL = (128, 64)
GAP_PX = 4
CAPTION_PX, NOTE_PX = 16, 14
INK = (60, 60, 60)


def grid(
    rows: Sequence[Sequence[Image.Image]],
    captions: Sequence[str],
    notes: Sequence[Sequence[str]] | None = None,
    cell: tuple[int, int] = CELL,
) -> Image.Image:
    """Draw rows of images, each row below its caption.

    Args:
        captions: one per row; an empty one takes no space.
        notes: for each row, a text below each of its images; an empty row of notes takes no space.
        cell: (height, width) in px that every image is scaled to.
    """
    height, width = cell
    notes = notes or [[]] * len(rows)
    columns = max((len(row) for row in rows), default=1)
    above = [CAPTION_PX if caption else 0 for caption in captions]
    heights = [
        head + height + GAP_PX + (NOTE_PX if row else 0)
        for head, row in zip(above, notes, strict=True)
    ]
    sheet = Image.new("RGB", (GAP_PX + columns * (width + GAP_PX), GAP_PX + sum(heights)), "white")
    draw, y = ImageDraw.Draw(sheet), GAP_PX
    for row, caption, below, head, total in zip(rows, captions, notes, above, heights, strict=True):
        if caption:
            draw.text((GAP_PX, y), caption, fill=INK)
        for column, image in enumerate(row):
            scaled = image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
            sheet.paste(scaled, (GAP_PX + column * (width + GAP_PX), y + head))
        for column, text in enumerate(below):
            middle = GAP_PX + column * (width + GAP_PX) + width / 2
            draw.text((middle, y + head + height + 1), text, fill=INK, anchor="ma")
        y += total
    return sheet


def people(
    rows: pd.DataFrame,
    keypoints: Mapping[str, np.ndarray],
    parsing: Path,
    identities: int = 5,
    images: int = 12,
) -> Image.Image:
    """Draw some training identities: images, skeletons over them and parsing maps, if any.

    Args:
        rows: index rows with `path` relative to the working folder, `name`, and `identity` as the
            data set writes it.
        keypoints: name -> [18, 2] as (y, x) pixels.
        parsing: folder of label PNGs with a palette; may be absent.
    """
    train = rows[rows["split"] == "train"]
    pids = train["pid"].unique()
    cells, captions = [], []
    for pid in pids[np.linspace(0, len(pids) - 1, min(identities, len(pids))).round().astype(int)]:
        chosen = train[train["pid"] == pid].head(images)
        pictures = [Image.open(path).convert("RGB") for path in chosen["path"]]
        cells.append(pictures)
        captions.append(_who(pid, chosen, rows["camid"].nunique() > 1))
        cells.append(
            [
                _with_skeleton(p, keypoints.get(name))
                for p, name in zip(pictures, chosen["name"], strict=True)
            ]
        )
        captions.append("")
        if parsing.is_dir():
            cells.append(
                [Image.open(parsing / Path(name).with_suffix(".png")) for name in chosen["name"]]
            )
            captions.append("")
    return grid(cells, captions)


def skeleton(
    keypoints: np.ndarray, size: tuple[int, int], behind: Image.Image | None = None
) -> Image.Image:
    """Draw keypoints [18, 2] on an image of `size`, over a dimmed picture or on black."""
    background = None if behind is None else np.asarray(behind) // 2
    return Image.fromarray(
        draw_skeleton(torch.from_numpy(keypoints.astype(np.float32)), size, background)
    )


def _who(pid: int, images: pd.DataFrame, cameras_known: bool) -> str:
    identity = str(images["identity"].iat[0])
    renamed = "" if identity.isdecimal() and int(identity) == pid else f" ({identity})"
    cameras = (
        f", cameras {' '.join(str(camid + 1) for camid in images['camid'])}"
        if cameras_known
        else ""
    )
    return f"pid {pid}{renamed}{cameras}"


def _with_skeleton(image: Image.Image, keypoints: np.ndarray | None) -> Image.Image:
    return image if keypoints is None else skeleton(keypoints, (image.height, image.width), image)
