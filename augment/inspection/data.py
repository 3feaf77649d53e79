"""Contents of a data set, prepared or not."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from augment import data, paths, prepared
from augment.data import numbers, report
from augment.data.listing import Listing
from augment.data.params import MINI_MARKET, DatasetParams
from augment.images import untrusted
from augment.prepared import index, keypoints, parsing
from generators.body.skeleton import TORSO

LOOKED_AT = 500  # images whose headers are read before prepare
SIZES_SHOWN = 3
PROBLEMS_SHOWN = 5


@dataclass(frozen=True)
class Contents:
    """Contents of a data set.

    lines: lines to print
    joints, torsos, pairs: numbers of training images with a joint, of those with hips and
        shoulders, and of ordered pairs of the latter
    parsing: whether it has parsing maps
    missing: keypoint files of params.yaml that do not exist
    """

    lines: list[str]
    joints: int = 0
    torsos: int = 0
    pairs: int = 0
    parsing: bool = False
    missing: tuple[str, ...] = ()


def size(of: tuple[int, int]) -> str:
    return f"{of[0]} x {of[1]} px"


def of_prepared(settings: DatasetParams) -> Contents:
    """Contents of data/prepared.

    Raises:
        FileNotFoundError, ValueError: As index.read and keypoints.read.
    """
    rows, about, joints = (
        index.read(paths.PREPARED / "index.csv"),
        prepared.about(),
        prepared.joints(),
    )
    rows = rows.assign(name=[Path(path).name for path in rows["path"]])
    train = rows[rows["split"] == "train"]
    seen = keypoints.of_images(joints, train["name"])[:, :, 0] >= 0
    torso = np.asarray(seen[:, list(TORSO)].all(1))
    per_person = train.loc[torso, "pid"].value_counts().to_numpy()
    pairs = int((per_person * (per_person - 1)).sum())
    has_parsing = (paths.PREPARED / parsing.FOLDER).is_dir()
    lines = [
        f"data set     {about.name}{f', {settings.root}' if settings.root else ''} in {paths.PREPARED}",
        *_table(rows, joints),
        f"images       {size(about.image_size)} (height x width)",
        f"identities   {_single(rows)}",
        f"cameras      {'known' if about.cameras_known else prepared.CAMERAS_UNKNOWN.removeprefix('cameras are ')}",
        f"keypoints    of {seen.any(1).sum():,} of {len(train):,} training images, {torso.sum():,} of them with a torso; "
        f"{pairs:,} training pairs"
        if joints
        else "keypoints    none",
        f"parsing      {'maps of all images' if has_parsing else 'none'}",
    ]
    return Contents(lines, int(seen.any(1).sum()), int(torso.sum()), pairs, has_parsing)


def to_prepare(settings: DatasetParams) -> Contents:
    """Contents of the data set that prepare would read; the headers of some images are read.

    Raises:
        FileNotFoundError, ValueError: As augment.data.read.
    """
    if settings.name == MINI_MARKET:
        market = settings.mini_market
        assert market is not None  # DatasetParams checks this
        people = f"{market.train_ids} identities for training, {market.test_ids} for the test"
        return Contents(
            [f"data set     {settings.name}, rendered: {people}; with keypoints and parsing maps"]
        )
    listing = data.read(settings)
    rows, notes = numbers.number(listing)
    files = settings.annotations or ()
    missing = tuple(file for file in files if not Path(file).exists())
    known = rows.loc[rows["split"] != "train", "camid"].nunique() > 1
    lines = [
        f"data set     {settings.name}, {settings.root}",
        *_table(rows, {}),
        *_headers(listing, settings.image_size),
        f"identities   {_single(rows)}",
        f"cameras      {'known' if known else prepared.CAMERAS_UNKNOWN.removeprefix('cameras are ')}",
        f"keypoints    {', '.join(files) if files else 'none (dataset.annotations)'}",
        *(f"missing      {file}: not found (dataset.annotations)" for file in missing),
        f"parsing      {settings.parsing.root if settings.parsing else 'none (dataset.parsing)'}",
        *(f"note         {note}" for note in (*listing.notes, *notes)),
    ]
    return Contents(lines, missing=missing)


def _table(rows: pd.DataFrame, joints: dict[str, np.ndarray]) -> list[str]:
    counts = report.counts(rows, joints)[
        ["split", "images", "identities", "cameras", "junk", "distractors"]
    ]
    counts = counts.drop(
        columns=[name for name in ("junk", "distractors") if not counts[name].any()]
    )
    return counts.to_string(index=False).splitlines()


def _single(rows: pd.DataFrame) -> str:
    train = rows.loc[rows["split"] == "train", "pid"].value_counts()
    return f"{int((train == 1).sum()):,} of {len(train):,} training identities have one image"


def _headers(listing: Listing, image_size: tuple[int, int]) -> list[str]:
    places = (
        np.linspace(0, len(listing.rows) - 1, min(LOOKED_AT, len(listing.rows))).round().astype(int)
    )
    sizes: Counter[tuple[int, int]] = Counter()
    problems = []
    for file in listing.rows["file"].iloc[places]:
        try:
            sizes[untrusted.check(listing.root / file, listing.formats).size] += 1
        except (ValueError, FileNotFoundError) as error:
            problems.append(f"refused      {error}")
    most = sizes.most_common(SIZES_SHOWN)
    shown = ", ".join(f"{size(px)} ({count:,})" for px, count in most)
    more = f" and {len(sizes) - SIZES_SHOWN:,} other sizes" if len(sizes) > SIZES_SHOWN else ""
    looked = f", of {len(places):,} checked" if len(places) < len(listing.rows) else ""
    if (number := len(problems) - PROBLEMS_SHOWN) > 0:
        problems = [*problems[:PROBLEMS_SHOWN], f"refused      {number:,} more"]
    return [
        f"images       {shown}{more}{looked}; resized to {size(image_size)} (height x width)",
        *problems,
    ]
