"""The training images of an arm: a reduced or extended set, and generated images, if any."""

import pandas as pd

from augment import paths
from augment.augmentations import Augmentation, check_set
from augment.prepared import index


def rows(augmentation: Augmentation, portion: float, ratio: int) -> pd.DataFrame:
    """Rows of the reduced set, then those of the augmentation's images.

    They have a column `folder`, like those of index.read_set.

    Raises:
        FileNotFoundError: If a set does not exist yet.
        ValueError: If the extended set cannot exist, or a generated image has an identity that the
            reduced set lacks.
    """
    check_set(augmentation, portion, ratio)
    kept = index.read_set(paths.reduced(portion) / "index.csv", paths.PREPARED)
    if not augmentation.on_disk:
        return kept
    folder = paths.generated(augmentation, portion, ratio)
    added = index.read_set(folder / "index.csv", folder)
    if strangers := sorted(set(added["pid"]) - set(kept["pid"])):
        raise ValueError(
            f"{folder / 'index.csv'}: identity {strangers[0]} is not in {paths.reduced(portion)}; run `augment generate` again"
        )
    return pd.concat([kept, added], ignore_index=True)
