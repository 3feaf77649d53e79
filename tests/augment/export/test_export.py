import json
import os
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from augment import prepared
from augment.augmentations import Augmentation
from augment.export import contents, folder
from augment.export.formats import FORMATS
from augment.prepared import index, market1501

EXPORT = "export --portion 0.3 --generator puppet"


@pytest.fixture
def run(augment):
    return lambda command, *more: augment(*command.split(), *map(str, more))


def files_of(place: Path) -> dict[str, bytes]:
    return {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_file()
    }


def test_images_are_copied_to_the_byte_and_the_manifest_counts_them(inside, exported):
    place = exported["torchreid"]
    rows = pd.read_csv(place / "dataset.csv")
    assert list(rows.columns) == ["path", "pid", "camid", "split", "dsetid"]
    sources = {0: inside / "data/prepared", 1: inside / "data/generated/puppet/0.3"}
    for path, dsetid in zip(rows["path"], rows["dsetid"], strict=True):
        tail = "/".join(Path(path).parts[2:])
        assert (place / path).read_bytes() == (sources[dsetid] / tail).read_bytes()
    found = json.loads((place / "manifest.json").read_text())
    assert found["counts"]["train"]["generated"] == int(rows["dsetid"].sum()) == 14
    assert found["counts"]["gallery"] == {
        "images": 16,
        "identities": 3,
        "cameras": found["counts"]["gallery"]["cameras"],
        "generated": 0,
        "junk": 2,
        "distractors": 2,
    }
    said = [found[key] for key in ("dataset", "augmentation", "portion", "ratio")]
    assert said == [prepared.about().name, "puppet", 0.3, 1]
    assert found["seeds"] == {"reduce": 0, "generate": 0, "generator": None}
    assert found["image_sizes"] == {"real": [[128, 64]], "generated": [[64, 32]]}
    assert "exports" not in json.dumps(found)


@pytest.mark.parametrize("format", FORMATS)
def test_equal_sets_give_equal_bytes(inside, run, tmp_path, format):
    for number in (1, 2):
        result = run(f"{EXPORT} --format {format}", "--output", tmp_path / f"{number}/set")
        assert result.exit_code == 0, result.output
    assert files_of(tmp_path / "1/set") == files_of(tmp_path / "2/set")
    assert [path.name for path in (tmp_path / "1").iterdir()] == ["set"]


def test_csv_tables_say_what_names_cannot(inside, run, tmp_path):
    run(f"{EXPORT} --format csv", "--output", tmp_path / "set")
    rows = pd.read_csv(tmp_path / "set/train.csv", keep_default_na=False)
    added = index.read(inside / "data/generated/puppet/0.3/index.csv")
    generated = rows[rows["generated"]].reset_index(drop=True)
    for column in ("source", "target", "scene"):
        assert list(generated[column]) == [Path(path).name for path in added[column]]
    assert set(generated["source"]) <= set(
        rows.loc[~rows["generated"], "path"].str.removeprefix("train/")
    )
    for split in ("train", "query", "gallery"):
        table = pd.read_csv(tmp_path / f"set/{split}.csv")
        assert all((tmp_path / "set" / path).is_file() for path in table["path"])
        assert (table["label"] == -1).all() == (split != "train")


def test_a_reduced_set_alone_and_an_extended_one(inside, run, tmp_path):
    result = run("export --portion 0.4 --format market1501", "--output", tmp_path / "reduced")
    assert "train: 8 images, 4 identities" in result.output and "0 generated" in result.output
    run("generate --portion 1.0 --ratio 2 --generator puppet")
    result = run(
        "export --portion 1.0 --ratio 2 --generator puppet --format market1501",
        "--output",
        tmp_path / "extended",
    )
    assert "export: puppet, portion 1.0x2, as market1501" in result.output
    assert len(list((tmp_path / "extended/bounding_box_train").iterdir())) == 40


@pytest.mark.parametrize("name", ["classic", "puppet-online"])
def test_what_has_no_images_is_not_exported(inside, run, tmp_path, name):
    result = run(
        f"export --portion 0.3 --augmentation {name} --format csv", "--output", tmp_path / "set"
    )
    assert result.output.strip() == (
        f"Error: {name} has no images on disk to export; choose a generator, e.g. puppet, or none for the reduced "
        "set alone"
    )


def test_a_dry_run_counts_and_writes_nothing(inside, run, tmp_path):
    result = run(f"{EXPORT} --format market1501 --dry-run", "--output", tmp_path / "set")
    assert (
        result.exit_code == 0
        and "train: 20 images, 4 identities" in result.output
        and not list(tmp_path.iterdir())
    )


def test_only_an_export_is_replaced_and_only_when_asked(inside, run, tmp_path):
    place = tmp_path / "set"
    place.mkdir()
    command = f"{EXPORT} --format market1501"
    assert run(command, "--output", place).exit_code == 0  # an empty folder is nothing to lose
    assert (
        run(command, "--output", place)
        .output.strip()
        .endswith("an export exists already; use --overwrite to replace it")
    )
    (place / "stale").write_text("of an earlier export")
    assert (
        run(f"{command} --overwrite", "--output", place).exit_code == 0
        and not (place / "stale").exists()
    )
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "manifest.json").write_text('{"mine": true}')
    result = run(f"{command} --overwrite", "--output", mine)
    assert result.output.strip() == (
        f"Error: {mine}: exists and is not an export (its manifest.json is missing or of another kind); choose another --output"
    )
    assert [path.name for path in mine.iterdir()] == ["manifest.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "set"]


def test_a_broken_image_leaves_what_was_there(project, run, tmp_path):
    command = "export --portion 0.4 --generator patn --format market1501"
    run(command, "--output", tmp_path / "set")
    before = files_of(tmp_path / "set")
    broken = sorted(Path("data/generated/patn/0.4/bounding_box_train").iterdir())[-1]
    broken.write_bytes(broken.read_bytes()[:300])
    result = run(f"{command} --overwrite", "--output", tmp_path / "set")
    assert result.exit_code == 1 and f"Error: {broken}: cannot be decoded" in result.output
    assert files_of(tmp_path / "set") == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_links_share_their_bytes_and_copies_stand_in(inside, run, tmp_path, monkeypatch):
    result = run(f"{EXPORT} --format market1501 --link", "--output", tmp_path / "linked")
    assert result.exit_code == 0 and "copies" not in result.output
    one = next((tmp_path / "linked/query").iterdir())
    assert one.samefile(Path("data/prepared/query") / one.name)

    def refuse(*_):
        raise OSError("another file system")

    monkeypatch.setattr(os, "link", refuse)
    result = run(f"{EXPORT} --format market1501 --link", "--output", tmp_path / "copied")
    assert "45 images are copies: they could not be linked" in result.output
    assert not next((tmp_path / "copied/query").iterdir()).samefile(one)


def with_a_stranger(project: Path, pid: int, camid: int) -> None:
    """A gallery image that Market-1501's own classes do not expect."""
    rows = index.read(project / "data/prepared/index.csv")
    name = f"bounding_box_test/{market1501.Name(pid, camid, 1, 1, 1)}"
    Image.new("RGB", (64, 128)).save(project / "data/prepared" / name)
    new = rows.iloc[-1:].assign(path=name, pid=pid, camid=camid, split="gallery")
    index.write(pd.concat([rows, new], ignore_index=True), project / "data/prepared/index.csv")


@pytest.mark.parametrize(
    ("pid", "camid", "reason"),
    [
        (1502, 0, "identities go up to 1502, but these classes accept up to 1501"),
        (8, 6, "cameras go up to 7, but these classes accept up to 6"),
    ],
)
def test_sets_beyond_market1501s_numbers_are_said_to_be_so(
    project, run, tmp_path, pid, camid, reason
):
    with_a_stranger(project, pid, camid)
    command = "export --portion 0.4 --generator patn --format"
    for format in ("market1501", "fastreid"):
        result = run(f"{command} {format}", "--output", tmp_path / format)
        assert result.output.strip().splitlines()[-1] == (
            f"Error: {format}: {reason}; use --format torchreid with augment.export.torchreid, or csv or huggingface, or "
            "use --force if your reader has no such limits"
        )
        assert run(f"{command} {format} --force", "--output", tmp_path / format).exit_code == 0
    result = run(f"{command} torchreid", "--output", tmp_path / "torchreid")
    note = f"note: the Market1501 classes of torchreid and fast-reid cannot read this set: {reason}"
    assert result.exit_code == 0 and note in result.output
    assert "note" not in run(f"{command} csv", "--output", tmp_path / "csv").output


def test_a_generated_image_gives_way_to_a_real_one_of_its_name(project, monkeypatch):
    generated = index.read(Path("data/generated/patn/0.4/index.csv"))
    real = index.read(Path("data/reduced/0.4/index.csv"))
    taken = market1501.parse_name(Path(real.at[0, "path"]).name)
    monkeypatch.setattr(
        market1501,
        "unused_name",
        lambda pid, camid, number: str(market1501.Name(pid, camid, 1, number, 0)),
    )
    clash = generated.index[0]
    pid, camid = int(generated.at[clash, "pid"]), int(generated.at[clash, "camid"])
    rows = contents.gather(Augmentation("patn", "paper"), 0.4, 1).rows
    rows = rows[["file", "pid", "camid", "generated"]].copy()
    ours = rows.index[rows["generated"]][0]
    theirs = rows.index[(~rows["generated"])][0]
    rows.loc[theirs, ["file", "pid", "camid"]] = [rows.at[ours, "file"], pid, camid]
    names = contents._names(rows)
    assert len(set(names)) == len(names) and names[theirs] == Path(rows.at[ours, "file"]).name
    assert market1501.parse_name(names[ours]) == market1501.Name(pid, camid, 1, len(generated), 0)
    assert taken.box != 0


NAMES = st.builds(
    market1501.Name,
    st.integers(-1, 3),
    st.integers(0, 2),
    st.just(1),
    st.integers(0, 3),
    st.just(0),
)


@given(st.lists(NAMES, unique=True, max_size=12), st.lists(NAMES, unique=True, max_size=12))
def test_names_are_unique_and_say_what_they_said(real, generated):
    rows = pd.DataFrame(
        [
            {"file": f"a/{name}", "pid": name.pid, "camid": name.camid, "generated": False}
            for name in real
        ]
        + [
            {"file": f"b/{name}", "pid": name.pid, "camid": name.camid, "generated": True}
            for name in generated
        ],
        columns=["file", "pid", "camid", "generated"],
    )
    names = contents._names(rows)
    assert len(set(names)) == len(names) == len(rows)
    assert names[: len(real)] == [str(name) for name in real]
    for name, pid, camid in zip(names, rows["pid"], rows["camid"], strict=True):
        said = market1501.parse_name(name)
        assert (said.pid, said.camid, said.box) == (pid, camid, 0)


def test_an_index_that_contradicts_a_name_is_refused(project):
    file = Path("data/prepared/index.csv")
    rows = index.read(file)
    row = rows.index[rows["split"] == "query"][0]
    rows.loc[row, "camid"] += 1
    index.write(rows, file)
    name = Path("data/prepared") / rows.at[row, "path"]
    message = f"{name}: its name says pid {rows.at[row, 'pid']} and camera {rows.at[row, 'camid']}, its index"
    with pytest.raises(ValueError, match=re.escape(message)):
        contents.gather(Augmentation(None, "paper"), 0.4, 1)


def test_what_images_were_called_before_goes_with_them(project, run, tmp_path):
    """A set of images that prepare has renamed; names.csv lists only the exported ones."""
    rows = index.read(Path("data/prepared/index.csv"))
    files = [f"Anna {number}.png" for number in range(len(rows))]
    table = pd.DataFrame({"path": rows["path"], "file": files, "identity": "007"})
    table.to_csv("data/prepared/names.csv", index=False)
    run("export --portion 0.4 --format csv", "--output", tmp_path / "set")
    found = pd.read_csv(tmp_path / "set/names.csv", dtype=str)
    assert len(found) == 33 and set(found["identity"]) == {"007"}
    for path, file in zip(found["path"], found["file"], strict=True):
        assert (tmp_path / "set" / path).is_file()
        assert Path(table.loc[table["file"] == file, "path"].item()).name == Path(path).name


def test_the_licence_of_a_real_data_set_goes_with_it(project, run, tmp_path):
    about = json.loads(Path("data/prepared/dataset.json").read_text())
    Path("data/prepared/dataset.json").write_text(json.dumps(about | {"name": "market1501"}))
    run("export --portion 0.4 --format market1501", "--output", tmp_path / "set")
    said = "Market-1501: research use only, no redistribution"
    assert said in (tmp_path / "set/README.txt").read_text()
    assert json.loads((tmp_path / "set/manifest.json").read_text())["licence"].startswith(said)


def test_the_command_knows_every_format():
    from augment.commands import export

    assert export.FORMATS == tuple(FORMATS)
    front = yaml.safe_load(FORMATS["huggingface"].front)
    assert [part["split"] for part in front["configs"][0]["data_files"]] == [
        "train",
        "query",
        "gallery",
    ]
    assert folder.MANIFEST == "manifest.json"
