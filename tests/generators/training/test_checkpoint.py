import os

import pytest
import tiny_models
import torch

from generators.training import checkpoint
from generators.training.checkpoint import differences, load_generator, save_generator


def test_saving_is_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "state.pt"
    checkpoint.save({"step": 1}, path)

    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save({"step": 2}, path)
    monkeypatch.undo()
    assert checkpoint.load(path, "cpu") == {"step": 1}
    checkpoint.save({"step": 3}, path)
    assert checkpoint.load(path, "cpu") == {"step": 3} and len(list(path.parent.iterdir())) == 1


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"hello" * 20]
)
def test_damaged_file(patn, tmp_path, damage):
    path = tmp_path / "generator.pt"
    save_generator(patn(), path, {})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(
        ValueError,
        match=r"generator\.pt: not a readable checkpoint \(.*\); restore it, or make it again",
    ):
        load_generator(path, "cpu")


def test_code_in_a_file_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "owned"),)

    torch.save({"format": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(ValueError, match=r"evil\.pt: not a readable checkpoint"):
        checkpoint.load(tmp_path / "evil.pt", "cpu")
    assert not (tmp_path / "owned").exists()


def test_foreign_files(patn, tmp_path):
    path = tmp_path / "other.pt"
    torch.save({"weights": torch.zeros(2)}, path)
    with pytest.raises(
        ValueError, match=r"other\.pt: not a finished generator \(its format is None"
    ):
        load_generator(path, "cpu")
    torch.save(torch.zeros(2), path)
    with pytest.raises(ValueError, match=r"other\.pt: contains a Tensor, not a checkpoint"):
        load_generator(path, "cpu")
    with pytest.raises(FileNotFoundError, match="absent"):
        load_generator(tmp_path / "absent.pt", "cpu")

    save_generator(patn(), path, {})
    contents = checkpoint.load(path, "cpu")
    checkpoint.save(contents | {"name": "marionette"}, path)
    with pytest.raises(
        ValueError, match=r"other\.pt: generator 'marionette' is unknown; known: .*patn"
    ):
        load_generator(path, "cpu")
    checkpoint.save(contents | {"params": contents["params"] | {"colour": 1}}, path)
    with pytest.raises(
        ValueError,
        match=r"written by another version of patn \(PatnParams has other fields: colour\)",
    ):
        load_generator(path, "cpu")
    checkpoint.save(contents | {"params": contents["params"] | {"blocks": 3}}, path)
    with pytest.raises(
        ValueError, match=r"(?s)other\.pt: was written by another version of patn .*train it again"
    ):
        load_generator(path, "cpu")


def test_differences_name_the_keys():
    old = {"name": "patn", "params": {"ngf": 16, "size": (64, 32), "gone": 1}}
    new = {"name": "patn", "params": {"ngf": 32, "size": (64, 32), "training": {"seed": 1}}}
    assert differences(old, new) == [
        "params.gone: 1 -> absent",
        "params.ngf: 16 -> 32",
        "params.training: absent -> {'seed': 1}",
    ]
    assert differences(old, old) == []


def test_a_packed_file_holds_both(patn, tmp_path):
    made = tiny_models.generator("pose_network")
    save_generator(patn(), tmp_path / "patn.pt", {"images": ["a.jpg"]})
    save_generator(made, tmp_path / "finder.pt", {"images": ["b.jpg"]})
    checkpoint.pack(tmp_path / "patn.pt", tmp_path / "finder.pt", tmp_path / "both.pt")
    assert checkpoint.read_trained_on(tmp_path / "both.pt") == {"images": ["a.jpg"]}
    images = torch.rand(2, 3, 32, 16, generator=torch.Generator().manual_seed(0))
    for file in ("both.pt", "finder.pt"):
        found = checkpoint.load_pose_network(tmp_path / file, "cpu")
        assert torch.equal(found.locate(images, -9.0), made.locate(images, -9.0))
    assert checkpoint.load_pose_network(tmp_path / "patn.pt", "cpu") is None
    files = (tmp_path / "patn.pt", tmp_path / "both.pt")
    stored, packed = (
        load_generator(file, "cpu").networks["network"].state_dict() for file in files
    )
    assert all(torch.equal(stored[name], packed[name]) for name in stored)


def test_packing_other_things(patn, tmp_path):
    save_generator(patn(), tmp_path / "patn.pt", {})
    save_generator(tiny_models.generator("pose_network"), tmp_path / "finder.pt", {})
    with pytest.raises(ValueError, match=r"patn\.pt: is a patn, not a pose network"):
        checkpoint.pack(tmp_path / "patn.pt", tmp_path / "patn.pt", tmp_path / "both.pt")
    with pytest.raises(ValueError, match=r"finder\.pt: is a pose network; name a generator's file"):
        checkpoint.pack(tmp_path / "finder.pt", tmp_path / "finder.pt", tmp_path / "both.pt")
    assert not (tmp_path / "both.pt").exists()


def test_files_of_version_1_are_read(patn, tmp_path):
    path = tmp_path / "old.pt"
    save_generator(patn(), path, {"images": ["a.jpg"]})
    contents = checkpoint.load(path, "cpu")
    checkpoint.save(contents | {"format": "reid-augment generator, version 1"}, path)
    assert load_generator(path, "cpu").params == patn().params
    assert checkpoint.load_pose_network(path, "cpu") is None


def test_a_packed_pose_network_that_is_none(patn, tmp_path):
    path = tmp_path / "odd.pt"
    save_generator(patn(), path, {})
    contents = checkpoint.load(path, "cpu")
    for odd in (
        3,
        {},
        {"name": "pose_network"},
        {"name": "pose_network", "params": 3, "weights": []},
    ):
        checkpoint.save(contents | {"pose_network": odd}, path)
        with pytest.raises(ValueError, match=r"odd\.pt: was written by another version of"):
            checkpoint.load_pose_network(path, "cpu")
    checkpoint.save(contents | {"pose_network": contents}, path)
    with pytest.raises(ValueError, match=r"odd\.pt: its pose network is a patn"):
        checkpoint.load_pose_network(path, "cpu")
