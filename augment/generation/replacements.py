"""What `generate` is given: which images to render, and how. `transfer` makes it for trained
generators, `puppets` for puppets and for recomposed images.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from augment.prepared import index, market1501

FOLDER = market1501.FOLDERS["train"]

# Index rows -> their images, uint8 [N, H, W, 3].
Render = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True)
class Replacements:
    """One image for every one that is wanted: for each removed one, or in an extended set for each
    real one, once or twice.

    rows: index rows of the images to render
    counts: of what had to be done without
    drawn_by: the generator whose package draws the pictures
    made_by: plain values that the pictures follow from besides the rows; images of others are
        rendered afresh
    trained_on: what the generator has seen, as in its file; None where it needs no training
    renderer: (missing rows, device) -> what renders them
    """

    rows: pd.DataFrame
    counts: dict[str, int]
    drawn_by: str
    made_by: dict[str, Any]
    trained_on: dict[str, Any] | None
    renderer: Callable[[pd.DataFrame, Any], Render]


class Sources:
    """The random source of an image: one of the same identity in the reduced set.

    One without a usable pose is taken only where the identity has no other; `without_torso` counts
    how often. The image itself, where an extended set has one beside it, is taken only where the
    identity has no other such image.
    """

    def __init__(self, kept: pd.DataFrame, usable: np.ndarray):
        self.rows = {pid: np.flatnonzero(kept["pid"] == pid) for pid in kept["pid"].unique()}
        self.places = {path: number for number, path in enumerate(kept["path"])}
        self.usable = usable
        self.without_torso = 0

    def draw(self, rng: np.random.Generator, pid: int, path: str) -> int:
        """Row of a source for the image `path` of identity `pid`."""
        own = self.rows[pid]
        good = own[self.usable[own]]
        self.without_torso += not len(good)
        pool = good if len(good) else own
        others = pool[pool != self.places.get(path, -1)]
        return int(rng.choice(others if len(others) else pool))


def wanted(kept: pd.DataFrame, removed: pd.DataFrame, ratio: int) -> pd.DataFrame:
    """The real images that get a generated one each: the removed ones; or for a ratio of 2 or 3
    all, once or twice over.

    What is drawn for x2 comes first in x3, which so contains it.
    """
    return removed if ratio == 1 else pd.concat([kept] * (ratio - 1), ignore_index=True)


def row(
    number: int, pid: int, camid: int, source: str, target: str, scene: str, generator: str
) -> list[Any]:
    """The index row of the `number`-th image of a set."""
    name = market1501.unused_name(pid, camid, number)
    return [f"{FOLDER}/{name}", pid, camid, "train", source, target, scene, generator]


def frame(rows: list[list[Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=index.COLUMNS)
