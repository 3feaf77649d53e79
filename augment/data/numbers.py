"""Numbers identities and cameras: pids, camids and names in data/prepared."""

import re

import numpy as np
import pandas as pd

from augment.data.listing import Listing
from augment.prepared import market1501
from augment.prepared.market1501 import Name, parse_name

# Columns of names.csv: an image in data/prepared, its original name, and its original size in px.
CHANGED = ["path", "file", "identity", "camera", "height", "width"]


def number(listing: Listing) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Number the identities and cameras of a listing.

    If the layout has Market-1501 names, these give pid and camera. Otherwise identities are
    numbered from 1 and cameras from 0 in natural order (9 before 10), unless they are numbers that
    may be kept. An image's name then consists of both, sequence 1, a running number within its
    identity and box 01.

    Returns:
        Rows with file, identity, camera, name, pid, camid and split, sorted by split and name; and
        notes to print.

    Raises:
        ValueError: If two images would have one name, or there are too many cameras or images of
            an identity for a name.
    """
    rows = listing.rows.reset_index(drop=True)
    if (rows["name"] != "").all():
        parsed = [parse_name(name) for name in rows["name"]]
        rows = rows.assign(pid=[name.pid for name in parsed], camid=[name.camid for name in parsed])
        notes: tuple[str, ...] = ()
    else:
        pids, kept = _pids(rows["identity"], listing.keep_numbers)
        rows = rows.assign(pid=pids, camid=_camids(rows["camera"], listing.keep_numbers))
        rows = rows.assign(name=_names(rows))
        notes = (
            ("identities keep their numbers",)
            if kept
            else (
                f"{rows['identity'].nunique():,} identities are renumbered from 1; names.csv has the original ones",
            )
        )
    if len(twice := rows.index[rows["name"].duplicated()]):
        raise ValueError(
            f"{listing.root / str(rows.at[twice[0], 'file'])}: another image has the name {rows.at[twice[0], 'name']}, too"
        )
    order = pd.Categorical(rows["split"], ["train", "query", "gallery"])
    return rows.assign(order=order).sort_values(["order", "name"], ignore_index=True).drop(
        columns="order"
    ), notes


def first_identities(rows: pd.DataFrame, max_ids: tuple[int, int]) -> pd.DataFrame:
    """The first k identities of the training and test splits, without junk and distractors."""
    is_train = rows["split"] == "train"
    people = rows["pid"] > market1501.DISTRACTOR
    kept = [
        np.unique(rows.loc[part & people, "pid"])[:limit]
        for part, limit in ((is_train, max_ids[0]), (rows["split"] == "query", max_ids[1]))
    ]
    keep = (is_train & rows["pid"].isin(kept[0])) | (~is_train & rows["pid"].isin(kept[1]))
    return rows[keep].reset_index(drop=True)


def natural(text: str) -> tuple:
    """Sort key that puts a9 before a10; different texts have different keys."""
    parts = [part for part in re.split(r"([0-9]+)", text) if part]
    return tuple(
        (0, int(part[:300]), "") if part[0] in "0123456789" else (1, 0, part) for part in parts
    ), text


def _pids(identities: pd.Series, keep: bool) -> tuple[list[int], bool]:
    distinct = sorted(identities.unique(), key=natural)
    if keep and all(re.fullmatch(r"-1|[0-9]{1,9}", identity) for identity in distinct):
        return [int(identity) for identity in identities], True
    numbers = {identity: number for number, identity in enumerate(distinct, start=1)}
    return [numbers[identity] for identity in identities], False


def _camids(cameras: pd.Series, keep: bool) -> list[int]:
    known = sorted(cameras.unique(), key=natural)
    if keep and all(re.fullmatch(r"[1-9][0-9]{0,8}", camera) for camera in known):
        numbers = {camera: int(camera) - 1 for camera in known}
    else:
        numbers = {camera: number for number, camera in enumerate(known)}
    if max(numbers.values(), default=0) >= market1501.MAX_CAMERAS:
        raise ValueError(
            f"{len(known)} cameras, up to {known[-1]!r}: names hold numbers up to {market1501.MAX_CAMERAS}; does the camera "
            "group or column of dataset.folder really hold the camera?"
        )
    return [numbers[camera] for camera in cameras]


def _names(rows: pd.DataFrame) -> list[str]:
    running = rows.groupby("pid").cumcount() + 1
    if running.max() > market1501.MAX_FRAME:
        raise ValueError(
            f"identity {rows['identity'].iloc[int(running.argmax())]!r} has more than {market1501.MAX_FRAME:,} images"
        )
    return [
        str(Name(*parts, 1))
        for parts in zip(rows["pid"], rows["camid"], np.ones(len(rows), int), running, strict=True)
    ]
