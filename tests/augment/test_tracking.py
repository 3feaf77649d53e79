"""Real MLflow on a real sqlite file."""

import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient
from mlflow.models import Model
from PIL import Image
from safetensors.torch import load_file

from augment import tracking
from augment.tracking import data_sets
from augment.tracking import runs as runs_module


@pytest.fixture
def client(empty_store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(empty_store, tmp_path / "tracking.db")
    store = f"sqlite:///{tmp_path}/tracking.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    return MlflowClient(store)


CURVES = f"{tracking.DEFAULT_EXPERIMENT}-curves"


def draw(name, tags, points, numbers):
    """Log one curve."""
    with tracking.curves(numbers) as curves:
        curves.replace(name, tags, points, "#d98200")


def runs(client, filter_string="", experiment=tracking.DEFAULT_EXPERIMENT):
    experiment = client.get_experiment_by_name(experiment)
    return client.search_runs([experiment.experiment_id], filter_string)


def test_a_run_holds_params_tags_metrics_and_artifacts(client, tmp_path):
    (tmp_path / "sheet.png").write_bytes(b"picture")
    with tracking.run("arm", {"portion": 0.3}, {"a": {"b": 1}}, tmp_path) as run:
        run.metrics(5, {"loss": 2.0})
        run.artifact(tmp_path / "sheet.png", "samples")
    (found,) = runs(client)
    assert found.info.status == "FINISHED" and found.info.run_name == "arm"
    assert found.data.params == {"a.b": "1"}
    assert found.data.tags["portion"] == "0.3" and found.data.tags["git_commit"]
    (metric,) = client.get_metric_history(found.info.run_id, "loss")
    assert (metric.value, metric.step) == (2.0, 5)
    assert [file.path for file in client.list_artifacts(found.info.run_id, "samples")] == [
        "samples/sheet.png"
    ]


def test_a_run_that_breaks_off_is_marked(client, tmp_path):
    with pytest.raises(KeyError), tracking.run("arm", {}, {}, tmp_path):
        raise KeyError
    assert [run.info.status for run in runs(client)] == ["FAILED"]


def test_a_curve_has_the_portion_in_percent_as_step_and_is_there_once(client, tmp_path):
    for value in (0.2, 0.3):
        points = {10: {"mAP": value, "rank1": 0.4}, 100: {"mAP": 0.7, "rank1": 0.8}}
        draw("d m patn iterations", {"augmentation": "patn"}, points, tmp_path)
    (found,) = runs(client, "tags.augmentation = 'patn'", CURVES)
    history = client.get_metric_history(found.info.run_id, "mAP")
    assert [(point.step, point.value) for point in history] == [(10, 0.3), (100, 0.7)]


def test_a_dvc_experiment_in_a_folder_of_its_own_logs_to_the_projects_store(
    empty_store, tmp_path, monkeypatch
):
    project, temporary = tmp_path / "project", tmp_path / "project/.dvc/tmp/exps/tmp1"
    temporary.mkdir(parents=True)
    shutil.copy(empty_store, project / "mlflow.db")
    monkeypatch.chdir(temporary)
    monkeypatch.setenv("DVC_ROOT", str(project))
    points = {10: {"mAP": 0.1}}
    for name in ("", "foggy-bend", "", "foggy-bend"):
        monkeypatch.setenv("DVC_EXP_NAME", name)
        draw("c", {}, points, tmp_path)
    assert list(temporary.iterdir()) == []
    found = runs(MlflowClient(f"sqlite:///{project}/mlflow.db"), experiment=CURVES)
    assert {run.data.tags.get("dvc_experiment") for run in found} == {None, "foggy-bend"}
    assert len(found) == 2  # an experiment replaces its own curves alone
    assert all(run.info.artifact_uri.startswith(f"{project}/mlruns/") for run in found)


def test_the_work_does_not_wait_for_mlflow_until_the_end(client, tmp_path, monkeypatch):
    """MLflow's thread is held up: the block goes on, and what it logs is there after it, in order."""
    gate = threading.Event()
    real_commit = runs_module.commit

    def commit():
        assert threading.current_thread() is not threading.main_thread()
        gate.wait(20)
        return real_commit()

    monkeypatch.setattr(runs_module, "commit", commit)
    with tracking.run("arm", {}, {"a": 1}, tmp_path) as run:
        values = {"loss": 0.0}
        for step in range(20):
            values["loss"] = float(step)  # the caller's mapping may change afterwards
            run.metrics(step, values)
        everywhere = [each.experiment_id for each in client.search_experiments()]
        assert not client.search_runs(everywhere)  # nothing is made yet
        gate.set()
        assert run.ids["run"]  # waits for all of it
        (found,) = runs(client)
        assert found.data.metrics == {"loss": 19.0} and found.info.status == "RUNNING"
        run.metrics(20, {"loss": 20.0})
    history = client.get_metric_history(found.info.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(i, float(i)) for i in range(21)]
    assert [run.info.status for run in runs(client)] == ["FINISHED"]


def test_a_killed_run_keeps_what_was_made(client, tmp_path):
    script = (
        "import os, time\nfrom pathlib import Path\nfrom augment import tracking\n"
        "with tracking.run('arm', {}, {}, Path('numbers')) as run:\n"
        "    run.metrics(1, {'loss': 1.0})\n    run.ids\n"
        "    run.metrics(2, {'loss': 2.0})\n    os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], timeout=120)
    assert done.returncode == 9
    (found,) = runs(client)
    assert found.info.status == "RUNNING" and found.data.metrics["loss"] in (1.0, 2.0)


@pytest.mark.parametrize(
    "store", ["http://127.0.0.1:9", "sqlite:////dev/null/mlflow.db", "nonsense://x"]
)
def test_an_unreachable_store_costs_nothing_but_a_warning(tmp_path, monkeypatch, capsys, store):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    done = []
    with tracking.run("arm", {}, {}, tmp_path / "result.json") as run:
        run.metrics(0, {"loss": 1.0})
        done.append(True)
    draw("c", {}, {10: {"mAP": 0.1}}, tmp_path / "summary.csv")
    warned = capsys.readouterr().err
    assert done and warned.count(f"MLflow at {store} cannot be used") == 2
    assert f"the numbers stay in {tmp_path / 'result.json'}" in warned


def test_a_store_that_fails_on_the_way_is_given_up_once(client, tmp_path, capsys):
    with tracking.run("arm", {}, {}, tmp_path) as run:
        run.artifact(tmp_path / "absent.png", "samples")
        run.metrics(0, {"loss": 1.0})
    warned = capsys.readouterr().err
    assert warned.count("MLflow failed") == 1 and "the work goes on" in warned


def test_stages_track_every_arm_and_curve(project, augment, monkeypatch):
    client = MlflowClient(f"sqlite:///{project}/mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project}/mlflow.db")
    assert augment("report").exit_code == 0
    arms = runs(client, "tags.stage = 'train_reid'")
    assert {(run.data.tags["augmentation"], run.data.tags["portion"]) for run in arms} == {
        ("none", "0.4"),
        ("none", "1.0"),
        ("patn", "0.4"),
    }
    assert all({"loss", "mAP", "rank1"} <= set(run.data.metrics) for run in arms)
    assert {run.data.tags["dataset"] for run in arms} == {"mini_market"}
    assert not runs(client, "tags.curve != ''")
    curves = runs(client, experiment=CURVES)
    assert {run.data.tags["augmentation"] for run in curves} == {"none", "patn"}
    (patn,) = [run for run in curves if run.data.tags["augmentation"] == "patn"]
    assert [point.step for point in client.get_metric_history(patn.info.run_id, "rank1")] == [
        40,
        100,
    ]


def test_the_sets_that_an_arm_depends_on_are_inputs_of_its_run(project, augment, monkeypatch):
    """One arm is free of leaks, the other is not: MLflow's search finds them."""
    client = MlflowClient(f"sqlite:///{project}/mlflow.db")
    for command in (
        "train-generator --generator patn --portion 0.4",
        "generate --augmentation patn-leak_free --portion 0.4",
        "generate --generator puppet --portion 0.4",
        "train-reid --model inception --portion 0.4 --augmentation patn-leak_free",
        "train-reid --model inception --portion 0.4 --augmentation puppet",
    ):
        assert augment(*command.split()).exit_code == 0

    def names(filter_string):
        found = runs(client, f"tags.stage = 'train_reid' and {filter_string}")
        return {run.data.tags["augmentation"] for run in found}

    def inputs(augmentation):
        (run, *_) = runs(
            client,
            f"tags.augmentation = '{augmentation}' and tags.portion = '0.4'",
        )
        return {
            each.tags[0].value: each.dataset for each in run.inputs.dataset_inputs
        }, run.data.tags

    assert names("tags.leak_free = 'false'") == {"patn"}
    assert names("tags.leak_free = 'true'") == {"none", "patn-leak_free", "puppet"}
    removed = len((project / "data/reduced/0.4/removed.csv").read_text().splitlines()) - 1
    patn, tags = inputs("patn")
    assert {context: each.name for context, each in patn.items()} == {
        "training": "reduced-0.4",
        "generated": "patn-0.4",
        "seen_by_generator": "seen_by-patn-0.4",
    }
    assert 0 < int(tags["removed_images_seen"]) <= removed
    leak_free, tags = inputs("patn-leak_free")
    assert tags["removed_images_seen"] == "0"
    puppet, _ = inputs("puppet")
    # Puppets see the reduced set, so that the digests agree; those of other sets differ.
    assert puppet["seen_by_generator"].digest == puppet["training"].digest
    assert len({patn["generated"].digest, leak_free["generated"].digest}) == 2
    assert {each["training"].digest for each in (patn, leak_free, puppet)} == {
        puppet["training"].digest
    }
    digest = puppet["training"].digest
    assert len(digest) == 36 and names(f"dataset.digest = '{digest}'") == {
        "none",
        "patn",
        "patn-leak_free",
        "puppet",
    }
    assert names("dataset.name = 'patn-0.4'") == {"patn"}
    (trained,) = runs(client, "tags.stage = 'train_generator' and tags.portion = '0.4'")
    (data,) = trained.inputs.dataset_inputs
    assert data.dataset.name == "seen_by-patn-0.4" and data.tags[0].value == "training"


def test_a_digest_is_of_the_set_and_not_of_its_order():
    assert data_sets.digest(["a", "b"]) == data_sets.digest(["b", "a"])
    assert len({data_sets.digest(rows) for rows in (["a"], ["a", "b"], ["ab"])}) == 3
    assert data_sets.digest(["a"], b"1") != data_sets.digest(["a"], b"2")


def test_sheets_are_images_by_step(client, tmp_path):
    with tracking.run("arm", {}, {}, tmp_path) as run:
        for step in (100, 200):
            Image.new("RGB", (8, 4), (step, 0, 0)).save(tmp_path / f"{step}.png")
            run.image(step, tmp_path / f"{step}.png")
    (found,) = runs(client)
    names = [file.path for file in client.list_artifacts(found.info.run_id, "images")]
    sheets = sorted(name for name in names if name.endswith(".png"))
    assert ["%step%100%" in name or "+step+100+" in name for name in sheets] == [True, False]
    copy = client.download_artifacts(found.info.run_id, sheets[1], str(tmp_path))
    with Image.open(copy) as image:
        assert image.getpixel((0, 0)) == (200, 0, 0)


def test_system_metrics_are_logged_until_the_run_ends(client, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.1")

    def threads():
        return [each for each in threading.enumerate() if each.name == "SystemMetricsMonitor"]

    def sampled(run):
        return "system/cpu_utilization_percentage" in client.get_run(run).data.metrics

    with tracking.run("arm", {}, {}, tmp_path, watch=True) as run:
        id = run.ids["run"]
        assert len(threads()) == 1
        end = time.monotonic() + 60
        while not sampled(id) and time.monotonic() < end:
            time.sleep(0.1)
        assert sampled(id)
    with pytest.raises(KeyError), tracking.run("arm", {}, {}, tmp_path, watch=True):
        raise KeyError
    with tracking.run("arm", {}, {}, tmp_path, watch=True) as run:
        run.artifact(tmp_path / "absent.png", "samples")  # the store is given up
    assert not threads()
    assert capsys.readouterr().err.count("Warning") == 1  # of the absent file alone


def test_without_a_monitor_a_run_goes_on(client, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow.system_metrics.system_metrics_monitor", None)
    with tracking.run("arm", {}, {}, tmp_path, watch=True) as run:
        run.metrics(0, {"loss": 1.0})
    (found,) = runs(client)
    assert found.info.status == "FINISHED" and found.data.metrics == {"loss": 1.0}


def test_models_have_weights_and_a_signature_and_no_pickle(finished, tmp_path):
    """The weights rebuild the network that the arm was scored with, bit for bit."""
    client = MlflowClient(f"sqlite:///{finished}/mlflow.db")
    experiment = client.get_experiment_by_name(tracking.DEFAULT_EXPERIMENT).experiment_id
    models = client.search_logged_models([experiment])
    assert {(model.model_type, model.status.name) for model in models} == {
        ("re-ID", "READY"),
        ("generator", "READY"),
    }
    (run, *_) = runs(client, "tags.augmentation = 'patn'")
    (output,) = run.outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert model.name == "inception patn 0_4 iterations seed 0"
    assert model.params["network.embedding"] == "16" and model.source_run_id == run.info.run_id
    folder = Path(model.artifact_location.removeprefix("file://"))
    assert {file.name for file in folder.iterdir()} == {"MLmodel", "weights.safetensors"}
    described = Model.load(str(folder / "MLmodel"))
    assert described.signature.inputs.inputs[0].shape == (-1, 3, 32, 16)
    assert described.signature.outputs.inputs[0].name == "features"
    weights = load_file(folder / "weights.safetensors")
    saved = torch.load(
        finished / "models/reid/iterations/inception/patn/0.4/seed0/weights.pt", weights_only=True
    )
    assert weights.keys() == saved.keys()
    assert all(torch.equal(weights[key], saved[key]) for key in saved)
    (generator,) = [model for model in models if model.model_type == "generator"]
    folder = Path(generator.artifact_location.removeprefix("file://"))
    names = [each.name for each in Model.load(str(folder / "MLmodel")).signature.inputs.inputs]
    assert names == ["source_image", "source_keypoints", "target_keypoints"]


def test_the_registry_has_the_best_arm_under_an_alias(project, augment):
    client = MlflowClient(f"sqlite:///{project}/mlflow.db")

    def best():
        assert augment("report").exit_code == 0
        version = client.get_model_version_by_alias("reid-mini_market", "best")
        return version, client.get_run(version.run_id)

    results = {
        file: json.loads(file.read_text())
        for file in (project / "results/reid").rglob("seed*.json")
    }
    first = max(results, key=lambda file: results[file]["mAP"])
    version, run = best()
    assert run.data.metrics["mAP"] == results[first]["mAP"] and version.version in (1, "1")
    assert best()[0].version == version.version  # no second version of one model
    second = next(file for file in results if file != first)
    second.write_text(json.dumps(results[second] | {"mAP": 1.0}))
    version, run = best()
    assert run.info.run_id == results[second]["mlflow"]["run"] and int(version.version) == 2
