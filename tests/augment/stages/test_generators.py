"""Every trained generator in the same commands; tests/generators covers each in detail."""

import shutil

import pytest
import yaml

from augment import files
from augment.prepared import index
from generators.registry import GENERATORS

OTHERS = sorted({*GENERATORS} - {"patn", "puppet"})  # patn is in every test of these folders


@pytest.fixture
def trained(project, augment):
    """trained(name, **params) -> manifest of the generated images."""

    def run(name, **params):
        file = project / "params.yaml"
        every = yaml.safe_load(file.read_text())
        every["generators"][name] |= params
        file.write_text(yaml.safe_dump(every))
        for command in ("train-pose-network", "train-generator", "generate --portion 0.4"):
            flags = [] if command == "train-pose-network" else ["--generator", name]
            result = augment(*command.split(), *flags)
            assert result.exit_code == 0, result.output
        out = project / f"data/generated/{name}/0.4"
        rows = index.read(out / "index.csv")
        assert len(rows) == 12 and all((out / path).is_file() for path in rows["path"])
        return files.read_json(out / "manifest.json")

    return run


@pytest.mark.parametrize("name", OTHERS)
def test_trains_and_generates(trained, name):
    manifest = (
        trained(name, perceptual="pose_network", lambda_perceptual=1.0)
        if name == "apatn"
        else trained(name)
    )
    wanted = (None, "pose_network") if name == "apatn" else ("files", "none")
    assert manifest["generator"] == name
    assert (manifest["trained_on"]["parsing"], manifest["trained_on"]["features"]) == wanted


@pytest.mark.parametrize("name", [name for name in OTHERS if name != "apatn"])
def test_coarse_parsing_maps_only_when_asked_for(project, trained, augment, name):
    shutil.rmtree(project / "data/prepared/parsing")
    assert augment("train-pose-network").exit_code == 0
    refused = augment("train-generator", "--generator", name)
    assert (
        refused.exit_code == 1 and "set the generator's `parsing: from_keypoints`" in refused.output
    )
    assert trained(name, parsing="from_keypoints")["trained_on"]["parsing"] == "from_keypoints"
