import copy
import json
import re

import made_studies
import numpy as np
import pandas as pd
import pytest

from augment.results.user_study import answers, score
from augment.results.user_study.study import AB, GENERATED, REAL, REAL_OR_GENERATED


def files_of(folder, given):
    found = []
    for number, one in enumerate(given):
        found.append(folder / f"answers{number}.json")
        found[-1].write_text(json.dumps(one))
    return found


@pytest.fixture
def judged():
    return made_studies.make(REAL_OR_GENERATED, ("patn", "apatn"), 6, 3)[0]


@pytest.fixture
def compared():
    return made_studies.make(AB, ("patn", "apatn", "spt"), 9, 2)[0]


def raters(folder, key, *decisions):
    given = [made_studies.answers(key, f"rater {n}", decide) for n, decide in enumerate(decisions)]
    return answers.read_all(files_of(folder, given), key, "user_study.key.json")


def test_r2g_and_g2r_by_hand(tmp_path, judged):
    """Random answers, counted in another way: four numbers per generator and rater, no practice."""
    rng = np.random.default_rng(1)
    said = [
        {trial["id"]: str(rng.choice([REAL, GENERATED])) for trial in judged["trials"]}
        for _ in range(3)
    ]
    found = raters(tmp_path, judged, *(lambda trial, one=one: one[trial["id"]] for one in said))
    shares = score.shares(judged, found).set_index(["generator", "rater"])
    frame = pd.DataFrame(judged["trials"])
    frame = frame[~frame["practice"]].assign(kind=lambda rows: rows["shown"].str[0])
    assert len(frame) == 2 * (12 - 3)
    for part, generator in enumerate(("patn", "apatn")):
        for number, one in enumerate(said):
            own = frame[frame["part"] == part].assign(
                said=lambda rows, one=one: rows["id"].map(one)
            )
            crossed = pd.crosstab(own["kind"], own["said"], normalize="index")
            r2g, g2r = shares.loc[(generator, f"rater {number}")]
            assert r2g == pytest.approx(crossed.get(GENERATED, {}).get(REAL, 0.0))
            assert g2r == pytest.approx(crossed.get(REAL, {}).get(generator, 0.0))
    table = score.table(judged, found).set_index("generator")
    assert list(table.index) == ["patn", "apatn"] and list(table["raters"]) == [3, 3]
    for generator in table.index:
        own = shares.loc[generator]
        assert table.at[generator, "G2R"] == pytest.approx(own["G2R"].mean())
        assert table.at[generator, "R2G_variance"] == pytest.approx(np.var(own["R2G"], ddof=1))
        assert (
            own["G2R"].min()
            <= table.at[generator, "G2R_low"]
            <= table.at[generator, "G2R"]
            <= table.at[generator, "G2R_high"]
        )


def test_its_ends(tmp_path, judged):
    """A rater who is always right has 0 and 0, always wrong 1 and 1, always `real` 0 and 1."""
    right = raters(tmp_path, judged, lambda trial: REAL if trial["shown"] == [REAL] else GENERATED)
    wrong = raters(tmp_path, judged, lambda trial: GENERATED if trial["shown"] == [REAL] else REAL)
    trusting = raters(tmp_path, judged, lambda trial: REAL)
    for found, r2g, g2r in ((right, 0, 0), (wrong, 1, 1), (trusting, 0, 1)):
        table = score.table(judged, found)
        assert (table["R2G"] == r2g).all() and (table["G2R"] == g2r).all()
        assert table[["R2G_low", "G2R_high", "G2R_variance"]].isna().all().all(), (
            "one rater has no spread"
        )


def test_the_interval_is_over_raters(tmp_path, judged):
    """Of two who disagree in everything it is all there is; of six who agree it is a point."""
    right = lambda trial: REAL if trial["shown"] == [REAL] else GENERATED  # noqa: E731
    wrong = lambda trial: GENERATED if trial["shown"] == [REAL] else REAL  # noqa: E731
    row = score.table(judged, raters(tmp_path, judged, right, wrong)).iloc[0]
    assert (row["R2G"], row["R2G_low"], row["R2G_high"]) == (0.5, 0, 1)
    row = score.table(judged, raters(tmp_path, judged, *[wrong] * 6)).iloc[0]
    assert (row["R2G"], row["R2G_low"], row["R2G_high"]) == (1, 1, 1)


def test_preference_is_a_share_of_the_trials(tmp_path, compared):
    """One always likes spt, another always what stands first."""
    found = raters(tmp_path, compared, lambda trial: trial["shown"].index("spt"), lambda trial: 0)
    table = score.table(compared, found).set_index("generator")
    counted = [trial["shown"][0] for trial in compared["trials"] if not trial["practice"]]
    assert len(counted) == 7
    for name in ("patn", "apatn", "spt"):
        assert table.at[name, "preferred"] == pytest.approx(
            (counted.count(name) / 7 + (name == "spt")) / 2
        )
    assert table["preferred"].sum() == pytest.approx(1)


def test_the_printed_table(tmp_path, judged, compared):
    trusting = raters(tmp_path, judged, lambda trial: REAL, lambda trial: REAL)
    text = score.markdown(judged, score.table(judged, trusting))
    assert text.splitlines()[0] == "| mini_market | raters | R2G | G2R |"
    assert "| patn | 2 | 0.000 (0.000 to 0.000) | 1.000 (1.000 to 1.000) |" in text
    assert "| *patn on Market-1501: PATN, Table 3* | 30 | 0.322 | 0.635 |" in text
    assert "| *apatn on Market-1501: PATN, Table 3* | 30 | 0.342 | 0.703 |" in text
    assert (
        "| *spgnet on Market-1501: SPGNet, Table 2* | 30 | 0.379 | 0.665 |" in text
        and text.count("Market-1501") == 3
    )
    first = raters(tmp_path, compared, lambda trial: 0)
    text = score.markdown(compared, score.table(compared, first))
    assert text.splitlines()[0] == "| mini_market | raters | preferred; chance: 0.333 |"
    assert "| *spgnet on Market-1501: SPGNet, Table 2, best of 7* | 30 | 0.251 |" in text


def test_seconds_that_were_none_are_told(tmp_path, judged):
    saved = made_studies.answers(judged, "Ada", lambda trial: REAL)
    for row, shown_ms, seen in zip(
        saved["trials"], (3000, 3000, 3000, 1200, 880, 1040), (2, 1, 1, 1, 1, 3), strict=False
    ):
        row |= {"shown_ms": shown_ms, "seen": seen}
    found = answers.read_all(files_of(tmp_path, [saved]), judged, "key")
    file = tmp_path / "answers0.json"
    assert score.irregular(judged, found, 1000) == [  # the first three are practice
        f"{file}: 2 of 18 images were shown for 880 to 1200 ms",
        f"{file}: 1 of 18 images were shown again after a reload",
    ]


def spoilt(saved, spoil):
    saved = copy.deepcopy(saved)
    spoil(saved)
    return saved


@pytest.mark.parametrize(
    "spoil, message",
    [
        (
            lambda saved: saved.update(study="0" * 16),
            "answers0.json: study: answers of study 0000000000000000, but key.json is the key",
        ),
        (lambda saved: saved.update(rater="  "), "answers0.json: rater: is empty"),
        (
            lambda saved: saved.pop("trials"),
            "answers0.json: no key 'trials' of a list; is it a file that the page of a study",
        ),
        (
            lambda saved: saved["trials"].pop(),
            r"answers0.json: trials: 1 of 24 have no answer \(t023\); have the rater finish",
        ),
        (
            lambda saved: saved.update(trials=[]),
            r"24 of 24 have no answer \(t000, t001, t002, t003, t004, ...\)",
        ),
        (
            lambda saved: saved["trials"].append(saved["trials"][2]),
            r"answers0.json: trials\[24\]: id: trial t002 has an answer alr",
        ),
        (
            lambda saved: saved["trials"][3].update(id="t999"),
            r"answers0.json: trials\[3\]: id: not a trial of key.json: 't999'",
        ),
        (
            lambda saved: saved["trials"].insert(0, 7),
            r"trials\[0\]: id: not a trial of key.json: 7",
        ),
        (
            lambda saved: saved["trials"][1].update(answer=0),
            r"trials\[1\]: answer: 0 is not one of real, generated",
        ),
        (
            lambda saved: saved["trials"][1].pop("answer"),
            r"trials\[1\]: answer: None is not one of real, generated",
        ),
        (
            lambda saved: saved["trials"][1].update(reaction_ms="1"),
            r"trials\[1\]: reaction_ms: '1' is not a number of at least 0",
        ),
        (
            lambda saved: saved["trials"][1].pop("shown_ms"),
            r"trials\[1\]: shown_ms: None is not a number",
        ),
    ],
)
def test_answers_that_cannot_be_scored(tmp_path, judged, spoil, message):
    saved = spoilt(made_studies.answers(judged, "Ada", lambda trial: REAL), spoil)
    with pytest.raises(ValueError, match=message):
        answers.read_all(files_of(tmp_path, [saved]), judged, "key.json")


@pytest.mark.parametrize("answer", [3, -1, True, "patn"])
def test_a_place_where_no_picture_was(tmp_path, compared, answer):
    saved = made_studies.answers(compared, "Ada", lambda trial: answer)
    with pytest.raises(ValueError, match=rf"trials\[0\]: answer: {answer!r} is not one of 0, 1, 2"):
        answers.read_all(files_of(tmp_path, [saved]), compared, "key.json")


def test_one_rater_twice(tmp_path, judged):
    given = [
        made_studies.answers(judged, name, lambda trial: REAL)
        for name in ("Ada L", "Grace", " ada  l")
    ]
    files = files_of(tmp_path, given)
    with pytest.raises(
        ValueError,
        match=f"{files[2]}: rater 'ada  l' has answered in {files[0]} already; pass only one of the two",
    ):
        answers.read_all(files, judged, "key.json")


def test_no_file_and_no_json(tmp_path, judged):
    with pytest.raises(
        FileNotFoundError, match=re.escape(f"{tmp_path / 'none.json'}: file of answers not found")
    ):
        answers.read(tmp_path / "none.json", judged, "key.json")
    (tmp_path / "page.html").write_text("<!doctype html>")
    with pytest.raises(ValueError, match="page.html: not JSON"):
        answers.read(tmp_path / "page.html", judged, "key.json")
