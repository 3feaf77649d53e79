"""MLflow's own server, started on loopback: by hand, with artifacts proxied, and by `augment ui`."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import mlflow
import pytest
import torch
from mlflow import MlflowClient
from mlflow_server import answering
from safetensors.torch import load_file

from augment import tracking
from augment.arms import Arm
from augment.augmentations import parse

START_S = 240  # of a machine that is busy with other work; seconds on an idle one
QUIET = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def server(tmp_path, monkeypatch, empty_store):
    """The address of a server whose clients see neither its database nor its files."""
    home, port = tmp_path / "server", free_port()
    home.mkdir()
    shutil.copy(empty_store, home / "mlflow.db")
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
    command += ["--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "files"]
    with (tmp_path / "log").open("w") as log:
        started = subprocess.Popen(
            command, env=os.environ | QUIET, cwd=home, stdout=log, stderr=log
        )
        try:
            address = answering(f"http://127.0.0.1:{port}", started, tmp_path / "log")
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
            yield address
        finally:
            started.terminate()
            started.wait(30)


def test_a_server_gets_all_that_the_database_gets(server, project, tmp_path, capsys, augment):
    arm = Arm("inception", parse("patn"), 0.4, 1, "iterations", 0)
    sheet = project / "data/generated/patn/0.4/contact_sheet.png"
    with tracking.run("arm", {"stage": "train_reid"}, {"a": {"b": 1}}, tmp_path) as run:
        run.inputs(lambda: tracking.data_sets.of_arm(arm))
        run.metrics(3, {"mAP": 0.5})
        run.artifact(sheet, "samples")
        run.image(3, sheet)
        size = ("float32", (-1, 3, 32, 16))
        weights = {"layer": torch.arange(6.0).reshape(2, 3)}
        run.model(
            tracking.Model("arm 0.4", "re-ID", weights, {}, {"images": size}, {}, "an example")
        )
        ids = run.ids
    assert "Warning" not in capsys.readouterr().err
    client = MlflowClient(server)
    (found,) = client.search_runs(
        [ids["experiment"]], "tags.leak_free = 'false' and dataset.name = 'patn-0.4'"
    )
    assert found.info.run_id == ids["run"] and found.info.status == "FINISHED"
    assert found.info.artifact_uri.startswith("mlflow-artifacts:")
    assert found.data.params == {"a.b": "1"} and found.data.metrics == {"mAP": 0.5}
    copy = client.download_artifacts(ids["run"], "samples/contact_sheet.png", str(tmp_path))
    assert Path(copy).read_bytes() == sheet.read_bytes()
    assert len(client.list_artifacts(ids["run"], "images")) == 2  # and a small one for the slider
    with tracking.curves(tmp_path) as curves:
        curves.best("mini_market", ids["run"], 0.5)
    assert "Warning" not in capsys.readouterr().err
    version = client.get_model_version_by_alias("reid-mini_market", "best")
    folder = Path(mlflow.artifacts.download_artifacts(version.source, tracking_uri=server))
    assert {file.name for file in folder.iterdir()} == {"MLmodel", "weights.safetensors"}
    assert torch.equal(load_file(folder / "weights.safetensors")["layer"], weights["layer"])
    (arm_file,) = (project / "results/reid").rglob("patn/0.4/seed0.json")
    for file in (project / "results/reid").rglob("seed*.json"):  # their runs are in another store
        known = ids if file == arm_file else None
        file.write_text(json.dumps(json.loads(file.read_text()) | {"mlflow": known}))
    result = augment("report", "--mlflow-url", server)
    assert result.exit_code == 0 and "Warning: MLflow" not in result.output
    curves = client.get_experiment_by_name("reid-augment-curves")
    assert len(client.search_runs([curves.experiment_id])) == 2
    page = (project / "reports/index.html").read_text()
    assert f"{server}/#/experiments/{curves.experiment_id}/runs" in page
    shown = augment("ui", "--no-browser")
    assert shown.exit_code == 0, shown.output
    assert f"{server}/#/experiments/{curves.experiment_id}/runs?compareRunsMode" in shown.output


def test_ui_serves_the_projects_store_until_it_is_interrupted(project, augment, tmp_path):
    assert augment("report").exit_code == 0
    port, log = free_port(), tmp_path / "log"
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "augment", "ui", "--no-browser", "--port", str(port)]
    with log.open("w") as file:
        ui = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
    try:
        answering(address, ui, log)
        end = time.monotonic() + START_S
        while "Ctrl-C" not in log.read_text() and time.monotonic() < end:
            time.sleep(0.2)
        curves = MlflowClient(address).get_experiment_by_name("reid-augment-curves")
        assert f"{address}/#/experiments/{curves.experiment_id}/runs?" in log.read_text()
        refused = augment("ui", "--no-browser", "--port", str(port))
        assert refused.exit_code == 1 and "choose another --port" in refused.output
    finally:
        ui.send_signal(signal.SIGINT)  # to augment alone: it stops the server
        assert ui.wait(60) == 0, log.read_text()
    with pytest.raises(OSError):
        urllib.request.urlopen(f"{address}/health", timeout=5)


def test_ui_says_what_it_would_start(tmp_path, monkeypatch, augment):
    monkeypatch.chdir(tmp_path)
    output = augment("ui", "--dry-run", "--port", "5123").output
    assert f"--backend-store-uri sqlite:///{tmp_path}/mlflow.db" in output
    assert "--host 127.0.0.1 --port 5123" in output
    assert not (tmp_path / "mlflow.db").exists()
