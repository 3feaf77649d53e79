"""Dots with intervals of one metric of several generators, as coordinates for generators.html."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 360
ROW, TOP, BOTTOM, RIGHT = 20, 8, 26, 16
CHARACTER_PX = 7.4  # width of a character of a name, at 12 px in a wide typeface
MAX_INTERVALS = 4


@dataclass(frozen=True)
class Score:
    """The metric of one generator.

    low, high: the ends of its interval; None without one
    real: the metric of the real images, which may depend on the generator's training images or on
        its image size
    faint: whether it is a reference
    """

    name: str
    value: float
    low: float | None
    high: float | None
    real: float | None
    faint: bool


@dataclass(frozen=True)
class Dot:
    """A dot with its interval, and the mark of the real images, in px."""

    name: str
    text: str
    faint: bool
    y: float
    x: float
    low: float
    high: float
    real: float | None


@dataclass(frozen=True)
class Dots:
    """A drawing, in px; names: the names of the rows, with their y."""

    title: str
    about: str
    names: list[tuple[str, float]]
    dots: list[Dot]
    ticks: list[tuple[float, str]]
    left: float
    right: float
    bottom: float
    width: int
    height: int


def draw(title: str, about: str, names: Sequence[str], scores: Sequence[Score]) -> Dots:
    """The drawing of one metric, with a row for each name.

    Names without a score also have a row, so that the drawings of several metrics have the same
    rows.
    """
    values = [
        value
        for score in scores
        for value in (score.value, score.low, score.high, score.real)
        if value is not None
    ]
    step = _step(max(values) - min(values) or abs(max(values)) or 1.0)
    first, last = math.floor(min(values) / step), math.ceil(max(values) / step)
    left, right = 12 + CHARACTER_PX * max(map(len, names)), WIDTH - RIGHT

    def x(value: float) -> float:
        return round(left + (right - left) * (value / step - first) / max(last - first, 1), 1)

    rows = [(name, TOP + ROW * (row + 0.5)) for row, name in enumerate(names)]
    dots = []
    for score in scores:
        low, high = (score.value if end is None else end for end in (score.low, score.high))
        y = dict(rows)[score.name]
        interval = "" if score.low is None else f", {number(low)} to {number(high)}"
        text = f"{score.name}: {number(score.value)}{interval}"
        real = None if score.real is None else x(score.real)
        dots.append(Dot(score.name, text, score.faint, y, x(score.value), x(low), x(high), real))
    bottom = TOP + ROW * len(names)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    places = range(first, max(last, first + 1) + 1)
    ticks = [
        (x(place * step), f"{place * step:.{decimals}f}".replace("-", "\u2212")) for place in places
    ]
    return Dots(
        title, about, rows, dots, ticks, round(left, 1), right, bottom, WIDTH, bottom + BOTTOM
    )


def number(value: float) -> str:
    """Format e.g. 0.402, 12.3 and 1,234: three decimals below 10, then fewer."""
    digits = 3 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    return f"{value:,.{digits}f}".replace("-", "\u2212")


def _step(span: float) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that gives at most MAX_INTERVALS intervals."""
    power = 10.0 ** math.floor(math.log10(span / MAX_INTERVALS))
    return next(
        power * factor
        for factor in (1, 2, 5, 10)
        if span / (power * factor) <= MAX_INTERVALS + 1e-9
    )
