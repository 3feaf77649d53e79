"""Held-out pairs: (source, target) of identities that no generator was trained on.

They are all ordered pairs of two images of one test identity, both with visible shoulders and hips:
the papers' rule for training pairs. On Market-1501, images come from the folder bounding_box_test
alone, as in the papers, and the profile market1501 sets the papers' number of 12,000; on other data
sets, queries are included. Junk and distractors belong to no identity.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from augment import paths, prepared
from augment.prepared import index, keypoints, parsing
from generators.body.pose import rescale
from generators.training.pairs import ImageSet, decode, training_pairs

MARKET = "market1501"


@dataclass(frozen=True)
class HeldOut:
    """Held-out pairs and their images.

    rows: index rows [N], `path` relative to data/prepared
    keypoints: float32 [N, 18, 2] at prepared.size()
    pairs: int64 [P, 2], rows of (source, target), in random order
    """

    rows: pd.DataFrame
    keypoints: Tensor
    pairs: Tensor

    @property
    def pids(self) -> np.ndarray:
        """int64 [P]: the identity of each pair."""
        return self.owners(self.pairs[:, 0])

    def owners(self, rows: Tensor) -> np.ndarray:
        """int64 [K]: the identities of the images `rows`."""
        return self.rows["pid"].to_numpy()[rows.numpy()]

    def chosen(self, numbers: Tensor) -> "HeldOut":
        """The pairs with these numbers, int64 [n], in that order, and their images."""
        used, pairs = torch.unique(self.pairs[numbers], return_inverse=True)
        return HeldOut(
            self.rows.iloc[used.numpy()].reset_index(drop=True), self.keypoints[used], pairs
        )

    def frame(self) -> pd.DataFrame:
        """A row per pair: source, target (paths relative to data/prepared), pid."""
        names = self.rows["path"].to_numpy()
        source, target = (names[column.numpy()] for column in self.pairs.T)
        return pd.DataFrame({"source": source, "target": target, "pid": self.pids})

    def images(self, size: tuple[int, int], parsing_kind: str | None = None) -> ImageSet:
        """The images at `size` with their keypoints.

        Args:
            parsing_kind: kind of parsing maps, `files` or `from_keypoints`; None for no maps.
        """
        points, names = rescale(self.keypoints, prepared.size(), size), list(self.rows["path"])
        labels = (
            None if parsing_kind is None else parsing.of_kind(parsing_kind, names, points, size)
        )
        return ImageSet(decode([paths.PREPARED / name for name in names], size), points, labels)


def held_out(dataset: str, number: int | None, seed: int) -> HeldOut:
    """A random sample of `number` held-out pairs.

    For None, or a number above that of all pairs, these are all pairs in random order.

    Raises:
        FileNotFoundError: If the data set is not prepared.
        ValueError: If the data set has no held-out pairs.
    """
    file = paths.PREPARED / "index.csv"
    rows = index.read(file)
    splits = ("gallery",) if dataset == MARKET else ("query", "gallery")
    rows = rows[rows["split"].isin(splits)].reset_index(drop=True)
    points = torch.from_numpy(keypoints.of_images(prepared.joints(), rows["path"]))
    pairs = training_pairs(rows["pid"].to_numpy(), points)
    if not len(pairs):
        raise ValueError(
            f"{file}: no held-out pairs: no identity of split {' or '.join(splits)} has two images with both hips and "
            f"shoulders in {paths.PREPARED / 'keypoints.csv'}"
        )
    order = np.random.default_rng(seed).permutation(len(pairs))
    return HeldOut(rows, points, pairs).chosen(torch.from_numpy(order[:number]))


def several_of_one(held: HeldOut, sources: int, poses: int, seed: int) -> Tensor:
    """Pairs int64 [M, 2] for measuring diversity.

    They are random sources, each with several other images of its person. Sources are drawn from
    the held-out images whose person has at least two more.
    """
    rng = np.random.default_rng(seed)
    same = held.rows.groupby("pid").indices
    pids = held.rows["pid"].to_numpy()
    eligible = np.flatnonzero([len(same[pid]) > 2 for pid in pids])
    chosen = np.sort(rng.permutation(eligible)[:sources])
    others = [
        rng.permutation(same[pids[source]][same[pids[source]] != source])[:poses]
        for source in chosen
    ]
    pairs = [
        (source, target)
        for source, targets in zip(chosen, others, strict=True)
        for target in targets
    ]
    return torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)
