"""A set registered with torchreid, and torchreid's own engine training on it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import hostile
import pandas as pd
import pytest

from augment.export import torchreid
from augment.export.torchreid import register


@pytest.fixture
def named(monkeypatch, request) -> str:
    """A name of the test's own: torchreid's registry is global and forgets nothing."""
    monkeypatch.setattr(torchreid, "_registered", {})
    return re.sub(r"\W", "_", request.node.name)


@pytest.fixture
def folder(exported, tmp_path) -> Path:
    return shutil.copytree(exported["torchreid"], tmp_path / "set")


def loaded(name: str, mode: str = "train"):
    from torchreid.reid.data.datasets import (
        init_image_dataset,  # without a warning, as register has imported it first
    )

    return init_image_dataset(name, mode=mode, verbose=False, root="anywhere")


def test_real_and_generated_are_one_set_with_the_pipelines_people(exported, named):
    register(named, exported["torchreid"])
    rows = pd.read_csv(exported["torchreid"] / "dataset.csv")
    train = rows[rows["split"] == "train"]
    found = loaded(named)
    classes = sorted(set(train["pid"]))
    assert [label for _, label, *_ in found.train] == [classes.index(pid) for pid in train["pid"]]
    assert [dsetid for *_, dsetid in found.train] == list(train["dsetid"]) and set(
        train["dsetid"]
    ) == {0, 1}
    assert found.num_train_pids == 4 and found.num_datasets == 2
    gallery = rows[(rows["split"] == "gallery") & (rows["pid"] != -1)]
    assert [(pid, camid) for _, pid, camid, _ in found.gallery] == list(
        zip(gallery["pid"], gallery["camid"], strict=True)
    )
    assert 0 in {pid for _, pid, *_ in found.gallery} and type(found).__name__ == named
    assert all(Path(path).is_absolute() and Path(path).is_file() for path, *_ in found.query)


def test_registering_twice(exported, folder, named):
    register(named, exported["torchreid"])
    register(named, str(exported["torchreid"]))
    message = f"{named!r} is registered already, for {exported['torchreid'].resolve()}; choose another name for {folder}"
    with pytest.raises(ValueError, match=re.escape(message)):
        register(named, folder)
    with pytest.raises(
        ValueError, match="torchreid already has a data set named 'market1501'; choose another name"
    ):
        register("market1501", folder)


def test_a_broken_image_is_found_before_torchreid_waits_for_it(folder, named):
    broken = next(folder.rglob("query/*.jpg"))
    hostile.truncated(broken)
    with pytest.raises(ValueError, match=re.escape(f"{broken}: cannot be decoded")):
        register(named, folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda rows: rows.drop(columns="dsetid"),
            "its columns are path, pid, camid, split; expected path, pid,",
        ),
        (lambda rows: rows.assign(pid="Anna"), "dataset.csv: not as `augment export` writes it"),
        (
            lambda rows: rows[rows["split"] != "query"],
            "no rows of split query; torchreid needs train, query and gallery",
        ),
        (
            lambda rows: rows.assign(split=["val", *rows["split"][1:]]),
            "row 2: split 'val' is not one of train, query, gallery",
        ),
        (lambda rows: rows.assign(path=["../../a.jpg", *rows["path"][1:]]), "lies outside"),
    ],
)
def test_a_changed_table_is_refused(folder, named, change, message):
    table = folder / "dataset.csv"
    change(pd.read_csv(table)).to_csv(table, index=False)
    with pytest.raises(ValueError, match=re.escape(message)):
        register(named, folder)


def test_other_folders_are_refused(exported, tmp_path, named):
    with pytest.raises(
        FileNotFoundError,
        match="dataset.csv: not found; make the folder with `augment export --format torchr",
    ):
        register(named, exported["fastreid"])


ENGINE = """
import sys, warnings
warnings.simplefilter("ignore")
import torch, torchreid
from augment.export.torchreid import register
torch.set_num_threads(1)
register("ours", sys.argv[1])
images = torchreid.data.ImageDataManager(
    sources="ours", height=64, width=32, batch_size_train=4, workers=0, use_gpu=False,
    train_sampler="RandomDatasetSampler", num_datasets=2,
)
kinds = [batch["dsetid"].tolist() for batch in images.train_loader]
assert kinds and all(sorted(kind) == [0, 0, 1, 1] for kind in kinds), kinds
model = torchreid.models.build_model("osnet_x0_25", images.num_train_pids, pretrained=False, use_gpu=False)
optimizer = torchreid.optim.build_optimizer(model)
scheduler = torchreid.optim.build_lr_scheduler(optimizer)
engine = torchreid.engine.ImageSoftmaxEngine(images, model, optimizer, scheduler, use_gpu=False)
engine.test = lambda **_: 0.0  # which needs 50 gallery images for every query
engine.run(save_dir=sys.argv[2], max_epoch=1, print_freq=1)
"""


def test_torchreids_engine_trains_an_epoch_on_it(exported, tmp_path):
    """Runs in a separate process, because torchreid never releases what it registers and opens."""
    command = [sys.executable, "-c", ENGINE, str(exported["torchreid"]), str(tmp_path / "log")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "epoch: [1/1]" in done.stdout, done.stderr[-2000:]
