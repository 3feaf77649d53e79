import json

import pytest
from made_cards import write as write_cards
from made_results import write as write_results

from augment import files
from augment.results import curves, for_dvc
from augment.results.report_card import card


@pytest.fixture
def summary(tmp_path, monkeypatch):
    """summary(models) -> the summary of made results with these models."""
    monkeypatch.chdir(tmp_path)

    def make(*models):
        for model in models:
            write_results(
                tmp_path, model=model, budgets=("iterations",), portions=(0.1, 1.0), full=False
            )
        found = (tmp_path / "results/reid").rglob("*.json")
        return curves.summarise(
            curves.table(files.read_json(file) | {"file": str(file)} for file in found)
        )

    return make


def test_the_headline_has_map_and_gap_by_augmentation_and_portion(summary):
    table = summary("inception")
    headline = for_dvc.headline(table)
    assert headline["none"].keys() == {"0.1", "1.0"}
    assert headline["none"]["0.1"].keys() == {"mAP"}  # no gap without an augmentation
    arm = table[(table["augmentation"] == "puppet") & (table["portion"] == 0.1)].iloc[0]
    assert headline["puppet"]["0.1"] == {
        "mAP": pytest.approx(arm["mAP_mean"], abs=1e-4),
        "gap_closed": pytest.approx(arm["gap_closed"], abs=1e-4),
    }
    assert headline["puppet"].keys() == {"0.1", "x2", "x3"}
    json.dumps(headline, allow_nan=False)


def test_several_models_stand_above_their_augmentations(summary):
    headline = for_dvc.headline(summary("inception", "resnet50"))
    assert headline.keys() == {
        "mini_market inception iterations",
        "mini_market resnet50 iterations",
    }
    assert "puppet" in headline["mini_market resnet50 iterations"]


def test_every_curve_of_the_plot_ends_at_all_real_images(summary):
    points = for_dvc.curve_points(summary("inception"))
    real = points[points["position"] == 1].set_index("augmentation")["mAP"]
    assert {"none", "patn", "puppet"} <= set(real.index)
    assert real["patn"] == real["none"]
    assert points["position"].max() == pytest.approx(1.24)  # x3


def test_dots_of_cards_have_their_intervals_and_leave_real_images_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_cards(tmp_path, names=("patn", "spt"))
    dots = for_dvc.scores(card.all_cards())
    assert (dots["low"] <= dots["value"]).all() and (dots["value"] <= dots["high"]).all()
    assert not dots["panel"].str.contains("real").any()
    frechet = dots[dots["panel"] == "mini_market: Fréchet, re-ID"]
    assert (frechet["low"] == frechet["value"]).all()  # it has no interval
    assert "mini_market: PCKh" not in set(dots["panel"][dots["generator"] == "spt"])  # unavailable
