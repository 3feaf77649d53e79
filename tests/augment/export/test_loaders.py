"""Exported sets, read by torchreid's loader and by two written from other projects' public code."""

import re
import warnings
from pathlib import Path

import pandas as pd
import pytest

from augment.prepared import index

OURS = "data/prepared"


def fastreid_like(folder: Path) -> list[tuple[str, int, int]]:
    """fast-reid's rule: every .jpg, `([-\\d]+)_c(\\d)`, pid -1 skipped, Market-1501's limits."""
    found = []
    for file in folder.glob("*.jpg"):
        pid, camera = map(int, re.search(r"([-\d]+)_c(\d)", file.name).groups())
        if pid == -1:
            continue
        assert 0 <= pid <= 1501
        assert 1 <= camera <= 6
        found.append((file.name, pid, camera - 1))
    return found


def strict(folder: Path) -> list[tuple[str, int, int]]:
    """A reader that parses the whole name: text after the box number would be another id."""
    pattern = re.compile(
        r"(?P<pid>-1|\d{4})_c(?P<camera>\d)s(?P<sequence>\d)_(?P<frame>\d{6})_(?P<box>\d{2})\.jpg"
    )
    found, seen = [], set()
    for file in folder.iterdir():
        match = pattern.fullmatch(file.name)
        assert match, f"{file.name} is not read"
        assert match.groups() not in seen
        seen.add(match.groups())
        if match["pid"] != "-1":
            found.append((file.name, int(match["pid"]), int(match["camera"]) - 1))
    return found


def ours(project: Path) -> dict[str, tuple[int, int, int]]:
    """split -> images, identities (with the distractors' 0), cameras by our index, without junk."""
    train = pd.concat(
        [
            index.read(project / "data" / part / "index.csv")
            for part in ("reduced/0.3", "generated/puppet/0.3")
        ]
    )
    every = index.read(project / OURS / "index.csv")
    rows = {"train": train} | {
        split: every[every["split"] == split] for split in ("query", "gallery")
    }
    rows = {split: part[part["pid"] != -1] for split, part in rows.items()}
    return {
        split: (len(part), part["pid"].nunique(), part["camid"].nunique())
        for split, part in rows.items()
    }


FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}


@pytest.mark.parametrize(
    ("format", "root", "loader"),
    [
        ("fastreid", "Market-1501-v15.09.15", fastreid_like),
        ("market1501", ".", fastreid_like),
        ("market1501", ".", strict),
        ("torchreid", "market1501/Market-1501-v15.09.15", strict),
    ],
)
def test_other_loaders_find_what_we_have(with_puppets, exported, format, root, loader):
    found = {split: loader(exported[format] / root / folder) for split, folder in FOLDERS.items()}
    counted = {
        split: (len(r), len({pid for _, pid, _ in r}), len({c for *_, c in r}))
        for split, r in found.items()
    }
    assert counted == ours(with_puppets)
    names = [name for rows in found.values() for name, *_ in rows]
    assert len(set(names)) == len(names)


def test_torchreids_own_class_finds_what_we_have(with_puppets, exported):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that its Cython evaluator is missing
        from torchreid.reid.data.datasets.image.market1501 import Market1501
    loaded = Market1501(root=str(exported["torchreid"]), verbose=False)
    parts = {"train": loaded.train, "query": loaded.query, "gallery": loaded.gallery}
    counted = {
        split: (
            len(rows),
            len({pid for _, pid, *_ in rows}),
            len({camid for _, _, camid, _ in rows}),
        )
        for split, rows in parts.items()
    }
    assert counted == ours(with_puppets)


def test_labels_by_sorted_order_are_those_of_the_real_set(with_puppets, exported):
    real = index.read(with_puppets / OURS / "index.csv")
    classes = sorted(set(real.loc[real["split"] == "train", "pid"]))
    found = strict(exported["market1501"] / "bounding_box_train")
    assert sorted({pid for _, pid, _ in found}) == classes
    table = pd.read_json(exported["huggingface"] / "train/metadata.jsonl", lines=True)
    assert [classes[label] for label in table["label"]] == list(table["pid"])


def test_hugging_face_datasets_reads_it_offline(exported, with_puppets, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="pip install datasets")
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    loaded = datasets.load_dataset(str(exported["huggingface"]), cache_dir=str(tmp_path))
    assert {split: len(rows) for split, rows in loaded.items()} == {
        "train": 20,
        "query": 9,
        "gallery": 16,
    }
    generated = loaded["train"].filter(lambda row: row["generated"])
    manifest = index.read(with_puppets / "data/generated/puppet/0.3/index.csv")
    assert len(generated) == len(manifest) and set(generated["generator"]) == {"puppet"}
    assert loaded["train"][0]["image"].size == (64, 128)
    assert set(loaded["gallery"]["label"]) == {-1}
