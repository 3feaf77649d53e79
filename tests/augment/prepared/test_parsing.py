from pathlib import Path

import numpy as np
import pytest
import torch
import upright
from PIL import Image

from augment import paths
from augment.prepared import index, parsing
from generators.body.parsing import LABELS

SIZE = (128, 64)


def images() -> list[str]:
    return list(index.read(paths.PREPARED / "index.csv")["path"][:3])


def file_of(image: str) -> Path:
    return paths.PREPARED / "parsing" / Path(image).with_suffix(".png").name


def test_labels_are_the_files(project):
    labels = parsing.read(images(), SIZE)
    assert labels.dtype == torch.uint8 and labels.shape == (3, *SIZE)
    assert np.array_equal(labels[1].numpy(), np.asarray(Image.open(file_of(images()[1]))))
    assert set(parsing.read(images(), (32, 16)).unique().tolist()) <= set(labels.unique().tolist())


def test_a_missing_or_foreign_file_is_named(project):
    Image.fromarray(np.full(SIZE, 17, np.uint8)).save(file_of(images()[2]))
    with pytest.raises(
        ValueError,
        match=rf"{file_of(images()[2]).name}: holds label 17; labels are 0 \(background\) to 9",
    ):
        parsing.read(images(), SIZE)
    file_of(images()[0]).unlink()
    with pytest.raises(ValueError, match=f"{file_of(images()[0]).name}: not found; other images"):
        parsing.read(images(), SIZE)


def test_kinds(project):
    points = torch.tensor(upright.UPRIGHT).float()[None].repeat(3, 1, 1)
    assert torch.equal(
        parsing.of_kind("files", images(), points, SIZE), parsing.read(images(), SIZE)
    )
    drawn = parsing.of_kind("from_keypoints", images(), points, SIZE)
    assert LABELS[int(drawn[0, 45, 32])] == "upper_clothes"
    for file in (paths.PREPARED / "parsing").iterdir():
        file.unlink()
    (paths.PREPARED / "parsing").rmdir()
    assert torch.equal(parsing.of_kind("from_keypoints", images(), points, SIZE), drawn)
    assert parsing.read(images(), SIZE) is None
    with pytest.raises(
        ValueError, match="parsing: not found; .* set the generator's `parsing: from_keypoints`"
    ):
        parsing.of_kind("files", images(), points, SIZE)
