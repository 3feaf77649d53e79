"""The images of the page, as data URLs: the page needs no other file."""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from PIL import Image

from augment import paths
from augment.arms import Arm
from augment.augmentations import parse
from augment.reid_training import ranked
from augment.reid_training.ranked import RankedList
from augment.results.curves import label, rows

SHEET_WIDTH_PX = 900
JPEG_QUALITY = 78
PERSON_SIZE_PX = (48, 96)


@dataclass(frozen=True)
class Sheet:
    """A sheet of images; address: a data URL."""

    title: str
    address: str


@dataclass(frozen=True)
class Ranks:
    """The ranked lists of one arm and seed."""

    title: str
    lists: list[RankedList]


def sheets(judged: pd.DataFrame) -> list[Sheet]:
    """The contact sheet of each augmentation, at the smallest portion at which it was scored."""
    sheet_of: dict[str, Sheet] = {}
    for row in rows(judged.sort_values(["augmentation", "portion", "ratio"])):
        folder = paths.generated(parse(row.augmentation), row.portion, row.ratio)
        file = folder / "contact_sheet.png"
        if row.augmentation not in sheet_of and file.is_file():
            sheet_of[row.augmentation] = Sheet(
                f"{row.augmentation}, {label(row.portion, row.ratio)}", _jpeg(file, SHEET_WIDTH_PX)
            )
    return list(sheet_of.values())


def of_card(generator: str, names: Iterable[str]) -> list[Sheet]:
    """Those sheets of `names` of a generator's report card that exist."""
    files = {name: paths.card_folder(generator) / f"{name}.png" for name in names}
    return [
        Sheet(name.replace("_", " "), _jpeg(file, SHEET_WIDTH_PX))
        for name, file in files.items()
        if file.is_file()
    ]


def ranks(arms: Iterable[Arm]) -> list[Ranks]:
    """Those ranked lists of arms that exist."""
    entries = []
    for arm in arms:
        file = paths.reid_model(arm) / "ranked.json"
        if file.is_file():
            name = "real images only" if arm.augmentation.is_plain else arm.augmentation.name
            entries.append(
                Ranks(
                    f"{name} at {label(arm.portion, arm.ratio)}, seed {arm.seed}", ranked.read(file)
                )
            )
    return entries


def people(shown: Iterable[Ranks]) -> dict[str, str]:
    """Path -> data URL of every image in the lists."""
    all_paths = {
        path
        for ranks in shown
        for ranked_list in ranks.lists
        for path in (ranked_list.path, *(image.path for image in ranked_list.found))
    }
    return {path: _jpeg(paths.PREPARED / path, PERSON_SIZE_PX[0] * 2) for path in sorted(all_paths)}


def _jpeg(file: Path, width: int) -> str:
    """Encode an image as a data URL, no wider than `width`."""
    with Image.open(file) as image:
        picture = image.convert("RGB")
    if picture.width > width:
        picture = picture.resize(
            (width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS
        )
    with io.BytesIO() as memory:
        picture.save(memory, "JPEG", quality=JPEG_QUALITY, optimize=True)
        return "data:image/jpeg;base64," + base64.b64encode(memory.getvalue()).decode()
