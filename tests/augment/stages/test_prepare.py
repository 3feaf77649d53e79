import re

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from augment import index, keypoints
from generators.parsing import LABELS


def use(folder, **dataset):
    """Change dataset keys in the folder's params.yaml."""
    file = folder / "params.yaml"
    params = yaml.safe_load(file.read_text())
    params["dataset"] |= dataset
    file.write_text(yaml.safe_dump(params))


@pytest.fixture
def real(project, market):
    """The project, set to the Market-1501 folder of the fixture."""
    annotations = [str(market / f"market-annotation-{split}.csv") for split in ("train", "test")]
    use(project, name="market1501", root=str(market), annotations=annotations)
    return project


def test_mini_market_is_whole(finished):
    rows = index.read(finished / "data/prepared/index.csv")
    assert rows["split"].value_counts()["train"] == 20
    assert all((finished / "data/prepared" / path).is_file() for path in rows["path"])
    found = keypoints.read(finished / "data/prepared/keypoints.csv", (128, 64))
    assert set(found) == {path.rsplit("/", 1)[1] for path in rows["path"]}
    assert (finished / "data/prepared/contact_sheet.png").is_file()
    assert sorted(p.name for p in (finished / "data").iterdir()) == ["generated", "prepared", "reduced"]


def test_real_folder_is_copied_and_counted(real, market, augment):
    result = augment("prepare")
    assert result.exit_code == 0, result.output
    rows = index.read(real / "data/prepared/index.csv")
    assert len(rows) == 12 and rows["pid"].min() == -1
    assert "query/0003_c2s1_000321_00.jpg" in set(rows["path"])
    for path in rows["path"]:
        original = market / path if (market / path).is_file() else market / f"{path}.jpg"
        assert (real / "data/prepared" / path).read_bytes() == original.read_bytes()
    # Identities 2 and 7 have two images with a torso each, identity 11 only one.
    assert "4 training pairs; 1 of 6 training images lack a hip or shoulder" in result.output
    assert "1 names end in .jpg.jpg" in result.output
    counts = pd.read_csv(real / "data/prepared/counts.csv").set_index("split")
    assert counts.loc["gallery", ["junk", "distractors"]].tolist() == [1, 1]


def test_max_ids_may_differ_by_split(real, augment):
    use(real, max_ids={"train": 1, "test": 2})
    assert augment("prepare").exit_code == 0
    rows = index.read(real / "data/prepared/index.csv")
    assert rows.loc[rows["split"] == "train", "pid"].unique().tolist() == [2]
    assert sorted(rows.loc[rows["split"] == "gallery", "pid"]) == [1, 3]


def test_parsing_maps_are_merged(real, market, augment):
    folder = real / "parsed"
    folder.mkdir()
    for name in (path.name for path in market.glob("*/*.jpg")):
        labels = np.zeros((128, 64), np.uint8)
        labels[40:60] = 7  # LIP's coat
        Image.fromarray(labels).save((folder / name.replace(".jpg.jpg", ".jpg")).with_suffix(".png"))
    use(real, parsing={"root": str(folder), "labels": "lip20"})
    result = augment("prepare")
    assert result.exit_code == 0, result.output
    merged = np.asarray(Image.open(real / "data/prepared/parsing/0002_c1s1_002100_01.png"))
    assert (merged[40:60] == LABELS.index("upper_clothes")).all() and not merged[:40].any()
    Image.fromarray(np.full((128, 64), 20, np.uint8)).save(folder / "0002_c1s1_002100_01.png")
    assert "0002_c1s1_002100_01.png: label 20 is none of lip20's" in augment("prepare").output
    (folder / "0002_c1s1_002100_01.png").unlink()
    assert "0002_c1s1_002100_01.png: not found" in augment("prepare").output


def test_a_failed_prepare_leaves_the_old_data(real, market, augment):
    before = (real / "data/prepared/index.csv").read_bytes()
    broken = market / "query" / "0001_c1s1_000111_00.jpg"
    broken.write_bytes(b"")
    result = augment("prepare")
    assert result.exit_code == 1 and re.search(f"Error: {re.escape(str(broken))}: cannot be decoded", result.output)
    assert (real / "data/prepared/index.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ({"root": "nowhere"}, "nowhere: folder not found (params.yaml: dataset.root)"),
        ({"parsing": {"root": "gone", "labels": "lip20"}}, "gone: folder not found (params.yaml: dataset.parsing.root)"),
        ({"root": None}, "market1501 needs root (a folder) and annotations (a list of CSV files)"),
        ({"annotations": ["gone.csv"]}, "gone.csv: keypoint file not found (params.yaml: dataset.annotations)"),
        ({"name": "market"}, "dataset.name: 'market' is none of mini_market, market1501"),
    ],
)
def test_bad_sources_are_named_before_anything_is_done(real, augment, dataset, message):
    use(real, **dataset)
    result = augment("prepare", "--dry-run")
    assert result.exit_code == 1 and message in result.output
