"""Published figures of this project's generators and of the systems they were compared with.

published.csv holds them as printed.

| paper, table | content |
|---|---|
| PATN 1, 2, 3 | Zhu et al., TPAMI 2021: quality, size and speed, user study |
| SPT 1, 3 | Song et al., TPAMI 2020: quality, configurations |
| SPGNet 2 | Lv et al., CVPR 2021: quality on Market-1501, user study |

A star in a row's name marks figures that PATN's authors measured on their own test set; SPT's authors
measured UPIS on Market-1501. Rows of one table are comparable. Rows of different tables are not,
even if their columns have the same name:

| protocol | measurement |
|---|---|
| patn_legacy | 12,000 pairs of Market-1501's test images; SSIM on JPEG strips as in the public code (similarity.py) |
| spt | 12,000 pairs, masks after Ma et al. 2017, the rest is undocumented; Def-GAN has FID 78.3 here and 25.4 with SPGNet |
| spgnet | PATN's pairs; for PATN its own SSIM, otherwise the public code has another window; FID to training images |
| titan_xp | images per second, GPU time alone |
| user_study | percentage of real images rated generated and of generated images rated real; SPGNet: preferred (Jab) |

Metrics are fractions and user studies percentages, as printed; an empty cell is a dash in print.
"""

from pathlib import Path

import pandas as pd

DATASET = "market1501"
NAMES = ["paper", "table", "dataset", "protocol", "row", "generator"]


def published() -> pd.DataFrame:
    """One row per printed row of a table and data set, with numbers or NaN.

    `generator` is this project's name for the system, empty for systems that it does not have.
    """
    printed = _printed()
    return printed.assign(
        **{name: pd.to_numeric(printed[name]) for name in printed.columns.drop(NAMES)}
    )


def tables(dataset: str) -> list[tuple[str, pd.DataFrame]]:
    """The tables of a data set in the papers' order, as printed, without empty columns.

    The table of size and speed, measured on DeepFashion, is also listed for Market-1501.

    Returns:
        Title (e.g. `PATN, Table 1`) and rows of each table.
    """
    printed = _printed()
    if dataset != DATASET:
        return []
    printed = printed[(printed["dataset"] == dataset) | (printed["protocol"] == "titan_xp")]
    return [
        (f"{paper}, Table {table}", part.loc[:, (part != "").any()])
        for (paper, table), part in printed.groupby(["paper", "table"], sort=False)
    ]


def _printed() -> pd.DataFrame:
    return pd.read_csv(Path(__file__).with_name("published.csv"), dtype=str, keep_default_na=False)
