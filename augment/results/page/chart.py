"""Curves of one metric over the portion of real images, as coordinates for template charts.html."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from augment.augmentations import CLASSIC, NONE, PUPPET
from augment.results.curves import by_curve, label, position, rows, with_spread

WIDTH, HEIGHT = 460, 320
LEFT, RIGHT, TOP, BOTTOM = 40, 14, 12, 34
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)
MAX_INTERVALS = 6
# Marks of a series, centred on the point: circle, square, diamond, triangle, hourglass.
MARKS = (
    "M-3.6,0a3.6,3.6 0 1,0 7.2,0a3.6,3.6 0 1,0 -7.2,0Z",
    "M-3.2,-3.2H3.2V3.2H-3.2Z",
    "M0,-4.6L4.6,0L0,4.6L-4.6,0Z",
    "M0,-4.4L4.2,3.2H-4.2Z",
    "M-3.6,-3.8H3.6L-3.6,3.8H3.6Z",
)
# On white and on black; red is reserved for harm.
COLOURS = (
    ("#6b727b", "#a3abb4"),
    ("#8a5a2b", "#c79a6b"),
    ("#1f8a5b", "#55c792"),
    ("#d98200", "#f0a63a"),
    ("#8356b8", "#b696e6"),
    ("#2a6fc0", "#6fa8ee"),
    ("#0f8f9b", "#4cc3cd"),
    ("#b0478f", "#e28cc6"),
)
# Augmentations with a fixed colour; others take the remaining colours in turn.
OWN_COLOUR = {NONE: 0, CLASSIC: 1, PUPPET: 2, "patn": 3, "patn-star": 4, "patn-leak_free": 5}


@dataclass(frozen=True)
class Point:
    """A point of a series.

    column: e.g. 0.3, x2
    value: e.g. 0.512 ± 0.010
    """

    x: float
    y: float
    column: str
    value: str
    harm: bool


@dataclass(frozen=True)
class Series:
    """A curve.

    style: classes for page.css
    mark: SVG path
    line: SVG path through the portions
    extension: SVG path from portion 1 to x2 and x3, or ""
    band: SVG polygon of the spread, or ""
    """

    name: str
    style: str
    mark: str
    line: str
    extension: str
    band: str
    points: list[Point] = field(default_factory=list)


@dataclass(frozen=True)
class Chart:
    """A drawing of curves, in px; extended: left edge of the area for x2 and x3."""

    title: str
    description: str
    series: list[Series]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    extended: float | None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True)
class Style:
    """The look of an augmentation; colour: index of COLOURS, mark: SVG path."""

    colour: int
    mark: str

    @property
    def css(self) -> str:
        return f"c{self.colour}"


def styles(augmentations: Iterable[str]) -> dict[str, Style]:
    """The look of each augmentation; two with the same colour differ in their mark."""
    names = sorted(set(augmentations) - set(OWN_COLOUR))
    free = [number for number in range(len(COLOURS)) if number not in OWN_COLOUR.values()]
    own = {name: Style(number, MARKS[number % len(MARKS)]) for name, number in OWN_COLOUR.items()}
    return own | {
        name: Style(free[n % len(free)], MARKS[n % len(MARKS)]) for n, name in enumerate(names)
    }


def ordered(augmentations: Iterable[str]) -> list[str]:
    """`none` and the free baselines first, then the rest by name."""
    return sorted(
        set(augmentations),
        key=lambda name: (OWN_COLOUR.get(name, 9) > 2, OWN_COLOUR.get(name, 9), name),
    )


def draw(
    title: str, summary: pd.DataFrame, metric: str, published: pd.DataFrame, style: dict[str, Style]
) -> Chart:
    """The chart of one data set, model and budget.

    Args:
        title: title of the drawing.
        summary: its arms, from harm.judge.
        metric: mAP or rank1.
        published: arms of Table 6, drawn dotted; may be empty.
        style: the look of each augmentation.
    """
    arms = pd.concat([summary, published]) if len(published) else summary
    top = float(np.nanmax(arms[f"{metric}_mean"] + arms[f"{metric}_std"].fillna(0)))
    step = next((size for size in STEPS if top / size <= MAX_INTERVALS), STEPS[-1])
    high = step * max(1, int(np.ceil(round(top / step, 6))))
    places = {position(row.portion, row.ratio): label(row.portion, row.ratio) for row in rows(arms)}
    first, last = min([*places, 0.1]) - 0.04, max([*places, 1.0]) + 0.04

    def x(value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (value - first) / (last - first), 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(max(value / high, 0), 1), 1)

    def curve(name: str, points: pd.DataFrame, extra: str) -> Series:
        mean, std = points[f"{metric}_mean"], points[f"{metric}_std"].fillna(0)
        at = [(x(place), y(value)) for place, value in zip(points["position"], mean, strict=True)]
        inside = [xy for xy, ratio in zip(at, points["ratio"], strict=True) if ratio == 1]
        outside = [xy for xy, ratio in zip(at, points["ratio"], strict=True) if ratio > 1]
        edges = [
            (x(place), y(value))
            for part, sign in ((points, 1), (points[::-1], -1))
            for place, value in zip(
                part["position"], part[f"{metric}_mean"] + sign * std[part.index], strict=True
            )
        ]
        return Series(
            name + (" (Table 6)" if extra else ""),
            f"{style[name].css} {extra}".strip(),
            style[name].mark,
            _path(inside),
            _path([*inside[-1:], *outside]) if outside else "",
            " ".join(f"{px:g},{py:g}" for px, py in edges) if (std > 0).any() else "",
            [
                # Harm is defined by mAP.
                Point(
                    px,
                    py,
                    label(row.portion, row.ratio),
                    with_spread(getattr(row, f"{metric}_mean"), getattr(row, f"{metric}_std")),
                    metric == "mAP" and bool(row.harm),
                )
                for (px, py), row in zip(at, rows(points), strict=True)
            ],
        )

    series = []
    for frame, extra in ((published, "published"), (summary, "")):
        curves = (
            {key["augmentation"]: points.reset_index(drop=True) for key, points in by_curve(frame)}
            if len(frame)
            else {}
        )
        series += [
            curve(name, curves[name].dropna(subset=f"{metric}_mean"), extra)
            for name in ordered(curves)
        ]
    extended = any(ratio > 1 for ratio in arms["ratio"])
    return Chart(
        title,
        "; ".join(
            f"{line.name}: " + ", ".join(f"{p.column} {p.value}" for p in line.points)
            for line in series
        ),
        series,
        [(x(place), name) for place, name in sorted(places.items())],
        [
            (y(step * number), f"{step * number:.{2 if step < 0.1 else 1}f}")
            for number in range(int(round(high / step)) + 1)
        ],
        x((1 + position(1.0, 2)) / 2) if extended else None,
    )


def _path(points: list[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{px:g},{py:g}" for px, py in points) if points else ""
