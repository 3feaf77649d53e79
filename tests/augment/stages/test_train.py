"""train-generator and train-reid as stages; tests/generators and tests/reid cover the training."""

import json
import os
import shutil
import subprocess
import sys
from functools import reduce
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
import yaml
from mlflow import MlflowClient

from augment.augmentations import parse
from augment.prepared import index
from augment.reid_training import training_set
from generators.training.checkpoint import read_trained_on

REDUCED, IMAGES = Path("data/reduced/0.4/index.csv"), Path("data/generated/patn/0.4/index.csv")
MODEL = Path("models/reid/iterations/inception/none/1.0/seed0/weights.pt")
KEYS = {
    "dataset",
    "model",
    "augmentation",
    "portion",
    "ratio",
    "budget",
    "seed",
    "rank1",
    "rank5",
    "rank10",
    "mAP",
    "mAP_trapezoid",
    "num_queries",
    "num_gallery",
    "skipped_queries",
    "train_images",
    "generated_images",
    "rejected_images",
    "online_share",
    "degenerate_pairs",
    "iterations",
    "seconds",
    "same_camera_rule",
    "seeds",
    "commit",
    "versions",
    "mlflow",
}


def test_generator_folder(finished):
    folder = finished / "models/full/patn"
    assert {"generator.pt", "checkpoint.pt", "losses.csv", "samples"} <= {
        path.name for path in folder.iterdir()
    }


def test_unknown_generator_and_model(project, augment):
    result = augment("train-generator", "--generator", "pattn")
    assert "unknown generator 'pattn'; available: apatn, patn, " in result.output
    result = augment("train-reid", "--model", "inceptoin", "--portion", "0.4")
    assert result.exit_code == 1 and "no key 'reid.inceptoin' (known: inception" in result.output


def test_puppets_need_no_training(project, augment):
    result = augment("train-generator", "--generator", "puppet")
    assert result.exit_code == 0 and "puppet has nothing to train" in result.output
    assert not (project / "models/full/puppet").exists()


def test_a_pose_network_comes_before_those_who_use_it(project, augment):
    file = project / "params.yaml"
    params = yaml.safe_load(file.read_text())
    params["generators"]["apatn"] |= {"perceptual": "pose_network", "lambda_perceptual": 1.0}
    file.write_text(yaml.safe_dump(params))
    for flags in ([], ["--portion", "0.4"]):
        trained = " ".join(["augment train-pose-network", *flags])
        early = augment("train-generator", "--generator", "apatn", *flags)
        assert (
            early.exit_code == 1
            and f"pose_network/generator.pt: not found; run `{trained}` first" in early.output
        )
        assert augment("train-pose-network", *flags).exit_code == 0
        assert augment("train-generator", "--generator", "apatn", *flags).exit_code == 0
    assert set(
        read_trained_on(project / "models/reduced/0.4/pose_network/generator.pt")["images"]
    ) <= set(index.read(project / "data/reduced/0.4/index.csv")["path"])


def test_a_generator_cannot_be_trained_on_single_images(project, augment):
    file = project / "data/prepared/index.csv"
    rows = index.read(file)
    index.write(rows.drop_duplicates(["pid", "split"]), file)
    result = augment("train-generator", "--dry-run")
    assert result.exit_code == 1 and "no pair to train on" in result.output


def test_result_file(finished):
    for augmentation, real, generated in (("none", 8, 0), ("patn", 8, 12)):
        result = json.loads(
            (
                finished / f"results/reid/iterations/inception/{augmentation}/0.4/seed0.json"
            ).read_text()
        )
        assert set(result) == KEYS
        assert (result["train_images"], result["generated_images"]) == (real + generated, generated)
        assert result["iterations"] == 3 and 0 <= result["mAP"] <= 1
    weights = torch.load(
        finished / "models/reid/iterations/inception/patn/0.4/seed0/weights.pt", weights_only=True
    )
    assert weights["head.classifier.weight"].shape[0] == 4
    assert not (finished / "models/reid/iterations/inception/patn/0.4/seed0/checkpoint.pt").exists()


def test_a_result_names_its_seeds_versions_and_run(finished):
    results = finished / "results/reid/iterations/inception"
    none, patn = (
        json.loads((results / name / "0.4/seed0.json").read_text()) for name in ("none", "patn")
    )
    assert none["seeds"] == {"reduce": 0, "generate": None, "generator": None, "train": 0}
    assert patn["seeds"] == {"reduce": 0, "generate": 0, "generator": 0, "train": 0}
    assert patn["versions"]["torch"] == version("torch") and set(patn["versions"]) == {
        "python",
        "torch",
        "torchvision",
        "numpy",
        "reid-augment",
    }
    run = MlflowClient(f"sqlite:///{finished}/mlflow.db").get_run(patn["mlflow"]["run"])
    assert (
        run.info.experiment_id == patn["mlflow"]["experiment"]
        and run.data.tags["augmentation"] == "patn"
    )
    assert run.data.tags["git_commit"] == patn["commit"] and run.data.metrics["mAP"] == patn["mAP"]


def test_without_mlflow_a_result_has_no_run(project, augment, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///params.yaml/mlflow.db")  # no folder
    output = augment("train-reid", "--model", "inception", "--portion", "0.4").output
    assert "the numbers stay in results/reid/iterations/inception/none/0.4/seed0.json" in output
    assert (
        json.loads((project / "results/reid/iterations/inception/none/0.4/seed0.json").read_text())[
            "mlflow"
        ]
        is None
    )


def test_each_seed_moves_its_own_part_alone(project, augment):
    """Of the reduced set, the choice of sources and poses, the generator and the re-ID model."""
    files = (REDUCED, IMAGES, Path("models/full/patn/generator.pt"))
    before, trained = [file.read_bytes() for file in files], MODEL.read_bytes()
    for keys, moved in (
        (("generators", "patn", "training"), [False, False, True]),
        (("generate",), [False, True, False]),
        (("reduce",), [True, True, False]),  # other images are to be replaced
    ):
        params = yaml.safe_load((project / "params.yaml").read_text())
        reduce(dict.__getitem__, keys, params)["seed"] = 1
        (project / "params.yaml").write_text(yaml.safe_dump(params))
        for command in ("reduce --portion 0.4", "train-generator", "generate --portion 0.4"):
            assert augment(*command.split()).exit_code == 0
        after = [file.read_bytes() for file in files]
        assert [one != other for one, other in zip(before, after, strict=True)] == moved, keys
        before = after
    assert augment(*"train-reid --model inception --portion 1.0 --seed 1".split()).exit_code == 0
    assert (MODEL.parents[1] / "seed1/weights.pt").read_bytes() != trained
    assert [file.read_bytes() for file in files] == before


def test_generated_people_are_no_new_identities(project):
    rows = training_set.rows(parse("patn"), 0.4, 1)
    assert rows["pid"].nunique() == 4 and (rows["generator"] != "").sum() == 12
    assert rows["path"].is_unique


def test_generated_images_of_strangers_are_refused(project, augment):
    file = project / "data/generated/patn/0.4/index.csv"
    rows = index.read(file)
    rows.loc[0, "pid"] = 999
    index.write(rows, file)
    result = augment(
        "train-reid", "--model", "inception", "--portion", "0.4", "--augmentation", "patn"
    )
    assert (
        result.exit_code == 1
        and "identity 999 is not in data/reduced/0.4; run `augment generate` again" in result.output
    )


def test_two_names_for_the_augmentation_are_refused(project, augment):
    result = augment(
        "train-reid",
        "--model",
        "inception",
        "--portion",
        "0.4",
        "--generator",
        "patn",
        "--augmentation",
        "none",
    )
    assert result.exit_code == 2
    assert (
        "--augmentation replaces --generator, --protocol and --background: do not combine them"
        in result.output
    )


@pytest.mark.parametrize(
    "arguments", [("train-generator",), ("train-reid", "--model", "inception", "--portion", "1.0")]
)
def test_dry_runs_write_nothing(project, augment, arguments):
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    result = augment(*arguments, "--dry-run")
    assert result.exit_code == 0 and "->" in result.output
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before


def test_two_processes_train_and_generate_together(project):
    """Under torchrun the work is shared, and files and MLflow runs are written once."""
    images = project / "data/generated/patn/0.4/bounding_box_train"
    before = {path.name: path.stat().st_ino for path in images.iterdir()}
    shutil.rmtree(project / "models/full")
    store = f"sqlite:///{project}/mlflow.db"
    runs_before = len(MlflowClient(store).search_runs(["1"], "tags.stage = 'train_generator'"))
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "augment",
    ]
    for command in (("train-generator",), ("generate", "--portion", "0.4")):
        environment = os.environ | {"OMP_NUM_THREADS": "1", "MLFLOW_TRACKING_URI": store}
        done = subprocess.run(
            [*launch, *command],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-3000:]
    assert "holds images of another plan or generator; starting afresh" in done.stdout
    assert {path.name for path in images.iterdir()} == before.keys()
    assert (
        len(MlflowClient(store).search_runs(["1"], "tags.stage = 'train_generator'"))
        == runs_before + 1
    )
