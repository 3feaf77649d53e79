"""The images of the page, as data addresses: it must open without any other file."""

import base64
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from augment import paths, ranked
from augment.augmentations import NONE
from augment.curves import label
from augment.ranked import RankedList

SHEET_WIDTH_PX = 900
JPEG_QUALITY = 78
PERSON_SIZE_PX = (48, 96)


@dataclass(frozen=True)
class Sheet:
    title: str
    address: str


@dataclass(frozen=True)
class Ranks:
    """The ranked lists of one arm and seed, and the images that they show by path."""

    title: str
    lists: list[RankedList]


def sheets() -> list[Sheet]:
    """The contact sheet of each augmentation's generated images, at the smallest portion that there is."""
    first: dict[str, Path] = {}
    for file in sorted(Path("data/generated").glob("*/*/contact_sheet.png")):
        first.setdefault(file.parent.parent.name, file)
    return [Sheet(f"{name}, {file.parent.name}", _jpeg(file, SHEET_WIDTH_PX)) for name, file in first.items()]


def ranks(results: Iterable[Mapping[str, Any]], arms: Iterable[tuple[str, str, str, float, int]]) -> list[Ranks]:
    """The ranked lists of arms (model, budget, augmentation, portion, ratio) by their first seed, where there are any."""
    found = []
    for arm in arms:
        names = ("model", "budget", "augmentation", "portion", "ratio")
        same = [one for one in results if tuple(one[name] for name in names) == arm]
        for result in sorted(same, key=lambda one: one["seed"])[:1]:
            file = _beside_weights(Path(result["file"]))
            if file.is_file():
                title = f"{arm[2] if arm[2] != NONE else 'real images only'} at {label(*arm[3:])}, seed {result['seed']}"
                found.append(Ranks(title, ranked.read(file)))
    return found


def people(shown: Iterable[Ranks]) -> dict[str, str]:
    """path -> address of every image in the lists."""
    every = {path for one in shown for each in one.lists for path in (each.path, *(found.path for found in each.found))}
    return {path: _jpeg(paths.PREPARED / path, PERSON_SIZE_PX[0] * 2) for path in sorted(every)}


def _beside_weights(result_file: Path) -> Path:
    """results/reid/... .json -> models/reid/.../ranked.json"""
    return Path("models") / result_file.relative_to(paths.RESULTS).with_suffix("") / "ranked.json"


def _jpeg(file: Path, width: int) -> str:
    """An image as a data address, no wider than `width`."""
    with Image.open(file) as image:
        picture = image.convert("RGB")
    if picture.width > width:
        picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
    with io.BytesIO() as memory:
        picture.save(memory, "JPEG", quality=JPEG_QUALITY, optimize=True)
        return "data:image/jpeg;base64," + base64.b64encode(memory.getvalue()).decode()
