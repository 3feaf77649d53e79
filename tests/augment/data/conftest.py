"""Folders of small random crops, and the shipped `dataset` section with some keys changed."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from augment import params
from augment.data.params import DatasetParams

ROOT = Path(__file__).parents[3]


def crop(path: Path, size: tuple[int, int] = (16, 8)) -> Path:
    """A picture of (height, width) that depends only on its folder and name, with its suffix."""
    seed = int.from_bytes(
        hashlib.sha256("/".join(path.parts[-2:]).encode(errors="surrogateescape")).digest()[:4],
        "big",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)).save(
        path
    )
    return path


@pytest.fixture
def crops(tmp_path):
    """crops("a/1.jpg", "b/2.png") -> their root, a new folder."""

    def make(*paths: str, size: tuple[int, int] = (16, 8)) -> Path:
        for path in paths:
            crop(tmp_path / "root" / path, size)
        return tmp_path / "root"

    return make


@pytest.fixture
def settings(tmp_path):
    """settings(name=..., root=..., ...) -> DatasetParams."""

    def make(**changes) -> DatasetParams:
        section = yaml.safe_load((ROOT / "params.yaml").read_text())["dataset"]
        folder = section["folder"] | changes.pop("folder", {})
        split = section["split"] | changes.pop("split", {})
        if changes.get("root"):
            changes["root"] = str(changes["root"])
        section |= {"folder": folder, "split": split} | changes
        (tmp_path / "params.yaml").write_text(yaml.safe_dump({"dataset": section}))
        return params.load(DatasetParams, "dataset", tmp_path / "params.yaml")

    return make
