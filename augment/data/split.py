"""Training and test identities, and queries, of a data set that does not define them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from augment.data.numbers import natural
from augment.data.params import SplitParams


def draw(rows: pd.DataFrame, params: SplitParams) -> tuple[pd.DataFrame, str]:
    """Fill the column `split`.

    A seeded share of the identities becomes the test set; some of its images become queries
    (`query_places`). An identity that could not be retrieved stays in training: one with a single
    image or, if cameras are known, with a single camera.

    Args:
        rows: columns identity and camera, str; an unknown camera is empty. Their order does not
            affect the result.

    Returns:
        The rows, and a sentence that describes the split.

    Raises:
        ValueError: If no identity can be in the test set, or none is left for training.
    """
    rng = np.random.default_rng(params.seed)
    known = rows["camera"].nunique() > 1
    groups = rows.groupby("identity")
    identities = sorted(map(str, groups.groups), key=natural)
    seen_again = groups["camera"].nunique() > 1 if known else groups.size() > 1
    shuffled = rng.permutation(np.array(identities, object))
    eligible = [identity for identity in shuffled if seen_again[identity]]
    number = max(1, round(params.test_identities * len(identities)))
    test = set(eligible[:number])
    need = "images of two cameras" if known else "two images"
    if not test:
        raise ValueError(
            f"none of {len(identities):,} identities has {need}: no identity can be retrieved in a test"
        )
    if len(test) == len(identities):
        raise ValueError(
            f"{len(identities)} identities, all of them for the test: dataset.split.test_identities leaves none for training"
        )
    splits = pd.Series("train", index=rows.index, dtype=object)
    splits[rows["identity"].isin(test)] = "gallery"
    filled = with_queries(rows.assign(split=splits), rng)
    note = f"drawn: {len(test):,} of {len(identities):,} identities are for the test"
    if len(test) < number:
        note += f" instead of {number:,}, because only these have {need}"
    return filled, note


def with_queries(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Turn some gallery images into queries."""
    splits = rows["split"].copy()
    gallery = rows[rows["split"] == "gallery"].sort_values("file")
    for _, images in sorted(gallery.groupby("identity"), key=lambda group: natural(str(group[0]))):
        splits[images.index[query_places(list(images["camera"]), rng)]] = "query"
    return rows.assign(split=splits)


def query_places(cameras: Sequence[str], rng: np.random.Generator) -> list[int]:
    """Choose queries among one identity's images.

    One image per camera becomes a query, as long as each query keeps a match from another camera.
    If all images come from one camera, or cameras are unknown, one image is a query if another
    remains.

    Returns:
        Indices of the queries.
    """
    of_camera: dict[str, list[int]] = {}
    for place, camera in enumerate(cameras):
        of_camera.setdefault(camera, []).append(place)
    picked = {camera: int(rng.choice(places)) for camera, places in of_camera.items()}
    if len(of_camera) == 1:
        return list(picked.values()) if len(cameras) > 1 else []
    staying = [camera for camera, places in of_camera.items() if len(places) > 1]
    if not staying:
        return [picked[list(picked)[int(rng.integers(len(picked)))]]]
    # If only one camera keeps an image, its own query would have no cross-camera match.
    return [place for camera, place in picked.items() if staying != [camera]]
