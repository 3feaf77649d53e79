"""Who is for training and who for the test, and which images ask, where a data set does not say
so.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from augment.data.numbers import natural
from augment.data.params import SplitParams


def draw(rows: pd.DataFrame, params: SplitParams) -> tuple[pd.DataFrame, str]:
    """The rows with `split` filled, and a sentence on it.

    A seeded share of the identities is the test set, of which some images ask (`asks`). An identity
    that could not be
    found again is for training: one with a single image, or with a single camera where cameras are
        known.

    Args:
        rows: columns identity and camera, str; an unknown camera is empty. Their order has no part
            in the outcome.

    Raises:
        ValueError: no identity can be for the test, or none is left for training.
    """
    rng = np.random.default_rng(params.seed)
    known = rows["camera"].nunique() > 1
    groups = rows.groupby("identity")
    identities = sorted(map(str, groups.groups), key=natural)
    seen_again = groups["camera"].nunique() > 1 if known else groups.size() > 1
    eligible = [one for one in rng.permutation(np.array(identities, object)) if seen_again[one]]
    wanted = max(1, round(params.test_identities * len(identities)))
    test = set(eligible[:wanted])
    need = "images of two cameras" if known else "two images"
    if not test:
        raise ValueError(
            f"none of {len(identities):,} identities has {need}: nobody can be found again in a test"
        )
    if len(test) == len(identities):
        raise ValueError(
            f"{len(identities)} identities, all of them for the test: dataset.split.test_identities leaves none"
        )
    splits = pd.Series("train", index=rows.index, dtype=object)
    splits[rows["identity"].isin(test)] = "gallery"
    filled = ask(rows.assign(split=splits), rng)
    note = f"drawn: {len(test):,} of {len(identities):,} identities are for the test"
    if len(test) < wanted:
        note += f", not the wanted {wanted:,}, since only these have {need}"
    return filled, note


def ask(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The rows with some of the gallery made queries."""
    splits = rows["split"].copy()
    gallery = rows[rows["split"] == "gallery"].sort_values("file")
    for _, own in sorted(gallery.groupby("identity"), key=lambda group: natural(str(group[0]))):
        splits[own.index[asks(list(own["camera"]), rng)]] = "query"
    return rows.assign(split=splits)


def asks(cameras: Sequence[str], rng: np.random.Generator) -> list[int]:
    """Which images of one identity ask: one of each camera, as far as each then finds an image of
    another camera.

    Where all are of one camera, or of none that is known, one image asks if there is another.
    """
    of_camera = {
        camera: [place for place, one in enumerate(cameras) if one == camera]
        for camera in dict.fromkeys(cameras)
    }
    picked = {camera: int(rng.choice(places)) for camera, places in of_camera.items()}
    if len(of_camera) == 1:
        return list(picked.values()) if len(cameras) > 1 else []
    staying = [camera for camera, places in of_camera.items() if len(places) > 1]
    if not staying:
        return [picked[list(picked)[int(rng.integers(len(picked)))]]]
    # If one camera alone keeps an image, nobody else could be found by its own query.
    return [place for camera, place in picked.items() if staying != [camera]]
