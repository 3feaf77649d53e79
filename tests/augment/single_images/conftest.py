"""A folder with nothing but two images of people and the files of small models."""

import pytest
import tiny_models

from generators.pose_network.pose_network import PoseEstimator
from generators.training import checkpoint


@pytest.fixture(scope="session")
def model_files(tmp_path_factory):
    """patn.pt alone, packed.pt with a pose network, spt.pt packed."""
    folder = tmp_path_factory.mktemp("models")
    finder = tiny_models.write(folder / "pose_network.pt", tiny_models.generator("pose_network"))
    for name in ("patn", "spt"):
        alone = tiny_models.write(folder / f"{name}.pt", tiny_models.generator(name))
        checkpoint.pack(alone, finder, folder / f"packed_{name}.pt")
    return folder


@pytest.fixture
def empty(tmp_path, monkeypatch, model_files):
    """A folder with A.png (128x64), B.png (96x40) and models, but no params.yaml or data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(PoseEstimator, "locate", tiny_models.located)
    for file in model_files.iterdir():
        (tmp_path / file.name).symlink_to(file)
    tiny_models.person_image(tmp_path / "A.png")
    tiny_models.person_image(tmp_path / "B.png", (96, 40), (40, 200, 40))
    return tmp_path
