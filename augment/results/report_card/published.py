"""Published figures of the systems that this project has, and of those they were compared with:
published.csv, as printed.

| paper, table | what |
|---|---|
| PATN 1, 2, 3 | Zhu et al., TPAMI 2021: quality, size and speed, user study |
| SPT 1, 3 | Song et al., TPAMI 2020: quality, configurations |
| SPGNet 2 | Lv et al., CVPR 2021: quality on Market-1501, user study |

A star in a row's name marks what PATN's authors measured on their own test set; UPIS on Market-1501
was measured by SPT's. Rows of one table may be compared with one another. Across tables they may
not, whatever the names of the columns:

| protocol | how it was measured |
|---|---|
| patn_legacy | 12,000 pairs of Market-1501's test images; SSIM on JPEG strips as in the public code (similarity.py) |
| spt | 12,000 pairs, masks after Ma et al. 2017, the rest is not told; Def-GAN has FID 78.3 here and 25.4 with SPGNet |
| spgnet | PATN's pairs and, for PATN, its own SSIM; else the public code has another window; FID to training images |
| titan_xp | images a second, GPU time alone |
| user_study | percent of real images taken for generated, of generated ones taken for real; of SPGNet's preferred ones (Jab) |

Metrics are fractions and users percent, as printed; an empty cell is a dash in print.
"""

from pathlib import Path

import pandas as pd

DATASET = "market1501"
NAMES = ["paper", "table", "dataset", "protocol", "row", "generator"]


def published() -> pd.DataFrame:
    """A row per row of a table and data set; `generator` is our name of the system, empty for
    others. Numbers or NaN.
    """
    printed = _printed()
    return printed.assign(
        **{name: pd.to_numeric(printed[name]) for name in printed.columns.drop(NAMES)}
    )


def tables(dataset: str) -> list[tuple[str, pd.DataFrame]]:
    """(`PATN, Table 1`, its rows and the columns that it has, as printed) of a data set, in the
    papers' order.

    Size and speed, which the paper has for DeepFashion, are among those of Market-1501.
    """
    printed = _printed()
    if dataset != DATASET:
        return []
    printed = printed[(printed["dataset"] == dataset) | (printed["protocol"] == "titan_xp")]
    found = printed.groupby(["paper", "table"], sort=False)
    return [
        (f"{paper}, Table {table}", part.loc[:, (part != "").any()])
        for (paper, table), part in found
    ]


def _printed() -> pd.DataFrame:
    return pd.read_csv(Path(__file__).with_name("published.csv"), dtype=str, keep_default_na=False)
