import pytest

from augment import prepared
from augment.files import write_json


def test_what_is_written_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = prepared.About("folder", (256, 176), False)
    prepared.write(told, tmp_path / "data/prepared")
    assert prepared.about() == told and prepared.size() == (256, 176)


def test_a_folder_of_another_version_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        FileNotFoundError,
        match="data/prepared/dataset.json: not found; run `augment prepare` first",
    ):
        prepared.size()
    write_json(tmp_path / "data/prepared/dataset.json", {"name": "folder"})
    with pytest.raises(
        ValueError, match="written by another version .*; run `augment prepare` again"
    ):
        prepared.size()
