import pytest

from augment.results.table6 import published


def test_the_gaps_that_the_papers_table_shows():
    """Worked out by hand from the table: (52.6 - 9.2) / (65.3 - 9.2) = 0.77, and so on."""
    arms = published().set_index(["model", "augmentation", "portion", "ratio"]).sort_index()
    by_hand = {
        ("resnet50", 0.1): 0.77,
        ("resnet50", 0.3): 0.63,
        ("resnet50", 0.5): 0.45,
        ("inception", 0.1): 0.78,
        ("inception", 0.3): 0.74,
        ("inception", 0.5): 0.65,
    }
    found = {key: arms.loc[(key[0], "patn", key[1], 1), "gap_closed"] for key in by_hand}
    assert found == pytest.approx(by_hand, abs=0.006)


def test_extended_sets_stand_at_portion_1():
    arms = published()
    extended = arms[arms["ratio"] > 1]
    assert set(extended["portion"]) == {1.0} and set(extended["ratio"]) == {2, 3}
    assert "none" not in set(extended["augmentation"])
    circle = extended[
        (extended["model"] == "resnet50_circle") & (extended["augmentation"] == "patn-star")
    ]
    assert circle["mAP_mean"].tolist() == [0.843, 0.835]
