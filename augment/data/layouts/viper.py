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
    assert settings.split is not None  # DatasetParams checks this
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
                    f"{root / file}: the name does not begin with identity and angle, e.g. 000_45"
                )
    refuse(problems)
    images = frame(rows)
    cameras = images.groupby("identity")["camera"].nunique()
    in_both = [str(identity) for identity, number in cameras.items() if number == 2]
    if len(in_both) < 2:
        raise ValueError(
            f"{root}: {len(in_both)} persons are in both cam_a and cam_b; training and test need at least two"
        )
    order = np.random.default_rng(settings.split.seed).permutation(
        np.array(sorted(in_both, key=natural), object)
    )
    number = min(max(1, round(settings.split.test_identities * len(order))), len(order) - 1)
    test = set(order[:number])
    test_split = {"a": "query", "b": "gallery"}
    pairs = zip(images["identity"], images["camera"], strict=True)
    splits = [test_split[camera] if identity in test else "train" for identity, camera in pairs]
    notes.append(
        f"drawn: {number:,} of {len(order):,} pairs are for the test, with queries from cam_a and the gallery from cam_b"
    )
    if single := images["identity"].nunique() - len(in_both):
        notes.append(f"{single:,} persons appear in only one camera and are for training")
    return Listing(root, images.assign(split=splits), notes=tuple(notes))
