"""The images that `generate` renders.

`transfer` plans them for trained generators, `puppets` for puppets and recomposed images.
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
    """A generated image for each removed one; in an extended set, one or two for each real one.

    rows: index rows of the images to render
    counts: numbers of sources, targets or scenes that were not usable
    drawn_by: generator whose package draws the images
    made_by: plain values that the images depend on in addition to the rows; images with other
        values are rendered afresh
    trained_on: training set of the generator, from its file; None if it needs no training
    renderer: (missing rows, device) -> function that renders them
    """

    rows: pd.DataFrame
    counts: dict[str, int]
    drawn_by: str
    made_by: dict[str, Any]
    trained_on: dict[str, Any] | None
    renderer: Callable[[pd.DataFrame, Any], Render]


class Sources:
    """Draws the source of an image: a random image of the same identity in the reduced set.

    A source without a usable pose is drawn only if the identity has no other; `without_torso`
    counts these. In an extended set, the image itself is drawn only if the identity has no other
    image as usable.

    Args:
        kept: index rows of the reduced set.
        usable: whether each has a usable pose, bool [N].
    """

    def __init__(self, kept: pd.DataFrame, usable: np.ndarray):
        self.rows = {pid: np.flatnonzero(kept["pid"] == pid) for pid in kept["pid"].unique()}
        self.row_of = {path: row for row, path in enumerate(kept["path"])}
        self.usable = usable
        self.without_torso = 0

    def draw(self, rng: np.random.Generator, pid: int, path: str) -> int:
        """Row of a source for the image `path` of identity `pid`."""
        same_identity = self.rows[pid]
        usable = same_identity[self.usable[same_identity]]
        self.without_torso += not len(usable)
        pool = usable if len(usable) else same_identity
        others = pool[pool != self.row_of.get(path, -1)]
        return int(rng.choice(others if len(others) else pool))


def requests(kept: pd.DataFrame, removed: pd.DataFrame, ratio: int) -> pd.DataFrame:
    """The real images that get a generated one each: the removed ones.

    At ratio 2 and 3 these are all images, once and twice. The draws for x2 come first in x3, which
    therefore contains x2.
    """
    return removed if ratio == 1 else pd.concat([kept] * (ratio - 1), ignore_index=True)


def row(
    number: int, pid: int, camid: int, source: str, target: str, scene: str, generator: str
) -> list[Any]:
    """The index row of the `number`-th image of a set."""
    name = market1501.unused_name(pid, camid, number)
    return [f"{FOLDER}/{name}", pid, camid, "train", source, target, scene, generator]


def frame(rows: list[list[Any]]) -> pd.DataFrame:
    """Index rows as a table."""
    return pd.DataFrame(rows, columns=pd.Index(index.COLUMNS))
