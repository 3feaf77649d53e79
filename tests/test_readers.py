"""Files with pickles in them are read without running code, wherever this project opens one."""

import ast
import logging
from pathlib import Path
from types import SimpleNamespace

import hostile
import numpy as np
import pytest
import torch

from augment.pretrained import image_metrics
from augment.reid_training import gate
from augment.results.report_card import identity
from augment.single_images import model_files
from augment.single_images.model import open_model
from generators.spgnet.flow import FlowFile
from generators.training import checkpoint
from reid import checkpoint as reid_checkpoint

ROOT = Path(__file__).parents[1]
FILES = sorted(
    file
    for package in ("augment", "generators", "reid", "benchmarks")
    for file in (ROOT / package).rglob("*.py")
)


def calls(tree: ast.AST):
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            named = {word.arg: word.value for word in node.keywords}
            yield f"{node.func.value.id}.{node.func.attr}", named


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_load_forbids_code(file):
    for name, named in calls(ast.parse(file.read_text())):
        if name == "torch.load":
            assert (
                isinstance(named.get("weights_only"), ast.Constant)
                and named["weights_only"].value is True
            )
        if name == "np.load":
            allowed = named.get("allow_pickle", ast.Constant(False))
            assert isinstance(allowed, ast.Constant) and allowed.value is False
        assert name not in (
            "pickle.load",
            "pickle.loads",
            "joblib.load",
            "pd.read_pickle",
            "yaml.load",
            "marshal.loads",
        )


def resume(path: Path) -> None:
    reid_checkpoint.load(path, "{}", torch.device("cpu"))
    raise ValueError("training starts afresh")


def judge(path: Path) -> None:
    settings = SimpleNamespace(backbone="inception", network=None, image_size=(32, 16))
    gate._identity(None, np.zeros(1), settings, path)


def outside(path: Path) -> None:
    found = image_metrics._network("x", "cpu")
    raise ValueError(found.reason)


def card_judge(path: Path) -> None:
    identity.load_judge(SimpleNamespace(model="m", budget="iterations"), "cpu")


READERS = {
    "checkpoint": lambda path: checkpoint.load(path, "cpu"),
    "generator": lambda path: checkpoint.load_generator(path, "cpu"),
    "pose network": lambda path: checkpoint.load_pose_network(path, "cpu"),
    "trained on": checkpoint.read_trained_on,
    "pack": lambda path: checkpoint.pack(path, path, path.with_name("packed.pt")),
    "model of transfer": lambda path: open_model(str(path), None),
    "pose network of transfer": lambda path: open_model("puppet", path),
    "public weights": model_files.state_dict,
    "flows": lambda path: FlowFile(path, (32, 16)),
    "re-ID resuming": resume,
    "gate's judge": judge,
    "report card's judge": card_judge,
    "outside network": outside,
}


@pytest.fixture
def stand_ins(monkeypatch, tmp_path):
    """What some readers look at before they open the file."""
    path = tmp_path / "evil.pt"
    model = torch.nn.Linear(1, 1)
    monkeypatch.setattr("augment.reid_training.gate.build", lambda *_: model)
    monkeypatch.setattr(
        identity.params, "load", lambda *_: SimpleNamespace(backbone="b", network=None)
    )
    monkeypatch.setattr(identity, "weights_file", lambda _: path)
    monkeypatch.setattr(identity, "train_command", lambda _: "command")
    table = SimpleNamespace(query=lambda _: {"pid": SimpleNamespace(nunique=lambda: 1)})
    monkeypatch.setattr(identity.index, "read", lambda _: table)
    known = SimpleNamespace(file=path, library="json", url="url", build=lambda *_: model)
    monkeypatch.setattr(image_metrics, "OUTSIDE", {"x": known})
    return path


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("reader", READERS)
def test_code_in_a_file_is_not_run(stand_ins, tmp_path, reader, zipped, caplog):
    mark = hostile.malicious_checkpoint(stand_ins, tmp_path / "owned", zipped)
    with caplog.at_level(logging.ERROR), pytest.raises(ValueError):
        READERS[reader](stand_ins)
    assert not mark.exists()


def test_the_malicious_file_would_do_it(tmp_path):
    mark = hostile.malicious_checkpoint(tmp_path / "evil.pt", tmp_path / "owned")
    torch.load(tmp_path / "evil.pt", weights_only=False)
    assert mark.is_dir()


def test_arrays_with_code(tmp_path):
    mark = hostile.malicious_array(tmp_path / "evil.npy", tmp_path / "owned")
    with pytest.raises(ValueError, match="allow_pickle=False"):
        np.load(tmp_path / "evil.npy")
    assert not mark.exists()
    np.load(tmp_path / "evil.npy", allow_pickle=True)
    assert mark.is_dir()
