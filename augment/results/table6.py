"""Table 6 of the PATN paper (Zhu et al., TPAMI 2021).

It is copied into table6.csv in percent, under this project's names. The paper does not name the
metric. Its values suggest mAP: those of `inception` and `resnet50_circle` on all images match
published mAP. Its arms have equal epochs. `vunet` and `deform` are other authors' generators, which
this project does not have.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from augment.results.curves import summarise

DATASET = "market1501"
BUDGET = "epochs"


def published() -> pd.DataFrame:
    """One row per arm, with the columns of curves.summarise; rank1 and spread are empty."""
    wide = pd.read_csv(Path(__file__).with_name("table6.csv"))
    long = wide.melt(["augmentation", "model"], var_name="column", value_name="percent").dropna(
        subset="percent"
    )
    extended = long["column"].str.startswith("x")
    number = long["column"].str.lstrip("x").astype(float)
    arms = long[["augmentation", "model"]].assign(
        dataset=DATASET,
        portion=number.where(~extended, 1.0),
        ratio=number.where(extended, 1).astype(int),
        budget=BUDGET,
        seed=0,
        mAP=long["percent"] / 100,
        rank1=np.nan,
    )
    return summarise(arms)
