"""The Market-1501 layout: the only parser and writer of its names and folders.

    bounding_box_train/  bounding_box_test/  query/      0002_c1s1_000451_03.jpg = pid, camera, sequence, frame, box

Quirks that are read without complaint and counted: a Thumbs.db in each folder, names that end in `.jpg.jpg`, the pids
-1 (junk) and 0000 (distractor).
"""

import hashlib
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from augment import keypoints as keypoint_files

FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
ANNOTATIONS = ("market-annotation-train.csv", "market-annotation-test.csv")
SIZE = (128, 64)
JUNK, DISTRACTOR = -1, 0
IGNORED = ("Thumbs.db", ".DS_Store")

_NAME = re.compile(r"(-1|\d{4})_c(\d)s(\d)_(\d{6})_(\d{2})\.jpg")


@dataclass(frozen=True)
class Name:
    """What a file name says: raw pid, 0-based camid, sequence, frame and box number."""

    pid: int
    camid: int
    sequence: int
    frame: int
    box: int

    def __str__(self) -> str:
        pid = "-1" if self.pid == JUNK else f"{self.pid:04d}"
        return f"{pid}_c{self.camid + 1}s{self.sequence}_{self.frame:06d}_{self.box:02d}.jpg"


def parse_name(name: str) -> Name:
    """The parts of an image's name. Raises ValueError where it is not of the form, or would not print as itself."""
    if not (match := _NAME.fullmatch(name)):
        raise ValueError(f"{name!r} is not a Market-1501 name such as 0002_c1s1_000451_03.jpg")
    pid, camera, sequence, frame, box = map(int, match.groups())
    if camera == 0:
        raise ValueError(f"{name!r}: cameras count from 1")
    return Name(pid, camera - 1, sequence, frame, box)


@dataclass(frozen=True)
class Market1501:
    """A folder as read.

    rows: name (tidy), file (as found), pid, camid, split; sorted by split and name
    keypoints: tidy name -> int64 [18, 2] (y, x) pixels, -1 missing; an image without a row is absent
    doubled_suffix: number of names that end in .jpg.jpg
    duplicates: groups of files with equal bytes
    """

    rows: pd.DataFrame
    keypoints: dict[str, np.ndarray]
    doubled_suffix: int
    duplicates: list[list[str]]


def read(root: Path, annotations: Iterable[Path], max_ids: tuple[int, int] | None) -> Market1501:
    """Read and check a Market-1501 folder: names, every image once, keypoint files.

    Args:
        root: the folder that holds bounding_box_train, bounding_box_test and query.
        annotations: keypoint files; together they may name train, test and query images.
        max_ids: keep the first k identities (by pid) of the training and of the test split; junk and distractors go.

    Raises:
        FileNotFoundError: a folder or keypoint file is missing.
        ValueError: a folder without images, a foreign file, an image that cannot be decoded, is not a JPEG or not 128x64,
            keypoints of images that are not there.
    """
    rows = pd.concat([_list_folder(root / folder, split) for split, folder in FOLDERS.items()], ignore_index=True)
    if len(twice := rows.index[rows["name"].duplicated()]):
        raise ValueError(f"{rows.at[twice[0], 'file']}: its name is there twice once '.jpg.jpg' is read as '.jpg'")
    found = _read_annotations(annotations, set(rows["name"]), root)
    if max_ids is not None:
        rows = _first_identities(rows, max_ids)
    digests: dict[bytes, list[str]] = {}
    with ThreadPoolExecutor() as pool:
        checked = tqdm(pool.map(_check_image, rows["file"]), "check images", len(rows), unit="img")
        for file, digest in zip(rows["file"], checked, strict=True):
            digests.setdefault(digest, []).append(file)
    return Market1501(
        rows=rows,
        keypoints={name: found[name] for name in rows["name"] if name in found},
        doubled_suffix=sum(file.endswith(".jpg.jpg") for file in rows["file"]),
        duplicates=[files for files in digests.values() if len(files) > 1],
    )


def counts(market: Market1501) -> pd.DataFrame:
    """A row per split: images, identities, cameras, junk, distractors, with_pose (at least one joint)."""
    kinds = []
    for split in FOLDERS:
        rows = market.rows[market.rows["split"] == split]
        people = rows[rows["pid"] > DISTRACTOR]
        posed = sum(bool((market.keypoints[name] >= 0).any()) for name in rows["name"] if name in market.keypoints)
        kinds.append(
            {
                "split": split,
                "images": len(rows),
                "identities": people["pid"].nunique(),
                "cameras": rows["camid"].nunique(),
                "junk": int((rows["pid"] == JUNK).sum()),
                "distractors": int((rows["pid"] == DISTRACTOR).sum()),
                "with_pose": posed,
            }
        )
    return pd.DataFrame(kinds)


def unused_name(pid: int, camid: int, number: int) -> str:
    """The name of the `number`-th generated image of a set: box 00, which no real training or gallery image has."""
    if number > 999_999:
        raise ValueError(f"{number} generated images in one set: a Market-1501 name has six digits for the frame")
    return str(Name(pid, camid, 1, number, 0))


def _list_folder(folder: Path, split: str) -> pd.DataFrame:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: folder not found; dataset.root must hold {', '.join(FOLDERS.values())}")
    rows = [_row(path, split) for path in sorted(folder.iterdir()) if path.name not in IGNORED]
    if not rows:
        raise ValueError(f"{folder}: no image in it")
    return pd.DataFrame(rows)


def _row(path: Path, split: str) -> dict[str, object]:
    tidy = re.sub(r"(\.jpg)+$", ".jpg", path.name)
    try:
        name = parse_name(tidy)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return {"name": tidy, "file": str(path), "pid": name.pid, "camid": name.camid, "split": split}


def _read_annotations(files: Iterable[Path], names: set[str], root: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for file in files:
        rows = {re.sub(r"(\.jpg)+$", ".jpg", name): points for name, points in keypoint_files.read(file, SIZE).items()}
        if strangers := [name for name in rows if name not in names]:
            raise ValueError(
                f"{file}: {len(strangers)} of {len(rows)} names match no image under {root}, such as {strangers[0]!r}"
            )
        if again := [name for name in rows if name in found]:
            raise ValueError(f"{file}: {again[0]} has a row in another keypoint file already")
        found |= rows
    return found


def _first_identities(rows: pd.DataFrame, max_ids: tuple[int, int]) -> pd.DataFrame:
    is_train = rows["split"] == "train"
    people = rows["pid"] > DISTRACTOR
    kept = [
        np.unique(rows.loc[part & people, "pid"])[:limit]
        for part, limit in ((is_train, max_ids[0]), (rows["split"] == "query", max_ids[1]))
    ]
    keep = (is_train & rows["pid"].isin(kept[0])) | (~is_train & rows["pid"].isin(kept[1]))
    return rows[keep].reset_index(drop=True)


def _check_image(file: str) -> bytes:
    """Decode a file whole, as a reader that meets a broken one later may wait for ever; the digest of its bytes."""
    data = Path(file).read_bytes()
    try:
        with Image.open(file) as image:
            image.load()
            kind, size = image.format, (image.height, image.width)
    except OSError as error:
        raise ValueError(f"{file}: cannot be decoded ({error})") from error
    if kind != "JPEG":
        raise ValueError(f"{file}: a {kind} file by its content, not a JPEG")
    if size != SIZE:
        raise ValueError(f"{file}: {size[0]} high and {size[1]} wide; Market-1501 images are {SIZE[0]} by {SIZE[1]}")
    return hashlib.blake2b(data, digest_size=16).digest()
