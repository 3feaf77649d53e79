"""VIPeR: pairs of images of one person, one from each of two cameras.

    cam_a/000_45.bmp  cam_b/000_90.bmp     identity, then the angle

A seeded share of the persons is for training (dataset.split; half of them is usual); for the
others, queries come from camera a and the gallery from camera b.
"""

from pathlib import Path

import numpy as np

from augment.data.listing import Listing, find, frame, refuse, unread
from augment.data.numbers import natural
from augment.data.params import DatasetParams

CAMERAS = {"cam_a": "a", "cam_b": "b"}


def list_images(root: Path, settings: DatasetParams) -> Listing:
    assert settings.split is not None  # DatasetParams sees to it
    rows, problems, notes = [], [], []
    for folder, camera in CAMERAS.items():
        found = find(root, folder)
        problems += found.problems
        notes += [f"{folder}: {note}" for note in unread(found)]
        for file in found.files:
            identity, _, rest = Path(file).name.partition("_")
            if identity and rest:
                rows.append((file, identity, camera, "", ""))
            else:
                problems.append(
                    f"{root / file}: the name does not begin with identity and angle, as 000_45"
                )
    refuse(problems)
    listed = frame(rows)
    in_both = [str(one) for one, own in listed.groupby("identity") if own["camera"].nunique() == 2]
    if len(in_both) < 2:
        raise ValueError(
            f"{root}: {len(in_both)} persons are in both cam_a and cam_b; a test and a training need two at least"
        )
    order = np.random.default_rng(settings.split.seed).permutation(
        np.array(sorted(in_both, key=natural), object)
    )
    number = min(max(1, round(settings.split.test_identities * len(order))), len(order) - 1)
    test = set(order[:number])
    asked = {"a": "query", "b": "gallery"}
    pairs = zip(listed["identity"], listed["camera"], strict=True)
    splits = [asked[camera] if one in test else "train" for one, camera in pairs]
    notes.append(
        f"drawn: {number:,} of {len(order):,} pairs are for the test, with queries from cam_a and the gallery from cam_b"
    )
    if single := listed["identity"].nunique() - len(in_both):
        notes.append(f"{single:,} persons are in one camera alone, and for training")
    return Listing(root, listed.assign(split=splits), notes=tuple(notes))
