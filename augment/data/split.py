"""Training and test identities, and queries, of a data set that does not define them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from augment.data.numbers import natural
from augment.data.params import SplitParams


def draw(rows: pd.DataFrame, params: SplitParams) -> tuple[pd.DataFrame, str]:
    """The rows with `split` filled, and a sentence that describes the split.

    A seeded share of the identities becomes the test set; some of its images become queries
    (`query_places`). An identity that cannot be found again stays in training: one with a single
    image or, where cameras are known, with a single camera.

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
            f"none of {len(identities):,} identities has {need}: no identity can be found again in a test"
        )
    if len(test) == len(identities):
        raise ValueError(
            f"{len(identities)} identities, all of them for the test: dataset.split.test_identities leaves none"
        )
    splits = pd.Series("train", index=rows.index, dtype=object)
    splits[rows["identity"].isin(test)] = "gallery"
    filled = with_queries(rows.assign(split=splits), rng)
    note = f"drawn: {len(test):,} of {len(identities):,} identities are for the test"
    if len(test) < wanted:
        note += f", not the wanted {wanted:,}, since only these have {need}"
    return filled, note


def with_queries(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The rows, with some gallery images turned into queries."""
    splits = rows["split"].copy()
    gallery = rows[rows["split"] == "gallery"].sort_values("file")
    for _, own in sorted(gallery.groupby("identity"), key=lambda group: natural(str(group[0]))):
        splits[own.index[query_places(list(own["camera"]), rng)]] = "query"
    return rows.assign(split=splits)


def query_places(cameras: Sequence[str], rng: np.random.Generator) -> list[int]:
    """Places of the queries among one identity's images.

    One image per camera, as long as each query keeps a match from another camera. If all images
    come from one camera, or cameras are unknown, one image is a query if another remains.
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
    # If only one camera keeps an image, its own query would have no cross-camera match.
    return [place for camera, place in picked.items() if staying != [camera]]
