"""The generators' report cards on the page, one section per data set.

A section has dots, a table, the papers' tables and sheets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from augment.results.page import dots, measures, papers, pictures, tables
from augment.results.page.dots import Dots, Score, number
from augment.results.page.measures import SPEED, image_size, speed, value
from augment.results.report_card.metrics import METRICS, REAL, Metric
from augment.results.report_card.names import POSED, PUPPETS, REFERENCES

Card = Mapping[str, Any]
# The sheets of a generator that the page shows; all are in results/generators.
SHEETS = ("best_mask_ssim", "attention", "alignment", "parsing", "closest")


@dataclass(frozen=True)
class Cell:
    """A cell of the table.

    text, interval: displayed texts
    sort: sort key
    why: why the metric has no number
    """

    text: str
    interval: str = ""
    sort: float | str = ""
    why: str = ""


@dataclass(frozen=True)
class Row:
    """A generator's row of the table.

    run: address in MLflow, or ""
    cells: cells by group
    """

    name: str
    run: str
    size: str
    reference: bool
    cells: list[list[Cell]]


@dataclass(frozen=True)
class Missing:
    """Metrics that are unavailable for one reason.

    names: names of the generators; empty for all
    file: the missing file
    """

    metrics: list[str]
    names: list[str]
    reason: str
    file: str | None


@dataclass(frozen=True)
class Section:
    """All cards of one data set.

    groups: title, and (title, description) of its columns
    real: text of each column for the real images, by group
    extra: generators that receive more of the target than its pose, and what they receive
    sheets: sheets by generator
    """

    dataset: str
    pairs: str
    people: str
    drawings: list[Dots]
    groups: list[tuple[str, list[tuple[str, str]]]]
    rows: list[Row]
    real: list[list[str]]
    missing: list[Missing]
    extra: list[tuple[str, str]]
    published: list[papers.Published]
    sheets: list[tuple[str, list[pictures.Sheet]]]


def sections(cards: Sequence[Card], mlflow_url: str, embed: bool) -> list[Section]:
    """A section for each data set of the cards.

    Args:
        embed: whether its images may be shown.
    """
    names = sorted({card["dataset"] for card in cards})
    return [
        _section(name, [card for card in cards if card["dataset"] == name], mlflow_url, embed)
        for name in names
    ]


def _section(dataset: str, cards: list[Card], mlflow_url: str, embed: bool) -> Section:
    cards = sorted(cards, key=lambda card: (_rank(card["generator"]), card["generator"]))
    groups = {
        title: used
        for title, metrics in measures.groups().items()
        if (used := [m for m in metrics if any(m.key in card["metrics"] for card in cards)])
    }
    timed = [
        column for column in SPEED if any(speed(card, column[0]) is not None for card in cards)
    ]
    heads = [
        (title, [(metric.title, metric.description) for metric in metrics])
        for title, metrics in groups.items()
    ]
    real = [
        [_range([number(score) for score in _real(cards, metric)]) for metric in metrics]
        for metrics in groups.values()
    ]
    if timed:
        heads.append(("size and speed", [(title, about) for _, title, about, _ in timed]))
    return Section(
        dataset=dataset,
        pairs=_range(sorted({f"{card['pairs']:,}" for card in cards})),
        people=_range(sorted({f"{card['identities']:,}" for card in cards})),
        drawings=[
            _dots(METRICS[key], cards)
            for key in measures.DRAWN
            if any(value(card, key) is not None for card in cards)
        ],
        groups=heads,
        rows=[_row(card, groups, timed, mlflow_url) for card in cards],
        real=[*real, [""] * len(timed)],
        missing=_missing(cards),
        extra=[
            (card["generator"], ", ".join(extra)) for card in cards if (extra := _extra_input(card))
        ],
        published=papers.tables(dataset, cards),
        sheets=[
            (name, sheets)
            for name in _names(cards)
            if embed and name not in REFERENCES and (sheets := pictures.of_card(name, SHEETS))
        ],
    )


def _names(cards: Sequence[Card]) -> list[str]:
    return [card["generator"] for card in cards]


def _rank(name: str) -> int:
    """Trained generators first, then puppets, then references."""
    return 2 if name in REFERENCES else 1 if name in PUPPETS else 0


def _extra_input(card: Card) -> list[str]:
    """What a generator receives of the target in addition to its pose."""
    return [word for word in card["sees"] if word.startswith("target") and word not in POSED]


def _row(card: Card, groups: Mapping[str, list[Metric]], timed: list, mlflow_url: str) -> Row:
    return Row(
        card["generator"],
        tables.run_address(card, mlflow_url),
        image_size(card),
        card["generator"] in REFERENCES,
        [[_cell(card["metrics"].get(m.key)) for m in metrics] for metrics in groups.values()]
        + [[_speed_cell(speed(card, key), unit) for key, _, _, unit in timed]],
    )


def _cell(metric: Mapping[str, Any] | None) -> Cell:
    """The cell of a metric of a card; None for a metric that does not apply."""
    if metric is None:
        return Cell("")
    if "value" not in metric:
        file = f"; missing file: {metric['file']}" if metric["file"] else ""
        return Cell("–", why=metric["unavailable"] + file)
    low, high = metric["low"], metric["high"]
    interval = "" if low is None else f"{number(low)} to {number(high)}"
    return Cell(number(metric["value"]), interval, metric["value"])


def _speed_cell(measured: float | None, unit: float) -> Cell:
    if measured is None:
        return Cell("")
    digits = max(0, 2 - len(f"{measured / unit:.0f}") + 1)  # three digits or more
    return Cell(f"{measured / unit:,.{digits}f}", sort=measured)


def _real(cards: list[Card], metric: Metric) -> list[float]:
    """The different values of the metric of the real images.

    It can depend on the generator's training images or on its image size.
    """
    values = {value(card, metric.key + REAL) for card in cards}
    return sorted(score for score in values if score is not None)


def _range(texts: list[str]) -> str:
    """One text if the first and the last are equal, otherwise both."""
    return " to ".join(dict.fromkeys([texts[0], texts[-1]])) if texts else ""


def _dots(metric: Metric, cards: list[Card]) -> Dots:
    scores = [
        Score(
            name=card["generator"],
            value=card["metrics"][metric.key]["value"],
            low=card["metrics"][metric.key]["low"],
            high=card["metrics"][metric.key]["high"],
            real=value(card, metric.key + REAL),
            faint=card["generator"] in REFERENCES,
        )
        for card in cards
        if value(card, metric.key) is not None
    ]
    return dots.draw(metric.title, metric.description, _names(cards), scores)


def _missing(cards: list[Card]) -> list[Missing]:
    """Unavailable metrics and their generators, by reason and missing file."""
    metrics: dict[tuple[str, str | None], list[str]] = {}
    names: dict[tuple[str, str | None], list[str]] = {}
    for card in cards:
        for key, metric in card["metrics"].items():
            # If outputs and real images lack a metric for the same reason, list it once.
            repeats = key.endswith(REAL) and card["metrics"].get(key.removesuffix(REAL)) == metric
            if "value" not in metric and not repeats:
                why = (metric["unavailable"], metric["file"])
                title = METRICS[key].title if key in METRICS else key.replace("_", " ")
                metrics.setdefault(why, []).append(title)
                names.setdefault(why, []).append(card["generator"])
    all_names = set(_names(cards))
    return [
        Missing(
            list(dict.fromkeys(metrics[why])),
            [] if set(names[why]) == all_names else list(dict.fromkeys(names[why])),
            *why,
        )
        for why in metrics
    ]
