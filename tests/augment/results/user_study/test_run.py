"""`augment user-study` on a small project, from trained generators to the page and its key."""

import base64
import io
import json
import re

import made_studies
import numpy as np
import pytest
from PIL import Image

from augment import files
from augment.prepared import index
from augment.results.user_study.study import REAL

SMALL = ("--images", "2", "--practice", "1", "--output", "study.html")


def parts(file):
    return json.loads(re.search(r'id="study">(.*?)</script>', file.read_text())[1])["parts"]


def pixels(address):
    with Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))) as image:
        return np.asarray(image.convert("RGB"))


def written(project, augment, *arguments):
    result = augment("user-study", *arguments, *SMALL)
    assert result.exit_code == 0, result.output
    return parts(project / "study.html"), files.read_json(project / "study.key.json"), result.output


def test_real_images_are_held_out_ones_at_the_generators_size(project, augment):
    (trials,), key, printed = written(project, augment, "--generator", "patn")
    assert (
        "real-or-generated, patn: 4 trials of mini_market -> study.html" in printed
        and "file:///" in printed
    )
    rows = index.read(project / "data/prepared/index.csv").set_index("path")
    assert [len(trial["shown"]) for trial in trials] == [1] * 4 and not any(
        trial["given"] for trial in trials
    )
    assert sorted(trial["shown"] for trial in key["trials"]) == [["patn"]] * 2 + [[REAL]] * 2
    assert (
        [trial["practice"] for trial in key["trials"]]
        == [trial["practice"] for trial in trials]
        == [True] + [False] * 3
    )
    for trial, told in zip(trials, key["trials"], strict=True):
        found = pixels(trial["shown"][0])
        assert found.shape == (32, 16, 3), "PATN's size here: nobody can tell by sharpness alone"
        assert (
            rows.at[told["target"], "split"] != "train"
            and rows.at[told["source"], "pid"] == rows.at[told["target"], "pid"]
        )
        with Image.open(project / "data/prepared" / told["target"]) as image:
            target = np.asarray(image.convert("RGB").resize((16, 32), Image.Resampling.BILINEAR))
        assert np.array_equal(found, target) == (told["shown"] == [REAL])


def test_ab_shows_the_task_and_what_each_made_of_it(project, augment):
    (trials,), key, _ = written(
        project,
        augment,
        "--generator",
        "patn",
        "--generator",
        "copy_source",
        "--form",
        "ab",
        "--with-target",
    )
    for trial, told in zip(trials, key["trials"], strict=True):
        given = dict(trial["given"])
        assert list(given) == ["the person", "the pose", "as it really was"] and pixels(
            given["the pose"]
        ).shape == (
            384,
            192,
            3,
        )
        for caption, which in (("the person", "source"), ("as it really was", "target")):
            with Image.open(project / "data/prepared" / told[which]) as image:
                assert np.array_equal(pixels(given[caption]), np.asarray(image.convert("RGB")))
        copied = pixels(trial["shown"][told["shown"].index("copy_source")])
        small = Image.fromarray(pixels(given["the person"])).resize(
            copied.shape[1::-1], Image.Resampling.BILINEAR
        )
        assert sorted(told["shown"]) == ["copy_source", "patn"] and np.array_equal(
            copied, np.asarray(small)
        )


def test_equal_flags_give_equal_bytes_and_no_key_is_lost(project, augment):
    flags = ("user-study", "--generator", "patn", *SMALL)
    augment(*flags)
    first = {name: (project / name).read_bytes() for name in ("study.html", "study.key.json")}
    assert augment(*flags).exit_code == 0
    assert {name: (project / name).read_bytes() for name in first} == first
    other = augment(*flags, "--seed", "1")
    study = json.loads(first["study.key.json"])["study"]
    assert (
        other.exit_code == 1
        and f"study.key.json: is the key of study {study}, needed to score its answers"
        in other.output
    )
    assert {name: (project / name).read_bytes() for name in first} == first


def test_a_dry_run_writes_nothing(project, augment):
    result = augment("user-study", "--generator", "patn", "--dry-run", *SMALL)
    assert (
        result.exit_code == 0 and "4 trials" in result.output and not list(project.glob("study*"))
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            ("--generator", "apatn"),
            "models/full/apatn/generator.pt: not found; run `augment train-generator --generator apatn`",
        ),
        (("--generator", "pix2pix"), "unknown generator 'pix2pix'"),
        (
            ("--generator", "patn", "--images", "500"),
            "the study needs 1000 held-out images that are in a pair",
        ),
        (
            ("--generator", "patn", "--images", "10"),
            "--practice 10: must be fewer than --images 10",
        ),
        ((), "expected --generator NAME, or --score and files of answers"),
        (("--score",), "--score and files of answers go together"),
        (("--generator", "patn", "a.json"), "--score and files of answers go together"),
        (("--score", "--generator", "patn", "a.json"), "--score reads the generators from the key"),
        (
            ("--score", "a.json"),
            "reports/user_study.key.json: key not found; --output must name the study's page",
        ),
    ],
)
def test_what_cannot_be_done(project, augment, arguments, message):
    result = augment("user-study", *arguments)
    assert result.exit_code != 0 and message in result.output
    assert not (project / "reports").exists()


def test_answers_are_scored_and_the_table_is_written(project, augment):
    _, key, _ = written(project, augment, "--generator", "patn")
    for name, answer in (("Ada", "real"), ("Grace", "generated")):
        saved = made_studies.answers(key, name, lambda trial, answer=answer: answer)
        saved["trials"][-1]["shown_ms"] = 1500
        (project / f"{name}.json").write_text(json.dumps(saved))
    result = augment("user-study", "--score", "Ada.json", "Grace.json", "--output", "study.html")
    assert "| patn | 2 | 0.500 (0.000 to 1.000) | 0.500 (0.000 to 1.000) |" in result.output
    assert "Ada.json: 1 of 3 images were shown for 1500 to 1500 ms" in result.output
    lines = (project / "study.csv").read_text().splitlines()
    assert (
        lines[0]
        == "generator,raters,R2G,R2G_low,R2G_high,R2G_variance,G2R,G2R_low,G2R_high,G2R_variance"
    )
    assert lines[1] == "patn,2,0.5,0,1,0.5,0.5,0,1,0.5"
    twice = augment("user-study", "--score", "Ada.json", "Ada.json", "--output", "study.html")
    assert (
        twice.exit_code == 1
        and "Ada.json: rater 'Ada' has answered in Ada.json already" in twice.output
    )
