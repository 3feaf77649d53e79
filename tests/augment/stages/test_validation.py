"""train-reid --validation, the arm `classic`, and tune."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from augment.arms import Arm
from augment.augmentations import parse
from augment.prepared import index
from augment.reid_training import arm as train_reid
from augment.reid_training import training_set
from augment.reid_training.tune import all_settings, parse_switches

PATN = Arm("inception", parse("patn"), 0.4, 1, "iterations", 0)
TUNE = "tune --model inception --augmentation patn --portion 0.4 --name t".split()
RATES = ["--set", "reid.inception.learning_rate=0.1,0.3"]


@pytest.fixture
def halved(project):
    """The project with two of its four training identities held out."""
    change(project, lambda params: params["validation"].update(identities=0.5))
    return project


def change(project, edit):
    file = project / "params.yaml"
    params = yaml.safe_load(file.read_text())
    edit(params)
    file.write_text(yaml.safe_dump(params, sort_keys=False))


def run(augment, *arguments):
    result = augment(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_held_out_identities_are_scored_and_never_trained_on(halved):
    sets = train_reid.load_sets(PATN, train_reid.load_settings(PATN, True))
    prepared = index.read(halved / "data/prepared/index.csv")
    real = prepared[prepared["split"] == "train"]
    out = set(sets.query["pid"])
    assert len(out) == 2 and set(sets.gallery["pid"]) <= out and not out & set(sets.train["pid"])
    # All real images of those held out, whatever the portion; of the others the reduced set and
    # what was generated for them.
    scored = {*sets.query["path"], *sets.gallery["path"]}
    assert scored == set(real.loc[real["pid"].isin(out), "path"])
    others = training_set.rows(PATN.augmentation, PATN.portion, PATN.ratio)
    assert (
        sets.train["path"].tolist() == others.loc[~others["pid"].isin(out), "path"].tolist()
        and sets.generated
    )
    test = train_reid.load_sets(PATN, train_reid.load_settings(PATN, False))
    assert set(test.query["split"]) == {"query"} and not set(test.query["pid"]) & set(real["pid"])


def test_validation_writes_results_of_its_own(halved, augment):
    before = {file: file.read_bytes() for file in Path("results").rglob("*.json")}
    output = run(augment, "train-reid", "--model", "inception", "--portion", "0.4", "--validation")
    assert "validation: 2 other identities" in output
    result = json.loads(
        Path("results/validation/iterations/inception/none/0.4/seed0.json").read_text()
    )
    assert (
        result["num_queries"] + result["num_gallery"] == 10 and result["seeds"]["validation"] == 0
    )
    assert Path("models/validation/iterations/inception/none/0.4/seed0/weights.pt").is_file()
    assert {file: file.read_bytes() for file in Path("results/reid").rglob("*.json")} == before


def test_classic_changes_the_images_and_nothing_else(project, augment):
    change(project, lambda params: params["classic"].update(erasing=0.9, flip=0.25))
    arm = Arm("inception", parse("classic"), 1.0, 1, "iterations", 0)
    plain, classic = (train_reid.load_settings(one, False).reid for one in (PATN, arm))
    assert (classic.augment.erasing, classic.augment.flip) == (
        0.9,
        0.25,
    ) and plain.augment.erasing == 0.0
    assert vars(plain) | {"augment": None} == vars(classic) | {"augment": None}
    for portion, images in ((0.4, 8), (1.0, 20)):
        run(
            augment,
            "train-reid",
            "--model",
            "inception",
            "--portion",
            str(portion),
            "--augmentation",
            "classic",
        )
        result = json.loads(
            Path(f"results/reid/iterations/inception/classic/{portion}/seed0.json").read_text()
        )
        assert (result["train_images"], result["generated_images"], result["augmentation"]) == (
            images,
            0,
            "classic",
        )


def test_the_gate_asks_the_model_of_the_same_reduced_set(halved, augment):
    change(halved, lambda params: params["generated"].update(gate={"drop": 0.5, "pose": 0.0}))
    flags = (
        "train-reid",
        "--model",
        "inception",
        "--portion",
        "0.4",
        "--generator",
        "patn",
        "--validation",
    )
    result = augment(*flags)
    judge = "models/validation/iterations/inception/none/0.4/seed0/weights.pt"
    assert (
        result.exit_code == 1
        and f"{judge}: not found; generated.gate needs a model" in result.output
    )
    run(augment, *(flags[:5]), "--validation")
    output = run(augment, *flags)
    result = json.loads(
        Path("results/validation/iterations/inception/patn/0.4/seed0.json").read_text()
    )
    rejected, generated = result["rejected_images"], result["generated_images"]
    assert rejected == round(0.5 * (rejected + generated)) > 0
    assert f"the gate left out {rejected} of {rejected + generated} generated images" in output
    scores = pd.read_csv("models/validation/iterations/inception/patn/0.4/seed0/gate.csv")
    sets = train_reid.load_sets(PATN, train_reid.load_settings(PATN, True))
    trained = set(index.locate(sets.train)["path"])
    assert set(scores.loc[scores["accepted"], "path"]) <= trained
    assert not trained & set(scores.loc[~scores["accepted"], "path"])


def test_tuning_tries_one_switch_at_a_time_and_goes_on_where_it_stopped(
    halved, augment, monkeypatch
):
    output = run(augment, *TUNE, *RATES, "--seeds", "0,1")
    assert "tune: 3 settings, 2 arms each, scored on 2 held-out training identities" in output
    table = pd.read_csv("results/tuning/t.csv")
    assert list(table) == [
        "setting",
        "model",
        "augmentation",
        "portion",
        "ratio",
        "budget",
        "seed",
        "mAP",
        "rank1",
    ]
    settings = [
        "params.yaml",
        "reid.inception.learning_rate=0.1",
        "reid.inception.learning_rate=0.3",
    ]
    assert table["setting"].unique().tolist() == settings and table["seed"].tolist() == [0, 1] * 3
    best = table.groupby("setting")["mAP"].mean().idxmax()
    assert f"best: {best} (mAP " in output
    assert not list(Path("models/tuning").rglob("*.pt"))

    monkeypatch.setattr(
        train_reid, "train", None
    )  # nothing may be trained again, also under another name
    again = run(augment, *TUNE[:-1], "other", *RATES)
    assert "tune: 3 settings, 1 arms each" in again
    assert pd.read_csv("results/tuning/other.csv").equals(
        table[table["seed"] == 0].reset_index(drop=True)
    )
    # Other params are other runs.
    change(halved, lambda params: params["reid"]["inception"].update(momentum=0.5))
    assert isinstance(augment(*TUNE).exception, TypeError)


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        (
            "reid.inception.learning_rat=1",
            "params.yaml: no key 'reid.inception.learning_rat' (known: backbone, ",
        ),
        (
            "reid.inception.learning_rate=fast",
            "reid.inception.learning_rate: expected float, found str 'fast'",
        ),
        (
            "reduce.seed=1",
            "reduce.seed does not affect inception patn 0.4 iterations seed 0; its settings are in reid.",
        ),
        ("classic.flip=0.1", "classic.flip does not affect inception patn"),
        (
            "reid.inception.learning_rate",
            "--set reid.inception.learning_rate: expected KEY=VALUE,VALUE,...",
        ),
        ("reid.inception.learning_rate=[1", "--set reid.inception.learning_rate=[1: not YAML"),
    ],
)
def test_switches_that_are_refused_before_anything_is_trained(halved, augment, switches, message):
    result = augment(*TUNE, "--set", switches)
    assert (
        result.exit_code == 1 and message in result.output and not Path("results/tuning").exists()
    )


def test_settings_of_switches():
    switches = parse_switches(["a.share=null,0.5", "b=true,[1, 2]"])
    assert switches == {"a.share": [None, 0.5], "b": [True, [1, 2]]}
    base = {"params.yaml": {}}
    assert all_settings(switches, False) == base | {
        "a.share=null": {"a.share": None},
        "a.share=0.5": {"a.share": 0.5},
        "b=true": {"b": True},
        "b=[1, 2]": {"b": [1, 2]},
    }
    grid = all_settings(switches, True)
    assert len(grid) == 5 and grid["a.share=0.5 b=[1, 2]"] == {"a.share": 0.5, "b": [1, 2]}
    assert all_settings({}, True) == all_settings({}, False) == base
    with pytest.raises(ValueError, match="--set a occurs twice"):
        parse_switches(["a=1", "a=2"])
