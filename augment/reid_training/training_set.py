"""The training images of an arm: a reduced or extended set, with the generated images of an
augmentation.
"""

import pandas as pd

from augment import paths
from augment.augmentations import Augmentation, check_set
from augment.prepared import index


def rows(augmentation: Augmentation, portion: float, ratio: int) -> pd.DataFrame:
    """Rows of the reduced set and of the images of the augmentation `name`, `path` as found from
    here, in one list.

    Raises:
        FileNotFoundError: a set is not there yet.
        ValueError: there is no such set, or a generated image has an identity that the reduced set
            lacks.
    """
    check_set(augmentation, portion, ratio)
    kept = index.locate(index.read(paths.reduced(portion) / "index.csv"), paths.PREPARED)
    if not augmentation.on_disk:
        return kept
    folder = paths.generated(augmentation, portion, ratio)
    added = index.locate(index.read(folder / "index.csv"), folder)
    if strangers := sorted(set(added["pid"]) - set(kept["pid"])):
        raise ValueError(
            f"{folder / 'index.csv'}: identity {strangers[0]} is not in {paths.reduced(portion)}: generate again"
        )
    return pd.concat([kept, added], ignore_index=True)
