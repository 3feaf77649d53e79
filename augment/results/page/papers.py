"""The papers' tables on the page, with the same columns of this project's cards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from augment.results.page.dots import number
from augment.results.page.measures import image_size, speed, value
from augment.results.report_card import published
from augment.results.report_card.metrics import METRICS

Card = Mapping[str, Any]
# Published columns with other names in this project: title, key in `speed`, and unit.
OF_SPEED = {
    "parameters_millions": ("parameters, millions", "parameters", 1e6),
    "images_per_second": ("images/s", "images_per_second_1", 1),
}
OF_PATN = {"ssim": "ssim_legacy", "mask_ssim": "mask_ssim_legacy"}
# How published tables and ours were measured.
PROTOCOLS = {
    "patn_legacy": "Ours follow the same protocol, that of PATN’s public code.",
    "spt": "Beyond the masks, SPT’s protocol is undocumented; ours follow the clean protocol.",
    "spgnet": "SPGNet’s FID is to all training images, and its SSIM has another window; ours follow the clean protocol.",
    "titan_xp": "Published: on DeepFashion, GPU time alone on a Titan Xp. Ours: one image at a time on this machine.",
}


@dataclass(frozen=True)
class Published:
    """A published table, and the same columns of our cards."""

    title: str
    note: str
    columns: list[str]
    rows: list[tuple[str, list[str]]]
    ours: list[tuple[str, list[str]]]


def tables(dataset: str, cards: Sequence[Card]) -> list[Published]:
    """The published tables of a data set, in the papers' order, without user studies."""
    return [
        _table(title, rows, cards)
        for title, rows in published.tables(dataset)
        if set(rows["protocol"]) <= PROTOCOLS.keys()
    ]


def _table(title: str, printed: pd.DataFrame, cards: Sequence[Card]) -> Published:
    """A printed table, without the columns of its user study, and the same columns of our cards."""
    protocol = str(printed["protocol"].iloc[0])
    columns = [
        name
        for name in printed.columns
        if name not in published.NAMES and not name.endswith("_percent")
    ]

    def ours(card: Card, column: str) -> str:
        if column in OF_SPEED:
            _, key, unit = OF_SPEED[column]
            measured = speed(card, key)
            return "" if measured is None else f"{measured / unit:.2f}"
        score = value(card, OF_PATN.get(column, column) if protocol == "patn_legacy" else column)
        return "–" if score is None else number(score)

    return Published(
        title,
        PROTOCOLS[protocol],
        [OF_SPEED[name][0] if name in OF_SPEED else METRICS[name].title for name in columns],
        [
            (row["row"], [row[name] or "–" for name in columns])
            for row in printed.to_dict("records")
        ],
        [
            (f"{card['generator']}, {image_size(card)}", [ours(card, name) for name in columns])
            for card in cards
        ],
    )
