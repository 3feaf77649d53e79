"""evaluate-generator in a small project: files, missing inputs, and errors before rendering."""

import json
import shutil

import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient

from augment import files
from augment.prepared import index
from augment.results.report_card.metrics import METRICS

POSE = ("pckh", "pckh_euclidean", "pckh_real", "pckh_euclidean_real")


def evaluate(augment, name, *flags):
    result = augment("evaluate-generator", "--generator", name, *flags)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_card_of_a_trained_generator(project, augment, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project}/mlflow.db")
    assert augment("train-pose-network").exit_code == 0
    output = evaluate(augment, "patn")
    card = files.read_json(project / "results/generators/patn.json")
    frame = pd.read_csv(project / "results/generators/patn/pairs.csv")
    assert (card["generator"], card["dataset"], card["image_size"]) == (
        "patn",
        "mini_market",
        [32, 16],
    )
    assert card["pairs"] == len(frame) > 20 and card["identities"] == frame["pid"].nunique() == 3
    assert card["sees"] == ["source image", "source pose", "target pose"]
    assert card["reid_model"] == "models/reid/iterations/inception/none/1.0/seed0/weights.pt"
    assert set(card["metrics"]) == set(METRICS) - {"miou"}
    for key in ("ssim", "l1", "identity_cosine", *POSE):
        found = card["metrics"][key]
        assert found["low"] <= found["value"] <= found["high"], key
    for key, column in (("ssim", "ssim"), ("l1", "l1"), ("memorisation", "nearest_distance")):
        assert card["metrics"][key]["value"] == pytest.approx(frame[column].mean(), rel=1e-4)
    assert card["metrics"]["pckh"]["value"] == pytest.approx(
        frame["pckh_right"].sum() / frame["pckh_counted"].sum()
    )
    rows = index.read(project / "data/prepared/index.csv")
    training = set(rows["path"][rows["split"] == "train"])
    assert set(frame["nearest"]) <= training and not {*frame["source"], *frame["target"]} & training
    speed = card["speed"]
    assert (
        speed["images_per_second_32"] > 0
        and speed["parameters"] > 1000
        and speed["multiply_adds"] > 10**5
    )
    assert speed["peak_memory_bytes"] is None
    sheets = sorted(file.name for file in (project / "results/generators/patn").glob("*.png"))
    assert "best_ssim.png" in sheets
    assert pd.read_csv(project / "reports/generators.csv")["ssim"][0] == pytest.approx(
        card["metrics"]["ssim"]["value"], rel=1e-5
    )
    store = MlflowClient(f"sqlite:///{project}/mlflow.db")
    run = store.get_run(card["mlflow"]["run"])
    assert run.data.metrics["ssim"] == pytest.approx(card["metrics"]["ssim"]["value"])
    assert run.data.params["evaluation.seed"] == "0" and run.data.tags["generator"] == "patn"
    assert [file.path for file in store.list_artifacts(run.info.run_id, "samples")] == [
        f"samples/{name}" for name in sheets
    ]
    assert f"{card['metrics']['ssim']['value']:9.4f}" in output


def test_what_is_missing_is_named_and_the_rest_is_scored(project, augment):
    shutil.rmtree(project / "models/reid")
    output = evaluate(augment, "copy_source")
    assert (
        "the re-ID judge is not trained; run `augment train-reid --model inception --portion 1.0 --budget iterations`"
        in output
    )
    assert (
        f"unavailable: {', '.join(POSE)}: the pose network is not trained; run `augment train-pose-network`"
        in output
    )
    assert "needs models/full/pose_network/generator.pt" in output
    metrics = files.read_json(project / "results/generators/copy_source.json")["metrics"]
    assert (
        metrics["identity_mAP"]["file"]
        == "models/reid/iterations/inception/none/1.0/seed0/weights.pt"
    )
    assert 0 < metrics["ssim"]["value"] < 1


def test_evaluating_again_gives_the_same_numbers(project, augment):
    def numbers():
        evaluate(augment, "puppet")
        card = files.read_json(project / "results/generators/puppet.json")
        assert card["speed"]["parameters"] == 0 and card["speed"]["multiply_adds"] is None
        return card["metrics"], (project / "results/generators/puppet/pairs.csv").read_bytes()

    assert numbers() == numbers()


def test_report_writes_the_same_table(project, augment):
    for name in ("copy_source", "mean_image"):
        evaluate(augment, name)
    file = project / "reports/generators.csv"
    before = file.read_bytes()
    assert pd.read_csv(file)["generator"].tolist() == ["copy_source", "mean_image"]
    file.unlink()
    result = augment("report", "--no-tracking")
    assert result.exit_code == 0, result.output
    assert file.read_bytes() == before


def test_a_leak_free_generator_has_a_card_of_its_own(project, augment):
    assert augment("train-generator", "--generator", "patn", "--portion", "0.4").exit_code == 0
    evaluate(augment, "patn", "--portion", "0.4")
    card = files.read_json(project / "results/generators/patn-leak_free-0.4.json")
    kept = set(index.read(project / "data/reduced/0.4/index.csv")["path"])
    assert (
        card["generator"] == "patn-leak_free-0.4"
        and {one["training"] for one in card["closest"]} <= kept
    )


def test_dry_run_writes_nothing(project, augment):
    output = evaluate(augment, "patn", "--dry-run")
    assert (
        "evaluate-generator: patn on" in output
        and "identities at 32x16 -> results/generators/patn.json" in output
    )
    assert (
        "note: the pose network is not trained" in output
        and not (project / "results/generators").exists()
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            "--generator dcgan",
            "unknown generator 'dcgan'; available: apatn, copy_source, mean_image, patn, puppet, ",
        ),
        ("--generator spgnet", "run `augment train-generator --generator spgnet` first"),
        (
            "--generator patn --portion 0.4",
            "run `augment train-generator --generator patn --portion 0.4` first",
        ),
        (
            "--generator mean_image --portion 0.4",
            "mean_image is not trained, so --portion 0.4 has no meaning",
        ),
    ],
)
def test_errors_come_first(project, augment, flags, message):
    result = augment("evaluate-generator", *flags.split())
    assert (
        result.exit_code == 1
        and message in result.output
        and not (project / "results/generators").exists()
    )


def test_a_generator_of_other_images_is_refused(project, augment):
    """Test people may be among the generator's training images. (One of the five has no torso.)"""
    file = project / "data/prepared/index.csv"
    rows = index.read(file)
    first = rows["pid"][rows["split"] == "train"].iat[0]
    rows.loc[rows["pid"] == first, "split"] = "gallery"
    index.write(rows, file)
    result = augment("evaluate-generator", "--generator", "patn")
    assert (
        result.exit_code == 1
        and "patn was trained on 4 images that are not training images of data/prepared"
        in result.output
    )


def test_settings_are_checked(project, augment):
    every = yaml.safe_load((project / "params.yaml").read_text())
    every["evaluation"]["diversity"]["poses"] = 1
    (project / "params.yaml").write_text(yaml.safe_dump(every))
    result = augment("evaluate-generator", "--generator", "patn")
    assert (
        result.exit_code == 1
        and "evaluation.diversity: sources must be at least 1 and poses at least 2" in result.output
    )


def test_a_card_holds_no_nan(project, augment):
    evaluate(augment, "mean_image")
    text = (project / "results/generators/mean_image.json").read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in a card"))
