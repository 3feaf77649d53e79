"""What prepare prints about a data set: a table of counts, notes, and what it can be used for."""

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


def counts(rows: pd.DataFrame, joints: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """One row of counts per split.

    The columns are images, identities, cameras, junk, distractors; then images by their keypoints:
    with_pose (at least one joint), all_18, no_joint (a row without any), no_row, and no_torso (a
    hip or shoulder is missing, or all joints).

    Args:
        rows: name, pid, camid, split.
        joints: name -> keypoints [18, 2] as (y, x), -1 missing.
    """
    kinds = []
    for split in FOLDERS:
        images = rows[rows["split"] == split]
        seen = keypoints.of_images(joints, images["name"])[:, :, 0] >= 0
        has_row = images["name"].isin(joints.keys()).to_numpy(bool)
        kinds.append(
            {
                "split": split,
                "images": len(images),
                "identities": images.loc[images["pid"] > DISTRACTOR, "pid"].nunique(),
                "cameras": images["camid"].nunique(),
                "junk": int((images["pid"] == JUNK).sum()),
                "distractors": int((images["pid"] == DISTRACTOR).sum()),
                "with_pose": int(seen.any(1).sum()),
                "all_18": int(seen.all(1).sum()),
                "no_joint": int((has_row & ~seen.any(1)).sum()),
                "no_row": int((~has_row).sum()),
                "no_torso": int((~seen[:, list(TORSO)].all(1)).sum()),
            }
        )
    return pd.DataFrame(kinds)


def people(rows: pd.DataFrame, joints: Mapping[str, np.ndarray]) -> list[str]:
    """Sentences on training identities and pairs."""
    train = rows[rows["split"] == "train"]
    single = int((train["pid"].value_counts() == 1).sum())
    lines = (
        [f"{single:,} of {train['pid'].nunique():,} training identities have one image"]
        if single
        else []
    )
    if joints:
        points = torch.from_numpy(keypoints.of_images(joints, train["name"]))
        lines.append(
            f"{len(training_pairs(train['pid'].to_numpy(), points)):,} training pairs; {int((~has_torso(points)).sum()):,} of "
            f"{len(train):,} training images lack a hip or shoulder and are in no pair"
        )
    return lines


def equal(groups: list[list[str]]) -> list[str]:
    shown = [f"  equal: {', '.join(group)}" for group in groups[:EQUAL_SHOWN]]
    more = [f"  and {len(groups) - EQUAL_SHOWN:,} more groups"] if len(groups) > EQUAL_SHOWN else []
    return [f"{len(groups):,} groups of images have equal bytes", *shown, *more]


def lacking(cameras_known: bool, has_keypoints: bool, has_parsing: bool) -> list[str]:
    """What cannot be done with the data set, and how to enable it."""
    lines = []
    if not cameras_known:
        lines.append(CAMERAS_UNKNOWN)
    if not has_keypoints:
        lines.append(
            "no keypoints: re-ID models can be trained, but no images generated; `augment annotate FOLDER --output "
            "annotations.csv` estimates them; then add the file to dataset.annotations"
        )
    if not has_parsing:
        lines.append(
            "no parsing maps: generators that need them draw coarse ones (`parsing: from_keypoints`)"
        )
    return lines
