import made_results
import pandas as pd
import pytest

from augment import files
from augment.results.curves import summarise
from augment.results.harm import judge
from augment.results.page import answer


def judged(*arms):
    """A summary of arms (augmentation, portion, mAP, budget)."""
    rows = [
        {
            "dataset": "d",
            "model": "m",
            "augmentation": augmentation,
            "portion": portion,
            "ratio": 1,
            "budget": budget,
            "seed": 0,
            "rank1": 0.0,
            "mAP": mAP,
        }
        for augmentation, portion, mAP, budget in arms
    ]
    return judge(summarise(pd.DataFrame(rows)))


REAL = (
    ("none", 0.1, 0.1, "iterations"),
    ("none", 0.3, 0.2, "iterations"),
    ("none", 1.0, 0.6, "iterations"),
)


def test_the_best_at_each_portion_and_the_best_that_saw_no_removed_image():
    (found,) = answer.answers(
        judged(
            *REAL,
            ("patn", 0.1, 0.4, "iterations"),
            ("patn-leak_free", 0.1, 0.2, "iterations"),
            ("puppet", 0.1, 0.3, "iterations"),
            ("patn", 0.3, 0.3, "iterations"),
            ("puppet", 0.3, 0.4, "iterations"),
            ("classic", 0.3, 0.5, "iterations"),
        )
    )
    assert [(won.augmentation, won.portion, won.saw_all) for won in found.best] == [
        ("patn", 0.1, True),
        ("puppet", 0.3, False),
    ]
    first = found.best[0]
    assert (first.gap, first.none, first.augmented, first.real) == pytest.approx(
        (0.6, 0.1, 0.4, 0.6)
    )
    assert answer.sentence(found.best) == "60% at 0.1 with patn; 50% at 0.3 with puppet"
    assert answer.sentence(found.fair) == "40% at 0.1 with puppet"


def test_equal_iterations_come_first_and_no_gap_no_answer():
    arms = [
        (name, portion, mAP, budget)
        for name, portion, mAP, _ in REAL
        for budget in ("epochs", "iterations")
    ]
    augmented = [("patn", 0.1, 0.3, budget) for budget in ("epochs", "iterations")]
    assert [one.budget for one in answer.answers(judged(*arms, *augmented))] == [
        "iterations",
        "epochs",
    ]
    assert answer.answers(judged(*arms)) == []


def test_what_was_used(tmp_path):
    made_results.write(tmp_path, budgets=("iterations",), portions=(0.1, 1.0))
    lines = dict(
        answer.used([files.read_json(file) for file in sorted(tmp_path.rglob("seed*.json"))])
    )
    assert (
        lines["mini_market"] == "12,936 real training images, 3,368 queries, 15,913 gallery images"
    )
    assert lines["Arms"] == "12, trained in 36 runs" and lines["Seeds of training"] == "0, 1, 2"
    assert (lines["Seed of reduce"], lines["Seed of generator"]) == ("0", "0, 1")
    assert lines["Commit"].startswith("0b6fd49")
    assert "torch 2.11.0" in lines["Versions"]


def test_results_without_the_newer_keys_are_used_too(tmp_path):
    made_results.write(
        tmp_path, budgets=("iterations",), seeds=(0,), portions=(0.1, 1.0), full=False
    )
    lines = dict(
        answer.used([files.read_json(file) for file in sorted(tmp_path.rglob("seed*.json"))])
    )
    assert lines["Commit"] == "unknown" and "Versions" not in lines
