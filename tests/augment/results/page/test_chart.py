import numpy as np
import pandas as pd
import pytest

from augment.results.curves import summarise
from augment.results.harm import judge
from augment.results.page import chart
from augment.results.table6 import published

ARMS = (
    ("none", 0.1, 1, (0.1, 0.2)),
    ("none", 0.5, 1, (0.4, 0.4)),
    ("none", 1.0, 1, (0.6, 0.6)),
    ("patn", 0.1, 1, (0.3, 0.5)),
    ("patn", 0.5, 1, (0.3, 0.3)),
    ("patn", 1.0, 2, (0.7, 0.7)),
)


@pytest.fixture
def judged():
    rows = [
        {
            "dataset": "d",
            "model": "inception",
            "augmentation": augmentation,
            "portion": portion,
            "ratio": ratio,
            "budget": "iterations",
            "seed": seed,
            "rank1": mAP,
            "mAP": mAP,
        }
        for augmentation, portion, ratio, values in ARMS
        for seed, mAP in enumerate(values)
    ]
    return judge(summarise(pd.DataFrame(rows)))


def drawn(judged, metric="mAP", of=None):
    of = judged[:0] if of is None else of
    return chart.draw(
        "title", judged, metric, of, chart.styles([*judged["augmentation"], *of["augmentation"]])
    )


def test_points_stand_where_the_axes_say(judged):
    """Read back through the ticks, which the eye reads too."""
    picture = drawn(judged)
    across = {text: x for x, text in picture.x_ticks}
    up = np.array([(y, float(text)) for y, text in picture.y_ticks])
    none, patn = picture.series
    assert (none.name, patn.name) == ("none", "patn")
    for series, expected in (
        (none, {"0.1": 0.15, "0.5": 0.4, "1.0": 0.6}),
        (patn, {"0.1": 0.4, "0.5": 0.3, "1.0": 0.6, "x2": 0.7}),
    ):
        assert [point.column for point in series.points] == list(expected)
        assert [point.x for point in series.points] == [across[name] for name in expected]
        read = [np.interp(point.y, up[::-1, 0], up[::-1, 1]) for point in series.points]
        assert read == pytest.approx(list(expected.values()), abs=1e-3)
    assert patn.points[0].value == "0.400 ± 0.141"
    assert (
        list(across) == ["0.1", "0.5", "1.0", "x2"]
        and across["1.0"] < picture.extended < across["x2"]
    )


def test_the_line_ends_at_the_real_set_and_goes_on_dashed(judged):
    none, patn = drawn(judged).series
    assert (
        len(patn.line.split("L")) == 3
        and len(patn.extension.split("L")) == 2
        and none.extension == ""
    )
    assert patn.line.split("L")[-1] == patn.extension[1:].split("L")[0]


def test_the_band_is_one_standard_deviation_to_either_side(judged):
    picture = drawn(judged)
    up = np.array([(y, float(text)) for y, text in picture.y_ticks])
    patn = picture.series[1]
    corners = [tuple(map(float, pair.split(","))) for pair in patn.band.split()]
    upper, lower = (np.interp(corners[at][1], up[::-1, 0], up[::-1, 1]) for at in (0, -1))
    assert (upper - lower) / 2 == pytest.approx(np.std([0.3, 0.5], ddof=1), abs=1e-3)


def test_harm_is_marked_in_mAP_alone(judged):
    assert [point.column for point in drawn(judged).series[1].points if point.harm] == ["0.5"]
    assert not any(
        point.harm for series in drawn(judged, "rank1").series for point in series.points
    )


def test_published_curves_are_drawn_below_ours(judged):
    of = published()
    of = of[(of["model"] == "inception")].assign(harm=False)
    picture = drawn(judged, of=of)
    assert [series.name for series in picture.series] == [
        "none (Table 6)",
        "patn (Table 6)",
        "none",
        "patn",
    ]
    assert all("published" in series.style for series in picture.series[:2])
    assert picture.series[1].points[0].value == "0.423" and picture.series[1].band == ""


def test_an_augmentation_looks_the_same_on_every_page():
    few, many = (
        chart.styles(["patn", "none"]),
        chart.styles(["patn", "none", "spt", "spgnet", "puppet-plate"]),
    )
    assert few["patn"] == many["patn"] and few["none"] == many["none"]
    assert len({(one.colour, one.mark) for one in many.values()}) == len(many)


@pytest.mark.parametrize(
    "highest, top, ticks", [(0.03, "0.03", 4), (0.31, "0.4", 5), (0.6, "0.6", 7), (0.97, "1.0", 6)]
)
def test_round_numbers_on_the_axis(judged, highest, top, ticks):
    judged["mAP_mean"] *= highest / 0.7
    picture = drawn(judged.assign(mAP_std=0.0))
    assert picture.y_ticks[-1][1] == top and len(picture.y_ticks) == ticks
