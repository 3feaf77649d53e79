"""A Market-1501 folder, a small project that has run from prepare to train-reid, and headless
Chromium.
"""

import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
import upright
import yaml
from click.testing import CliRunner
from PIL import Image

from augment.cli import main
from augment.prepared import keypoints

ROOT = Path(__file__).parents[2]

UPRIGHT = np.array(upright.UPRIGHT)
SMALL = {"image_size": [32, 16], "ngf": 4, "ndf": 4, "blocks": 1, "width": 4}
SHORT = {
    "iterations": 4,
    "decay_start": 2,
    "batch_size": 4,
    "log_every": 2,
    "sheet_every": 4,
    "checkpoint_every": 2,
}


def shrunk(section: dict) -> dict:
    """A generator's section with the same keys, of the least size, trained for four iterations a
    phase.
    """
    least = SMALL | SHORT
    return {
        key: shrunk(value) if isinstance(value, dict) else least.get(key, value)
        for key, value in section.items()
    }


def small_params(**sections) -> dict:
    """The shipped params.yaml, cut down to seconds; `sections` replace what they name."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["sweep"] |= {
        "portions": [0.4, 1.0],
        "augmented_portions": [0.4],
        "seeds": [0],
        "cards": ["patn", "copy_source"],
    }
    market = params["dataset"]["mini_market"]
    market |= {
        "train_ids": 4,
        "images_per_train_id": 5,
        "test_ids": 3,
        "gallery_images_per_id": 4,
        "distractors": 2,
        "junk": 2,
    }
    market |= {"backgrounds": 6}
    params["evaluation"] |= {
        "image_size": [32, 16],
        "draws": 50,
        "diversity": {"sources": 4, "poses": 3},
    }
    params["generators"] = {name: shrunk(section) for name, section in params["generators"].items()}
    params["generators"]["puppet"] |= {"image_size": [64, 32]}
    reid = params["reid"]["inception"]
    reid |= {"image_size": [32, 16], "iterations": 3, "batch_size": 4, "log_iterations": 1}
    reid["network"] |= {"width": 0.25, "embedding": 16}
    return params | sections


def write_params(folder: Path, params: dict) -> None:
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


@pytest.fixture(scope="session")
def small_project_params() -> dict:
    return small_params()


@pytest.fixture(autouse=True)
def no_outside_tracking(monkeypatch):
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "DVC_ROOT", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> Path:
    """A database with MLflow's tables, which takes seconds to make and none to copy."""
    from mlflow import MlflowClient

    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def augment(monkeypatch):
    """augment("reduce", "--portion", "0.3") -> the finished command's result."""
    return lambda *arguments: CliRunner().invoke(main, list(arguments))


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A project after every stage but report; copy it before changing it."""
    folder = tmp_path_factory.mktemp("finished")
    write_params(folder, small_params())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        for command in (
            "prepare",
            "reduce --portion 0.4",
            "reduce --portion 1.0",
            "train-generator --generator patn",
            "generate --portion 0.4",
            "train-reid --model inception --portion 0.4",
            "train-reid --model inception --portion 1.0",
            "train-reid --model inception --portion 0.4 --generator patn",
        ):
            result = CliRunner().invoke(main, command.split(), catch_exceptions=False)
            assert result.exit_code == 0, result.output
            assert "Warning: MLflow" not in result.output, result.output
    return folder


@pytest.fixture
def project(finished, tmp_path, monkeypatch) -> Path:
    """A copy of the finished project, as the present folder."""
    folder = tmp_path / "project"
    shutil.copytree(finished, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def market(tmp_path) -> Path:
    """A folder as the real data set is: 3 training and 2 test identities, junk, a distractor,
    Thumbs.db, .jpg.jpg.
    """
    root = tmp_path / "market"
    names = {
        "bounding_box_train": [
            f"{pid:04d}_c{camera}s1_{pid:03d}{camera}00_01.jpg"
            for pid in (2, 7, 11)
            for camera in (1, 2)
        ],
        "query": ["0001_c1s1_000111_00.jpg", "0003_c2s1_000321_00.jpg.jpg"],
        "bounding_box_test": [
            "-1_c1s1_000401_03.jpg",
            "0000_c3s2_000501_01.jpg",
            "0001_c2s1_000121_01.jpg",
            "0003_c1s1_000311_01.jpg",
        ],
    }
    rng = np.random.default_rng(0)
    for folder, files in names.items():
        (root / folder).mkdir(parents=True)
        (root / folder / "Thumbs.db").write_bytes(b"not an image")
        for name in files:
            Image.fromarray(rng.integers(0, 255, (128, 64, 3), dtype=np.uint8)).save(
                root / folder / name, format="JPEG"
            )
    poses = {name: UPRIGHT for name in names["bounding_box_train"]}
    poses["0011_c2s1_011200_01.jpg"] = np.full((18, 2), -1)
    keypoints.write(poses, root / "market-annotation-train.csv")
    keypoints.write(
        {n: UPRIGHT for n in names["bounding_box_test"]}, root / "market-annotation-test.csv"
    )
    return root


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty torch hub cache, on a machine where an attempt to reach a network is an error that
    nothing catches.
    """
    import torch

    attempts = []

    def refuse(*given, **_):
        attempts.append(given)
        raise KeyboardInterrupt(f"reached for the network: {given}")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    yield folder
    assert not attempts


@pytest.fixture(scope="session")
def browser():
    """A selenium driver whose console log can be read. Skips where there is no Chromium with its
    driver.
    """
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    if missing := [name for name, path in programs.items() if path is None]:
        pytest.skip(
            f"no {' and no '.join(missing)} on PATH: apt-get install chromium chromium-driver"
        )
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = programs["chromium"]
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with Chrome(options, Service(programs["chromedriver"])) as driver:
        yield driver
