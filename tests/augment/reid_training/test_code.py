"""An edit of the code that trains makes checkpoints and tuning runs of the old code out of date."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from augment import paths
from augment.arms import Arm
from augment.augmentations import Augmentation
from augment.reid_training import arm, tune
from generators import code

ROOT = Path(__file__).parents[3]
DRAWS = "augment/generation/puppets.py"
TRAINS = "reid/optimiser.py"


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the code that arms are trained by; edits of it are seen at once."""
    for package in (*arm.CODE, *arm.ONLINE_CODE):
        shutil.copytree(ROOT / package, tmp_path / package)
    monkeypatch.setattr(code, "ROOT", tmp_path)
    monkeypatch.setattr(code, "digest", code.digest.__wrapped__)
    return tmp_path


def append(file, text):
    file.write_text(file.read_text() + text)


def hashes():
    return [arm.code_of(SimpleNamespace(online=online)) for online in (None, object())]


def test_an_edit_counts_for_the_arms_that_it_changes(copy):
    plain, online = hashes()
    append(copy / DRAWS, "\nEDITED = True\n")
    assert hashes()[0] == plain and hashes()[1] != online
    append(copy / TRAINS, "\nEDITED = True\n")
    assert hashes()[0] != plain


def test_comments_do_not_count(copy):
    before = hashes()
    append(copy / TRAINS, "\n# A comment.\n")
    append(copy / DRAWS, "\n# A comment.\n")
    assert hashes() == before


def test_a_tuning_run_is_keyed_by_the_code(copy, monkeypatch):
    monkeypatch.setattr(tune.params, "raw", lambda section: {})
    settings = SimpleNamespace(online=None)
    monkeypatch.setattr(tune, "asdict", lambda value: {})
    rows = pd.DataFrame({"path": ["a.png"], "folder": ["data"]})
    sets = SimpleNamespace(generated=0, train=rows, query=rows, gallery=rows)
    one = Arm("inception", Augmentation(), 0.1, 1, "iterations", 0)
    monkeypatch.setattr(paths, "generated", lambda *_: Path("generated"))
    before = tune._made_of(one, settings, sets)
    append(copy / TRAINS, "\n# A comment.\n")
    assert tune._made_of(one, settings, sets) == before
    append(copy / TRAINS, "\nEDITED = True\n")
    assert tune._made_of(one, settings, sets) != before
