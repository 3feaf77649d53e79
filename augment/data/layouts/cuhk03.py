"""CUHK03 in torchreid's layout.

    images_detected/  images_labeled/     1_001_1_01.png = camera pair, person, camera of the pair, number
    splits_new_detected.json  splits_new_labeled.json     the new protocol's 767 training and 700 test identities

dataset.boxes chooses boxes detected by a machine or labelled by hand. Without a file of splits,
these are drawn as dataset.split says. Each person appears in one pair of cameras; as in the
protocol, a camera is the first or second of its pair.
"""

import json
import re
from pathlib import Path
from typing import Any

from augment.data.layouts.folder import with_split
from augment.data.listing import Listing, find, frame, refuse, unread
from augment.data.params import DatasetParams

WORDS = {"detected": "detected", "labelled": "labeled"}
MAX_BYTES = 64 << 20
_NAME = re.compile(r"([0-9]{1,2})_([0-9]{1,5})_([12])_[0-9]{1,3}\.[a-z]+")


def list_images(root: Path, settings: DatasetParams) -> Listing:
    word = WORDS[settings.boxes]
    found = find(root, f"images_{word}")
    rows, problems = [], list(found.problems)
    for file in found.files:
        if match := _NAME.fullmatch(Path(file).name):
            pair, person, camera = match.groups()
            rows.append((file, f"{int(pair)}_{int(person):03d}", camera, "", ""))
        else:
            problems.append(f"{root / file}: the name is not of the form 1_001_1_01.png")
    refuse(problems)
    images, file = frame(rows), root / f"splits_new_{word}.json"
    if file.is_file():
        splits = _read(file)
        names = [Path(image).name for image in images["file"]]
        if missing := sorted(set(splits) - set(names)):
            raise ValueError(
                f"{file}: {len(missing):,} of {len(splits):,} images not found, e.g. {missing[0]}"
            )
        inside = [name in splits for name in names]
        images = images.assign(split=[splits.get(name, "") for name in names])[inside].reset_index(
            drop=True
        )
        notes = [
            f"{file.name}: the new protocol",
            f"{len(names) - sum(inside):,} images that it does not name left out",
        ]
    elif settings.split is None:
        raise ValueError(
            f"{file}: not found; without it dataset.split must give the share of test identities"
        )
    else:
        images, drawn = with_split(images, root, settings.split)
        notes = [f"{file.name} not found", *drawn]
    return Listing(root, images, notes=(*unread(found), *notes))


def _read(file: Path) -> dict[str, str]:
    """Read a list of splits, of which the first counts; an image is [path, identity, camera].

    Returns:
        Bare image name -> split.
    """
    if file.stat().st_size > MAX_BYTES:
        raise ValueError(f"{file}: larger than {MAX_BYTES >> 20} MiB; files of splits are smaller")
    try:
        value: Any = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file}: not JSON ({error})") from error
    first = value[0] if isinstance(value, list) and value else value
    split_of: dict[str, str] = {}
    for split in ("train", "query", "gallery"):
        rows = first.get(split) if isinstance(first, dict) else None
        if not isinstance(rows, list) or not all(
            isinstance(row, list) and row and isinstance(row[0], str) for row in rows
        ):
            raise ValueError(f"{file}: has no list {split!r} of [path, identity, camera]")
        for path, *_ in rows:
            if split_of.setdefault(name := re.split(r"[/\\]", path)[-1], split) != split:
                raise ValueError(f"{file}: {name} is in {split_of[name]} and in {split}")
    return split_of
