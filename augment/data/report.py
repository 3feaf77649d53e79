"""What prepare says of a data set: a table of counts, what was met, and what can be done with
it.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from augment.prepared import CAMERAS_UNKNOWN, keypoints
from augment.prepared.market1501 import DISTRACTOR, FOLDERS, JUNK
from generators.body.pose import has_torso
from generators.body.skeleton import TORSO
from generators.training.pairs import training_pairs

EQUAL_SHOWN = 5


def counts(rows: pd.DataFrame, found: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """A row per split.

    images, identities, cameras, junk, distractors; then images by their keypoints: with_pose (a
    joint at least), all_18, no_joint (a row without one), no_row, and no_torso (a hip or shoulder
    is missing, or all).

    Args:
        rows: name, pid, camid, split.
        found: name -> keypoints [18, 2] as (y, x), -1 missing.
    """
    kinds = []
    for split in FOLDERS:
        own = rows[rows["split"] == split]
        seen = keypoints.of_images(found, own["name"])[:, :, 0] >= 0
        has_row = own["name"].isin(found.keys()).to_numpy(bool)
        kinds.append(
            {
                "split": split,
                "images": len(own),
                "identities": own.loc[own["pid"] > DISTRACTOR, "pid"].nunique(),
                "cameras": own["camid"].nunique(),
                "junk": int((own["pid"] == JUNK).sum()),
                "distractors": int((own["pid"] == DISTRACTOR).sum()),
                "with_pose": int(seen.any(1).sum()),
                "all_18": int(seen.all(1).sum()),
                "no_joint": int((has_row & ~seen.any(1)).sum()),
                "no_row": int((~has_row).sum()),
                "no_torso": int((~seen[:, list(TORSO)].all(1)).sum()),
            }
        )
    return pd.DataFrame(kinds)


def people(rows: pd.DataFrame, found: Mapping[str, np.ndarray]) -> list[str]:
    """Sentences on training identities and pairs."""
    train = rows[rows["split"] == "train"]
    single = int((train["pid"].value_counts() == 1).sum())
    lines = (
        [f"{single:,} of {train['pid'].nunique():,} training identities have one image"]
        if single
        else []
    )
    if found:
        points = torch.from_numpy(keypoints.of_images(found, train["name"]))
        lines.append(
            f"{len(training_pairs(train['pid'].to_numpy(), points)):,} training pairs; {int((~has_torso(points)).sum()):,} of "
            f"{len(train):,} training images lack a hip or shoulder and are in none"
        )
    return lines


def equal(groups: list[list[str]]) -> list[str]:
    shown = [f"  equal: {', '.join(group)}" for group in groups[:EQUAL_SHOWN]]
    more = [f"  and {len(groups) - EQUAL_SHOWN:,} more groups"] if len(groups) > EQUAL_SHOWN else []
    return [f"{len(groups):,} groups of images have equal bytes", *shown, *more]


def lacking(cameras_known: bool, has_keypoints: bool, has_parsing: bool) -> list[str]:
    """What cannot be done with the data set, and the way to it."""
    lines = []
    if not cameras_known:
        lines.append(CAMERAS_UNKNOWN)
    if not has_keypoints:
        lines.append(
            "no keypoints: re-ID models can be trained, and nothing generated; `augment annotate FOLDER --output "
            "annotations.csv` estimates them, and the file goes into dataset.annotations"
        )
    if not has_parsing:
        lines.append(
            "no parsing maps: generators that need them draw coarse ones (`parsing: from_keypoints`)"
        )
    return lines
