from collections import Counter

import made_studies
import pandas as pd
import pytest

from augment.results.user_study import study
from augment.results.user_study.study import AB, REAL, REAL_OR_GENERATED


def test_the_papers_protocol():
    """PATN section 4.3.3: 55 real and 55 generated images, shuffled, the first 10 for practice."""
    trials = study.draw(REAL_OR_GENERATED, ("patn",), 55, 10, seed=0)
    assert Counter(trial.shown for trial in trials) == {(REAL,): 55, ("patn",): 55}
    assert [trial.practice for trial in trials] == [True] * 10 + [False] * 100
    assert sorted(trial.pair for trial in trials) == list(range(110))
    kinds = [trial.shown[0] for trial in trials]
    assert 40 < sum(one != other for one, other in zip(kinds, kinds[1:], strict=False)) < 70, (
        "shuffled, not sorted"
    )


def test_every_generator_has_a_part_with_images_of_its_own():
    trials = study.draw(REAL_OR_GENERATED, ("patn", "apatn"), 5, 2, seed=0)
    for part, name in enumerate(("patn", "apatn")):
        own = [trial for trial in trials if trial.part == part]
        assert Counter(trial.shown[0] for trial in own) == {REAL: 5, name: 5}
        assert [trial.practice for trial in own] == [True] * 2 + [False] * 8
    assert len({trial.pair for trial in trials}) == 20


def test_ab_shows_all_of_them_in_random_order():
    trials = study.draw(AB, ("patn", "apatn", "spt"), 300, 0, seed=0)
    assert all(sorted(trial.shown) == ["apatn", "patn", "spt"] for trial in trials)
    orders = Counter(trial.shown for trial in trials)
    assert len(orders) == 6 and min(orders.values()) > 25


def test_a_seed_gives_one_order():
    one, again, other = (
        study.draw(REAL_OR_GENERATED, ("patn",), 20, 5, seed) for seed in (3, 3, 4)
    )
    assert one == again != other


@pytest.mark.parametrize(
    "form, generators, practice, message",
    [
        (REAL_OR_GENERATED, ("patn", "patn"), 1, "--generator patn: occurs twice"),
        (AB, ("patn",), 0, "--form ab compares generators: use --generator at least twice"),
        (
            REAL_OR_GENERATED,
            ("patn",),
            5,
            "--practice 5: must be fewer than --images 5, so that some images of each kind count",
        ),
    ],
)
def test_what_cannot_be_asked(form, generators, practice, message):
    with pytest.raises(ValueError, match=message):
        study.draw(form, generators, 5, practice, 0)


def test_nobody_judges_an_image_twice():
    pairs = pd.DataFrame({"target": ["a", "b", "a", "c", "b"]})
    assert list(study.distinct(pairs, 3)) == [0, 1, 3]
    with pytest.raises(
        ValueError,
        match="needs 4 held-out images that are in a pair, but the data set has 3; use fewer",
    ):
        study.distinct(pairs, 4)


def test_the_name_of_a_study_follows_from_all_of_it():
    key, shown = made_studies.make(AB, ("patn", "apatn"), 3, 0)
    assert made_studies.make(AB, ("patn", "apatn"), 3, 0)[0] == key
    shown[1][0][5, 5, 0] ^= 1
    trials = study.draw(AB, ("patn", "apatn"), 3, 0, 0)
    about = {name: key[name] for name in key.keys() - {"study", "form", "trials"}}
    assert study.key(AB, trials, made_studies.PAIRS, shown, about)["study"] != key["study"]
    row = key["trials"][2]
    assert (row["id"], row["source"], row["target"]) == ("t002", "s2.jpg", "t2.jpg")
