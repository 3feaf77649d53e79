"""The generators' report cards on the page, a section a data set: dots, a table, the papers' tables
beside it, sheets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from augment.results.page import dots, pictures, tables
from augment.results.page.dots import Dots, Score, number
from augment.results.page.measures import DRAWN, GROUPS, METRICS, SPEED, Metric, speed, value
from augment.results.report_card import published
from augment.results.report_card.names import POSED, PUPPETS, REFERENCES

Card = Mapping[str, Any]
# Of a system's sheets, those that the page has room for; all are in results/generators.
SHEETS = ("best_mask_ssim", "attention", "alignment", "parsing", "closest")
# The published columns that are ours under another name, and how a published table is told from
# ours.
OF_SPEED = {
    "parameters_millions": ("parameters, millions", "parameters", 1e6),
    "images_per_second": ("images/s", "images_per_second_1", 1),
}
OF_PATN = {"ssim": "ssim_legacy", "mask_ssim": "mask_ssim_legacy"}
PROTOCOLS = {
    "patn_legacy": "Ours by the same protocol, as its public code has it.",
    "spt": "How SPT’s authors measured is not told beyond the masks; ours are the clean protocol’s.",
    "spgnet": "SPGNet’s FID is to all training images, and its SSIM has another window; ours are the clean protocol’s.",
    "titan_xp": "On DeepFashion, GPU time alone on a Titan Xp; ours one image at a time on this machine.",
}


@dataclass(frozen=True)
class Cell:
    text: str
    interval: str = ""
    sort: float | str = ""
    why: str = ""  # there is no number


@dataclass(frozen=True)
class Row:
    name: str
    run: str  # address in MLflow, or ""
    size: str
    reference: bool
    cells: list[list[Cell]]  # by group


@dataclass(frozen=True)
class Missing:
    metrics: list[str]
    names: list[str]  # empty: all
    reason: str
    file: str | None


@dataclass(frozen=True)
class Published:
    title: str
    note: str
    columns: list[str]
    rows: list[tuple[str, list[str]]]
    ours: list[tuple[str, list[str]]]


@dataclass(frozen=True)
class Section:
    dataset: str
    pairs: str
    people: str
    drawings: list[Dots]
    groups: list[tuple[str, list[tuple[str, str]]]]  # title, (title, about) of its columns
    rows: list[Row]
    real: list[list[str]]
    missing: list[Missing]
    told: list[tuple[str, str]]  # what sees more of the target than its pose
    published: list[Published]
    sheets: list[tuple[str, list[pictures.Sheet]]]


def sections(cards: Sequence[Card], mlflow_url: str, embed: bool) -> list[Section]:
    """A section for each data set of the cards; none where there are none. embed: whether its
    images may be shown.
    """
    names = sorted({card["dataset"] for card in cards})
    return [
        _section(name, [card for card in cards if card["dataset"] == name], mlflow_url, embed)
        for name in names
    ]


def _section(dataset: str, cards: list[Card], mlflow_url: str, embed: bool) -> Section:
    cards = sorted(cards, key=lambda card: (_rank(card["generator"]), card["generator"]))
    groups = {
        title: [
            metric for metric in metrics if any(metric.key in card["metrics"] for card in cards)
        ]
        for title, metrics in GROUPS.items()
    }
    groups = {title: metrics for title, metrics in groups.items() if metrics}
    timed = [
        column for column in SPEED if any(speed(card, column[0]) is not None for card in cards)
    ]
    printed = published.tables(dataset)
    return Section(
        dataset,
        *(_range(sorted({f"{card[key]:,}" for card in cards})) for key in ("pairs", "identities")),
        [
            _dots(METRICS[key], cards)
            for key in DRAWN
            if any(value(card, key) is not None for card in cards)
        ],
        [(title, [(one.title, one.told) for one in metrics]) for title, metrics in groups.items()]
        + ([("size and speed", [(title, about) for _, title, about, _ in timed])] if timed else []),
        [_row(card, groups, timed, mlflow_url) for card in cards],
        [
            [_range([number(each) for each in _real(cards, one)]) for one in metrics]
            for metrics in groups.values()
        ]
        + [[""] * len(timed)],
        _missing(cards),
        [(card["generator"], ", ".join(more)) for card in cards if (more := _told_of_target(card))],
        [
            _published(title, rows, cards)
            for title, rows in printed
            if set(rows["protocol"]) <= PROTOCOLS.keys()
        ],
        [
            (name, found)
            for name in _names(cards)
            if embed and name not in REFERENCES and (found := pictures.of_card(name, SHEETS))
        ],
    )


def _names(cards: Sequence[Card]) -> list[str]:
    return [card["generator"] for card in cards]


def _rank(name: str) -> int:
    """Trained ones first, then puppets, then references."""
    return 2 if name in REFERENCES else 1 if name in PUPPETS else 0


def _size(card: Card) -> str:
    return "×".join(map(str, card["image_size"]))


def _told_of_target(card: Card) -> list[str]:
    """What it sees of the target beside its pose."""
    return [one for one in card["sees"] if one.startswith("target") and one not in POSED]


def _row(card: Card, groups: Mapping[str, list[Metric]], timed: list, mlflow_url: str) -> Row:
    return Row(
        card["generator"],
        tables.run_address(card, mlflow_url),
        _size(card),
        card["generator"] in REFERENCES,
        [[_cell(card["metrics"].get(one.key)) for one in metrics] for metrics in groups.values()]
        + [[_speed_cell(speed(card, key), unit) for key, _, _, unit in timed]],
    )


def _cell(found: Mapping[str, Any] | None) -> Cell:
    """Of a metric as a card has it; None where it does not apply."""
    if found is None:
        return Cell("")
    if "value" not in found:
        return Cell(
            "–", why=found["unavailable"] + (f"; wanted: {found['file']}" if found["file"] else "")
        )
    interval = "" if found["low"] is None else f"{number(found['low'])} to {number(found['high'])}"
    return Cell(number(found["value"]), interval, found["value"])


def _speed_cell(found: float | None, unit: float) -> Cell:
    if found is None:
        return Cell("")
    digits = max(0, 2 - len(f"{found / unit:.0f}") + 1)  # three digits or more
    return Cell(f"{found / unit:,.{digits}f}", sort=found)


def _real(cards: list[Card], metric: Metric) -> list[float]:
    """The same of the real images, which may hang on the system: on its training images, or its
    size.
    """
    return sorted(
        {found for card in cards if (found := value(card, f"{metric.key}_real")) is not None}
    )


def _range(texts: list[str]) -> str:
    """One text where all are equal, else the first and the last."""
    return " to ".join(dict.fromkeys([texts[0], texts[-1]])) if texts else ""


def _dots(metric: Metric, cards: list[Card]) -> Dots:
    scores = []
    for card in cards:
        if value(card, metric.key) is not None:
            ends = (card["metrics"][metric.key][part] for part in ("value", "low", "high"))
            real = value(card, f"{metric.key}_real")
            scores.append(Score(card["generator"], *ends, real, card["generator"] in REFERENCES))
    return dots.draw(metric.title, metric.told, _names(cards), scores)


def _sheets(cards: list[Card]) -> list[tuple[str, list[pictures.Sheet]]]:
    """References, which render nothing, have none worth the room."""
    found = [
        (name, pictures.of_card(name, SHEETS)) for name in _names(cards) if name not in REFERENCES
    ]
    return [(name, some) for name, some in found if some]


def _missing(cards: list[Card]) -> list[Missing]:
    """What could not be had: by reason and wanted file, the metrics, and of which systems."""
    metrics: dict[tuple[str, str | None], list[str]] = {}
    names: dict[tuple[str, str | None], list[str]] = {}
    for card in cards:
        for key, found in card["metrics"].items():
            # What is missing of the outputs is missing of the real images for the same reason: that
            # is said once.
            said = key.endswith("_real") and card["metrics"].get(key.removesuffix("_real")) == found
            if "value" not in found and not said:
                why = (found["unavailable"], found["file"])
                metrics.setdefault(why, []).append(
                    METRICS[key].title if key in METRICS else key.replace("_", " ")
                )
                names.setdefault(why, []).append(card["generator"])
    every = set(_names(cards))
    return [
        Missing(
            list(dict.fromkeys(metrics[why])),
            [] if set(names[why]) == every else list(dict.fromkeys(names[why])),
            *why,
        )
        for why in metrics
    ]


def _published(title: str, printed: pd.DataFrame, cards: list[Card]) -> Published:
    """A printed table, without the columns of its user study, and the same columns of our cards."""
    protocol = printed["protocol"].iloc[0]
    columns = [
        name
        for name in printed.columns
        if name not in published.NAMES and not name.endswith("_percent")
    ]

    def ours(card: Card, column: str) -> str:
        if column in OF_SPEED:
            _, key, unit = OF_SPEED[column]
            found = speed(card, key)
            return "" if found is None else f"{found / unit:.2f}"
        found = value(card, OF_PATN.get(column, column) if protocol == "patn_legacy" else column)
        return "–" if found is None else number(found)

    return Published(
        title,
        PROTOCOLS[protocol],
        [OF_SPEED[name][0] if name in OF_SPEED else METRICS[name].title for name in columns],
        [(row["row"], [row[name] or "–" for name in columns]) for _, row in printed.iterrows()],
        [
            (f"{card['generator']}, {_size(card)}", [ours(card, name) for name in columns])
            for card in cards
        ],
    )
