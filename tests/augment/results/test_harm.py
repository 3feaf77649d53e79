import pandas as pd
import pytest

from augment.results.curves import summarise
from augment.results.harm import alarms, defeats, judge, rivals, unjudged


def summary(*arms):
    """A summary of arms (augmentation, portion, ratio, mAP of each seed)."""
    rows = [
        {
            "dataset": "d",
            "model": "m",
            "augmentation": augmentation,
            "portion": portion,
            "ratio": ratio,
            "budget": "iterations",
            "seed": seed,
            "rank1": 0.0,
            "mAP": mAP,
        }
        for augmentation, portion, ratio, values in arms
        for seed, mAP in enumerate(values)
    ]
    return summarise(pd.DataFrame(rows))


# Two seeds at a - h and a + h have mean a and standard deviation h sqrt 2.
NONE = (("none", 0.1, 1, (0.19, 0.21)), ("none", 1.0, 1, (0.59, 0.61)))


def test_harm_is_a_difference_beyond_the_spread_of_two_runs():
    # Spread sqrt(0.0002 + 0.0002) = 0.02 against none: 0.179 is beyond it, 0.181 is not.
    judged = judge(
        summary(*NONE, ("patn", 0.1, 1, (0.169, 0.189)), ("apatn", 0.1, 1, (0.171, 0.191)))
    ).set_index("augmentation")
    assert judged.loc["patn", "difference"] == pytest.approx(-0.021)
    assert judged.loc["patn", "spread"] == pytest.approx(0.02)
    assert judged["harm"].to_dict() == {"none": False, "patn": True, "apatn": False}
    assert judged.loc["none", ["difference", "spread"]].isna().all(axis=None)


@pytest.mark.parametrize(
    "none, patn", [((0.2,), (0.199,)), ((0.19, 0.21), (0.199,)), ((0.2,), (0.18, 0.218))]
)
def test_where_one_arm_has_one_seed_any_lower_mean_counts(none, patn):
    judged = judge(summary(("none", 0.1, 1, none), ("patn", 0.1, 1, patn)))
    (arm,) = judged[judged["augmentation"] == "patn"].itertuples()
    assert arm.harm and pd.isna(arm.spread)
    assert [str(one) for one in alarms(judged)] == [
        "d, m, equal iterations: patn lowers mAP at 0.1 (-0.001, one seed)"
    ]


def test_a_higher_or_equal_arm_of_one_seed_is_no_harm():
    judged = judge(
        summary(("none", 0.1, 1, (0.2,)), ("patn", 0.1, 1, (0.2,)), ("puppet", 0.1, 1, (0.3,)))
    )
    assert not judged["harm"].any() and alarms(judged) == []


def test_extended_sets_are_held_to_the_real_set():
    judged = judge(summary(*NONE, ("patn", 1.0, 2, (0.64, 0.66)), ("patn", 1.0, 3, (0.49, 0.51))))
    extended = judged[judged["ratio"] > 1].set_index("ratio")
    assert extended["difference"].to_dict() == pytest.approx({2: 0.05, 3: -0.1})
    assert extended["harm"].to_dict() == {2: False, 3: True}
    assert [str(one) for one in alarms(judged)] == [
        "d, m, equal iterations: patn lowers mAP at x3 (-0.100 ± 0.020)"
    ]


def test_another_budget_or_model_is_no_reference():
    arms = summary(*NONE, ("patn", 0.1, 1, (0.1, 0.1)))
    arms.loc[arms["augmentation"] == "patn", "budget"] = "epochs"
    judged = judge(arms)
    assert not judged["harm"].any()
    assert unjudged(judged) == ["d, m, equal epochs: patn at 0.1"]


def test_a_trained_generator_must_beat_what_costs_nothing():
    compared = rivals(
        summary(
            *NONE,
            ("classic", 0.1, 1, (0.29, 0.31)),
            ("puppet", 0.1, 1, (0.39, 0.41)),
            ("puppet-plate", 0.1, 1, (0.8, 0.8)),
            (
                "patn",
                0.1,
                1,
                (0.40, 0.42),
            ),  # beats classic, and puppets by 0.01, less than the spread of 0.02
            ("classic", 1.0, 1, (0.64, 0.66)),
            ("puppet", 1.0, 2, (0.61, 0.63)),
            ("patn", 1.0, 2, (0.65, 0.67)),
        )
    ).set_index(["ratio", "rival"])
    assert set(compared["augmentation"]) == {"patn"}
    assert compared["difference"].to_dict() == pytest.approx(
        {(1, "classic"): 0.11, (1, "puppet"): 0.01, (2, "classic"): 0.01, (2, "puppet"): 0.04}
    )
    assert compared["beaten"].to_dict() == {
        (1, "classic"): True,
        (1, "puppet"): False,
        (2, "classic"): False,
        (2, "puppet"): True,
    }
    assert [str(one) for one in defeats(compared.reset_index())] == [
        "d, m, equal iterations: patn does not beat classic at x2",
        "d, m, equal iterations: patn does not beat puppet at 0.1",
    ]


def test_without_rivals_there_is_nothing_to_compare():
    compared = rivals(summary(*NONE, ("patn", 0.1, 1, (0.3, 0.3))))
    assert len(compared) == 0 and defeats(compared) == []
