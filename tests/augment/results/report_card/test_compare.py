"""compare: differences on the same pairs."""

import numpy as np
import pandas as pd
import pytest

from augment.results.report_card.compare import differences, joined
from augment.results.report_card.settings import DiversityParams, EvaluationParams, JudgeParams

SETTINGS = EvaluationParams(
    None, 0, (64, 32), JudgeParams("inception", "iterations"), DiversityParams(4, 3), 400, 8
)


def pairs(ssim, right=None, number=60):
    rows = range(number)
    frame = {
        "source": [f"a{row}" for row in rows],
        "target": [f"b{row}" for row in rows],
        "pid": [row // 4 for row in rows],
    }
    return pd.DataFrame(
        frame | {"ssim": ssim, "pckh_right": 9 if right is None else right, "pckh_counted": 18}
    )


def test_differences_of_pairs_are_surer_than_the_means():
    rng = np.random.default_rng(0)
    hard = rng.normal(0.5, 0.2, 60)  # how hard a pair is for everybody
    one, two = (
        pairs(hard),
        pairs(hard + rng.normal(0.02, 0.01, 60), right=12).sample(frac=1, random_state=0),
    )
    table = differences(joined(one, two, ("one", "two")), SETTINGS).set_index("metric")
    ssim = table.loc["ssim"]
    assert ssim["first"] == pytest.approx(one["ssim"].mean()) and ssim["second"] == pytest.approx(
        two["ssim"].mean()
    )
    assert ssim["difference"] == pytest.approx(ssim["second"] - ssim["first"])
    assert 0 < ssim["low"] < ssim["difference"] < ssim["high"] < 0.03 and ssim["differ"] == "differ"
    assert table.loc["pckh", ["first", "second", "difference"]].tolist() == pytest.approx(
        [9 / 18, 12 / 18, 3 / 18]
    )
    assert set(table.index) == {"ssim", "pckh"}


def test_the_same_twice_differs_nowhere():
    table = differences(joined(pairs(0.3), pairs(0.3), ("one", "two")), SETTINGS)
    assert (table[["difference", "low", "high"]] == 0).all().all() and (table["differ"] == "").all()


def test_a_pair_without_a_value_in_one_counts_in_neither():
    one, two = pairs(np.arange(60.0)), pairs(np.arange(60.0))
    one.loc[3, "ssim"] = np.nan
    two.loc[7, "ssim"] = np.nan
    ssim = differences(joined(one, two, ("one", "two")), SETTINGS).set_index("metric").loc["ssim"]
    assert ssim["first"] == ssim["second"] == np.delete(np.arange(60.0), [3, 7]).mean()


def test_other_pairs_are_refused():
    with pytest.raises(
        ValueError, match="one was scored on 60 pairs and two on 40, of which 40 are the same"
    ):
        joined(pairs(0.3), pairs(0.3, number=40), ("one", "two"))


def test_of_two_cards(project, augment):
    for name in ("copy_source", "mean_image"):
        assert augment("evaluate-generator", "--generator", name).exit_code == 0
    result = augment("compare", "copy_source", "mean_image")
    assert result.exit_code == 0, result.output
    assert "pairs of 3 identities; mean_image - copy_source, 95% interval" in result.output
    line = next(line.split() for line in result.output.splitlines() if line.split()[0] == "l1")
    frames = [
        pd.read_csv(project / f"results/generators/{name}/pairs.csv")
        for name in ("copy_source", "mean_image")
    ]
    assert [float(cell) for cell in line[1:4]] == pytest.approx(
        [
            frames[0]["l1"].mean(),
            frames[1]["l1"].mean(),
            (frames[1]["l1"] - frames[0]["l1"]).mean(),
        ],
        abs=6e-5,
    )


def test_a_card_that_is_not_there(project, augment):
    result = augment("compare", "patn", "apatn")
    assert result.exit_code == 1
    assert (
        "patn.json: not found; run `augment evaluate-generator` for it first (existing cards: none)"
        in result.output
    )
