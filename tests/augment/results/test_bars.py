import pandas as pd
import pytest
from PIL import Image

from augment.results.bars import COLOURS, bars, kind, plot
from augment.results.curves import summarise


def summary(*arms):
    """(model, augmentation, portion, mAP), two seeds each, 0.01 to either side."""
    rows = [
        {
            "dataset": "d",
            "model": model,
            "augmentation": augmentation,
            "portion": portion,
            "ratio": 1,
            "budget": "iterations",
            "seed": seed,
            "rank1": 0.0,
            "mAP": mAP + 0.01 * (2 * seed - 1),
        }
        for model, augmentation, portion, mAP in arms
        for seed in (0, 1)
    ]
    return summarise(pd.DataFrame(rows))


ARMS = (
    ("inception", "none", 0.1, 0.1),
    ("inception", "none", 0.3, 0.2),
    ("inception", "none", 1.0, 0.6),
    ("inception", "puppet-online", 0.1, 0.5),
    ("inception", "puppet", 0.1, 0.4),
    ("inception", "patn-leak_free", 0.1, 0.15),
    ("inception", "patn-recomposed", 0.1, 0.3),
    ("inception_plain", "puppet", 0.1, 0.35),
)


def test_bars_run_from_the_reduced_set_to_the_real_one():
    charts = bars(summary(*ARMS))
    # At portion 0.3 there is nothing to compare.
    assert list(charts) == [("d", "iterations", 0.1)]
    chart = charts["d", "iterations", 0.1]
    names = [name for _, name in chart.index]
    assert names == [
        "none",
        "patn-recomposed",
        "patn-leak_free",
        "puppet",
        "puppet-online",
        "all real images",
    ]
    assert chart["mAP_mean", "inception"].tolist() == pytest.approx([0.1, 0.3, 0.15, 0.4, 0.5, 0.6])
    assert chart["mAP_std", "inception"].tolist() == pytest.approx([0.02 / 2**0.5] * 6)
    plain = chart["mAP_mean", "inception_plain"]
    assert plain.iloc[3] == pytest.approx(0.35) and plain.isna().sum() == 5


def test_kinds():
    kinds = {
        "none": "real",
        "classic": "classic",
        "patn": "trained on all real images",
        "patn-star-recomposed": "trained on all real images",
        "patn-leak_free": "trained on the reduced set",
        "puppet-plate": "puppet",
    }
    assert {name: kind(name) for name in kinds} == kinds and set(kinds.values()) == set(COLOURS)


@pytest.mark.parametrize("arms", [ARMS, ARMS[:3]])
def test_the_picture(tmp_path, arms):
    plot(summary(*arms), tmp_path / "bars")
    with Image.open(tmp_path / "bars") as image:
        assert image.format == "PNG" and image.width > 400
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20)}
    assert ((44, 160, 44) in colours) == (len(arms) > 3), "puppets are green"
