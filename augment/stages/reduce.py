"""reduce: data/prepared -> data/reduced/<portion>.

index.csv    real training images that are kept (M_p^R)
removed.csv  the other ones
"""

from dataclasses import dataclass

import click
import numpy as np

from augment import params, paths
from augment.prepared import index


@dataclass(frozen=True)
class ReduceParams:
    """Section `reduce`.

    seed: random seed of the one order that all portions are prefixes of
    """

    seed: int


def run(portion: float, dry_run: bool) -> None:
    settings = params.load(ReduceParams, "reduce")
    rows = index.read(paths.PREPARED / "index.csv")
    train = rows[rows["split"] == "train"].reset_index(drop=True)
    kept = keep(train["pid"].to_numpy(), portion, settings.seed)
    out = paths.reduced(portion)
    click.echo(
        f"reduce: portion {portion}: {kept.sum():,} of {len(train):,} training images, "
        f"{train['pid'].nunique():,} identities -> {out}"
    )
    if dry_run:
        return
    index.write(train[~kept], out / "removed.csv")
    index.write(train[kept], out / "index.csv")


def keep(pids: np.ndarray, portion: float, seed: int) -> np.ndarray:
    """Choose a portion of the images, at least one per identity (patn_apatn.txt, section 5).

    All portions are prefixes of one seeded order that begins with one image of each identity, so
    that sets nest.

    Args:
        pids: identity of each image, [N].
        portion: in (0, 1].

    Returns:
        Which images stay, bool [N].
    """
    order = np.random.default_rng(seed).permutation(len(pids))
    _, first = np.unique(pids[order], return_index=True)
    is_first = np.zeros(len(pids), dtype=bool)
    is_first[first] = True
    order = np.concatenate([order[is_first], order[~is_first]])
    kept = np.zeros(len(pids), dtype=bool)
    kept[order[: max(round(portion * len(pids)), len(first))]] = True
    return kept
