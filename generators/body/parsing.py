"""Parsing maps: which part of a dressed person each pixel shows.

The ten labels are SPT's (spt_journal, section 4.1: background, face, hair, upper clothes, pants,
skirt, arms and legs). Left and right are the person's. Human parsers have 18 or 20 labels; the
tables in parsing_tables/ merge them into ours.
"""

import csv
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from generators.body import body_parts, part_drawing
from generators.body.pose import visible

LABELS = (
    "background", "face", "hair", "upper_clothes", "trousers", "skirt", "left_arm", "right_arm",
    "left_leg", "right_leg",
)  # fmt: skip
# Label k of a mirrored person is label MIRROR[k] of the original.
MIRROR = (0, 1, 2, 3, 4, 5, 7, 6, 9, 8)
COLOURS = (
    (0, 0, 0), (255, 205, 160), (110, 64, 24), (220, 40, 40), (40, 60, 200), (190, 40, 190),
    (60, 190, 60), (160, 230, 40), (40, 190, 230), (240, 220, 40),
)  # fmt: skip
# Where a generator's parsing maps come from: files next to the images, or drawn from keypoints.
KINDS = ("files", "from_keypoints")
TABLES = Path(__file__).parent / "parsing_tables"
# Labels of a table that have no side, and the (left, right) pair of labels that each belongs to.
SIDELESS = {"arm": (6, 7), "leg": (8, 9)}


def one_hot(labels: Tensor) -> Tensor:
    """Integer labels [N, H, W] -> float32 [N, 10, H, W]."""
    return F.one_hot(labels.long(), len(LABELS)).movedim(-1, 1).float()


def flip(labels: Tensor) -> Tensor:
    """Labels [..., H, W] of the mirrored image: left and right limbs are swapped."""
    table = torch.tensor(MIRROR, dtype=labels.dtype).to(labels.device, non_blocking=True)
    return table[labels.flip(-1).long()]


def colour(labels: Tensor) -> Tensor:
    """A picture of integer labels [N, H, W]: float32 [N, 3, H, W] in [-1, 1]."""
    palette = (
        torch.tensor(COLOURS, dtype=torch.float32).to(labels.device, non_blocking=True) / 127.5 - 1
    )
    return palette[labels.long()].movedim(-1, 1)


def confusion(predicted: Tensor, true: Tensor) -> Tensor:
    """Confusion matrices of labels [N, H, W]: pixel counts, int64 [N, 10 true, 10 predicted]."""
    number = len(LABELS)
    places = (
        torch.arange(len(true), device=true.device)[:, None, None] * number**2
        + true.long() * number
        + predicted.long()
    )
    return torch.bincount(places.flatten(), minlength=len(true) * number**2).view(
        -1, number, number
    )


def mean_iou(counts: Tensor) -> Tensor:
    """Mean intersection over union, float64 [...], over the labels that occur.

    Args:
        counts: Confusion matrices [..., 10, 10] of `confusion`.
    """
    both = counts.diagonal(dim1=-2, dim2=-1).double()
    either = counts.sum(-1) + counts.sum(-2) - both
    return (both / either).nanmean(-1)


def from_keypoints(keypoints: Tensor, size: tuple[int, int]) -> Tensor:
    """A coarse parsing map, uint8 [N, H, W], from keypoints [N, 18, 2] at `size`.

    For data sets on which parsers fail, such as Market-1501 (spgnet, 4.1). It draws the ten rigid
    parts of body_parts.py, the nearest in front. A head is hair above and, if the nose is visible,
    face below. The torso is upper clothes, arms are arms, thighs are trousers and shanks legs. The
    map is empty without a usable torso.
    """
    keypoints = body_parts.tidy(keypoints, size)
    frames = body_parts.frames(keypoints, size, body_parts.USUAL)
    front = part_drawing.front_part(
        part_drawing.part_masks(frames, size, 1.0), part_drawing.draw_order(keypoints)
    )
    table = torch.tensor([0, 2, 3, 7, 7, 6, 6, 4, 9, 4, 8], dtype=torch.uint8).to(
        keypoints.device
    )  # from part -1 on
    labels = table[front + 1]
    u, _ = part_drawing.local(frames[:, body_parts.HEAD], size)
    facing = visible(keypoints)[:, 0, None, None] & (front == body_parts.HEAD) & (u > -0.3)
    labels = torch.where(facing, 1, labels)
    return torch.where(body_parts.usable(keypoints, size)[:, None, None], labels, 0)


@lru_cache
def table(name: str) -> tuple[tuple[str, str], ...]:
    """(a parser's label, ours) of parsing_tables/<name>.csv, in the order of the parser's numbers.

    Raises:
        ValueError: If the table is unknown.
    """
    file = TABLES / f"{name}.csv"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in TABLES.glob("*.csv")))
        raise ValueError(f"unknown parsing labels {name!r}; available: ten, {known}")
    rows = csv.reader(line for line in file.read_text().splitlines() if not line.startswith("#"))
    return tuple((theirs, ours) for _, theirs, ours in list(rows)[1:])


def merge(labels: Tensor, name: str) -> Tensor:
    """Our labels, uint8 [N, H, W], from a parser's.

    Gloves and socks have no side. Each of their pixels takes the side of the arm (leg) whose middle
    is nearer, or the right one if neither is visible.

    Args:
        labels: The parser's labels, uint8 [N, H, W].
        name: Name of the table, or `ten` for maps that already have our labels.

    Raises:
        ValueError: If the table is unknown or does not have one of the labels.
    """
    rows = tuple((label, label) for label in LABELS) if name == "ten" else table(name)
    if len(labels) and int(labels.max()) >= len(rows):
        raise ValueError(
            f"label {int(labels.max())} is not one of {name}'s, which are 0 to {len(rows) - 1}"
        )
    sided = torch.tensor(
        [LABELS.index(ours) if ours in LABELS else 0 for _, ours in rows], dtype=torch.uint8
    )
    merged = sided[labels.long()]
    columns = torch.arange(labels.shape[-1], dtype=torch.float32)
    for limb, (left, right) in SIDELESS.items():
        middles = []
        for side in (left, right):
            mask = (merged == side).float()
            middles.append(
                (mask * columns).sum((1, 2)) / mask.sum((1, 2))
            )  # NaN if no pixel has the label
        nearer_left = (columns - middles[0][:, None]).abs() < (
            columns - middles[1].nan_to_num(1e6)[:, None]
        ).abs()
        without_side = torch.tensor([ours == limb for _, ours in rows])[labels.long()]
        merged = torch.where(
            without_side, torch.where(nearer_left[:, None], left, right).to(torch.uint8), merged
        )
    return merged
