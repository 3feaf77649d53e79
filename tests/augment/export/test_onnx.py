"""Graphs by onnxruntime give torch's numbers, for batches that the export has not seen."""

import copy
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from augment import params
from augment.commands.export import COMMANDS
from augment.export import graphs, onnx
from augment.export.reid_model import of_file
from generators.registry import generator_class
from generators.training.checkpoint import load_generator, save_generator

pytest.importorskip("onnxruntime", reason="pip install reid-augment[onnx]")
TRAINED_ON = {"set": "data/prepared", "pairs": 12, "images": []}
KEYPOINTS = ["source_image", "source_keypoints", "target_keypoints"]


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def small(name: str, file: Path, **changes) -> object:
    """A generator of minimal size with weights that matter, from a separate params file."""
    kind = generator_class(name)
    section = yaml.safe_load(file.read_text())["generators"][name]
    for key, value in changes.items():
        section[key] = section[key] | value if isinstance(value, dict) else value
    generator = kind(params._build(kind.Params, section, name))
    # The matcher's last layer starts at zero. SPGNet's weights start large, and untrained norms let
    # its maps grow.
    draws = torch.Generator().manual_seed(0)
    for network in generator.networks.values() if name != "spgnet" else ():
        for weight in network.parameters():
            weight.data += 0.05 * torch.randn(weight.shape, generator=draws)
    return generator


def compare(graph, file: Path, number: int) -> float:
    inputs = graph.inputs(number)
    with torch.no_grad():
        wanted = graph(**inputs).numpy()
    found = onnx.run(file, {name: value.numpy() for name, value in inputs.items()})
    assert found.shape == wanted.shape and found.std() > 0
    return float(np.abs(found - wanted).max())


@pytest.mark.parametrize(
    ("name", "changes", "inputs"),
    [
        ("patn", {}, KEYPOINTS),
        ("apatn", {}, KEYPOINTS),
        ("warping_gan", {"parsing": "from_keypoints"}, KEYPOINTS),
        ("spgnet", {"network": {"scales": 2}}, [*KEYPOINTS, "source_parsing"]),
        ("spt", {"deformable": 0}, [*KEYPOINTS, "source_parsing"]),
    ],
)
def test_every_generator_is_exported(with_puppets, tmp_path, name, changes, inputs):
    generator = small(name, with_puppets / "params.yaml", **changes)
    graph = graphs.GeneratorGraph(generator, TRAINED_ON)
    assert list(graph.inputs(2)) == inputs
    onnx.write(graph, tmp_path / "a.onnx")
    assert compare(graph, tmp_path / "a.onnx", 4) < 1e-3
    said = onnx.metadata(tmp_path / "a.onnx")
    assert said["model"] == name and said["trained_on"] == "data/prepared, 12 pairs"
    assert json.loads(said["image_size"]) == list(generator.params.image_size)


def test_a_graph_renders_what_its_generator_renders(with_puppets, tmp_path):
    """With the pose maps that the pipeline would draw, and none of autocast's rounding."""
    from generators.body.pose import pose_maps
    from generators.training.batch import Batch

    generator = small("patn", with_puppets / "params.yaml")
    graph = graphs.GeneratorGraph(generator, TRAINED_ON)
    given = graph.inputs(3)
    points = (given["source_keypoints"], given["target_keypoints"])
    maps = [pose_maps(one, graph.size, graph.sigma_px) for one in points]
    batch = Batch(given["source_image"], torch.zeros_like(given["source_image"]), *points, *maps)
    network = copy.deepcopy(generator.networks["network"]).eval()
    with torch.no_grad():
        wanted = network(batch.source_image, batch.source_pose, batch.target_pose)
    torch.testing.assert_close(graph(**given), wanted)


def test_the_reid_model_gives_its_evaluations_features(inside, tmp_path, augment):
    from reid.data import ReidSet
    from reid.retrieval import features

    file = tmp_path / "reid.onnx"
    result = augment(
        *f"export-onnx --reid inception --portion 0.4 --augmentation patn --output {file}".split()
    )
    assert result.exit_code == 0, result.output
    assert "onnxruntime and torch differ by at most" in result.output
    loaded = of_file(
        "inception", Path("models/reid/iterations/inception/patn/0.4/seed0/weights.pt")
    )
    pixels = torch.randint(
        0, 256, (5, 3, 32, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )
    nobody = torch.zeros(5, dtype=torch.int64)
    rows = ReidSet(pixels, nobody, nobody, nobody.bool())
    wanted = features(loaded.model, rows, (32, 16), loaded.settings.features, "float32")
    found = onnx.run(file, {"images": pixels.float().numpy() / 255})
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    said = onnx.metadata(file)
    assert (
        said["metric"] == loaded.settings.metric
        and said["trained_on"] == "patn, portion 0.4, ratio 1"
    )


def test_equal_models_give_equal_bytes_and_no_path_of_this_machine(inside, tmp_path, augment):
    for name in "ab":
        result = augment(*f"export-onnx --generator patn --output {tmp_path / name}.onnx".split())
        assert result.exit_code == 0, result.output
    first, second = ((tmp_path / f"{name}.onnx").read_bytes() for name in "ab")
    assert first == second
    assert str(Path(__file__).parents[3]).encode() not in first and b".py" not in first


def test_other_numbers_fail_and_leave_no_file(with_puppets, tmp_path, monkeypatch):
    graph = graphs.GeneratorGraph(small("patn", with_puppets / "params.yaml"), TRAINED_ON)
    honest, translated = onnx.run, onnx._translated(graph)
    monkeypatch.setattr(onnx, "_translated", lambda _: translated)
    monkeypatch.setattr(onnx, "run", lambda file, inputs: honest(file, inputs) + 0.002)
    with pytest.raises(
        ValueError,
        match="a.onnx: not written: image of onnxruntime and torch differ by 0.002, ",
    ):
        onnx.write(graph, tmp_path / "a.onnx")
    monkeypatch.setattr(onnx, "run", lambda file, inputs: honest(file, inputs) * np.nan)
    with pytest.raises(ValueError, match="differ by nan"):
        onnx.write(graph, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported_is_refused_by_name(with_puppets, tmp_path):
    file = with_puppets / "params.yaml"
    for name, changes, message in (
        (
            "spt",
            {"configuration": "ts_gt"},
            "spt.configuration ts_gt paints on the target's true parsing map",
        ),
        (
            "spgnet",
            {"flow": "flows.pt"},
            "spgnet.flow is the file flows.pt, whose flows are looked up pair by pair",
        ),
        ("puppet", {}, "puppet does not render images; export a trained generator"),
    ):
        section = yaml.safe_load(file.read_text())["generators"][name] | changes
        generator = type(
            "Named",
            (),
            {"name": name, "params": params._build(generator_class(name).Params, section, name)},
        )
        with pytest.raises(ValueError, match=re.escape(message)):
            graphs.GeneratorGraph(generator, TRAINED_ON)


def test_the_command_and_its_errors(inside, tmp_path, augment):
    patn = "models/full/patn/generator.pt"
    result = augment(
        *f"export-onnx --generator patn --output {tmp_path / 'a.onnx'} --dry-run".split()
    )
    assert result.exit_code == 0 and "export-onnx: patn, trained on data/prepared" in result.output
    assert not list(tmp_path.iterdir())
    save_generator(load_generator(Path(patn), "cpu"), tmp_path / "mine.pt", TRAINED_ON)
    for flags, message in (
        (
            "--generator spt",
            "models/full/spt/generator.pt: not found; run `augment train-generator --generator spt` first",
        ),
        (
            f"--generator spt --checkpoint {tmp_path / 'mine.pt'}",
            "mine.pt: holds patn, not spt: use --generator patn",
        ),
        (
            "--reid inception --portion 0.3",
            "run `augment train-reid --model inception --portion 0.3` first, or use --weights",
        ),
        (
            "--reid inception",
            "expected --portion and the other options of a trained arm, or --weights FILE",
        ),
        (
            "--reid inception --portion 0.4 --checkpoint a.pt",
            "--checkpoint is for generators; use",
        ),
        (
            "--portion 0.4",
            "expected --reid MODEL with its arm or --weights; or only --generator NAME",
        ),
        (
            "--generator patn --weights a.pt",
            "expected --reid MODEL with its arm or --weights; or only --generator NAME",
        ),
    ):
        result = augment(*f"export-onnx {flags} --output a.onnx".split())
        assert result.exit_code != 0 and message in " ".join(result.output.split()), result.output
    result = augment(*f"export-onnx --generator patn --output {tmp_path / 'a.pt'}".split())
    assert "a.pt: the file's name must end in .onnx" in result.output
    assert [command.name for command in COMMANDS] == ["export", "export-onnx", "embed"]


def test_without_onnx(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(ValueError, match=re.escape("pip install reid-augment[onnx]")):
        onnx.check_installed()
