import re
from collections import Counter

import hostile
import numpy as np
import pytest

from augment import data
from augment.data import numbers
from augment.data.layouts import folder

CAMERAS = r"(?P<identity>[^_]+)_c(?P<camera>[^_]+)_.*"
SPLITS = r"(?P<split>train|query|gallery|test)/(?P<identity>[^_]+)_(c(?P<camera>[^_]+)_)?.*"


@pytest.fixture
def read(settings):
    """read(root, pattern=...) -> (listing, rows by file)."""

    def make(root, seed=0, share=0.5, **section):
        section = {"pattern": None, "table": None} | section
        given = settings(
            name="folder", root=root, folder=section, split={"test_identities": share, "seed": seed}
        )
        listing = data.read(given)
        rows, notes = numbers.number(listing)
        return rows.set_index("file"), [*listing.notes, *notes]

    return make


def people(*counts, cameras=1):
    numbers = (
        (name, number)
        for name, count in zip("abcdefgh", counts, strict=False)
        for number in range(count)
    )
    return [f"{name}/{number}_c{number % cameras}.jpg" for name, number in numbers]


def test_a_folder_for_each_person(crops, read):
    root = crops(*people(4, 4, 4, 1))
    (root / "Thumbs.db").write_bytes(b"")
    (root / "notes.txt").write_text("")
    rows, notes = read(root, pattern="(?P<identity>[^/]+)/.*")
    assert len(rows) == 13 and set(rows["camid"]) == {0}
    assert rows.groupby("identity")["pid"].first().to_dict() == {"a": 1, "b": 2, "c": 3, "d": 4}
    by_split = rows.groupby("split")["identity"].agg(set)
    assert by_split["query"] == by_split["gallery"] and not by_split["train"] & by_split["query"]
    assert "d" in by_split["train"]  # one image, so it could not be retrieved
    assert (rows["split"] == "query").sum() == len(by_split["query"]) == 2
    assert rows.loc["a/0_c0.jpg", "name"] == "0001_c1s1_000001_01.jpg"
    assert notes == [
        "1 .txt files not read",
        "1 Thumbs.db not read",
        "drawn: 2 of 4 identities are for the test",
        "4 identities are renumbered from 1; names.csv has the original ones",
    ]


def test_equal_seeds_give_equal_splits_and_others_others(crops, read):
    root = crops(*people(3, 3, 3, 3, 3, 3))
    splits = [
        tuple(read(root, seed=seed, pattern="(?P<identity>[^/]+)/.*")[0].sort_index()["split"])
        for seed in (0, 0, 1)
    ]
    assert splits[0] == splits[1] != splits[2]


def test_a_query_of_each_camera_that_can_be_found(crops, read):
    """An image can be a query if another camera keeps an image of its person."""
    names = [
        "both_c1_0",
        "both_c1_1",
        "both_c2_0",
        "both_c2_1",
        "one_c1_0",
        "one_c2_0",
        "few_c1_0",
        "few_c2_0",
        "few_c2_1",
    ]
    names += ["single_c1_0", "single_c1_1", "single_c1_2"]
    rows, notes = read(crops(*(f"{name}.jpg" for name in names)), share=0.99, pattern=CAMERAS)
    splits = {
        identity: Counter(zip(own["split"], own["camid"], strict=True))
        for identity, own in rows.groupby("identity")
    }
    assert splits["both"] == {
        ("query", 0): 1,
        ("query", 1): 1,
        ("gallery", 0): 1,
        ("gallery", 1): 1,
    }
    assert {split for split, _ in splits["one"]} == {"query", "gallery"}
    assert splits["few"] == {("query", 0): 1, ("gallery", 1): 2}
    assert splits["single"] == {
        ("train", 0): 3
    }  # of one camera: the same-camera rule would leave nothing to find
    assert (
        "drawn: 3 of 4 identities are for the test instead of 4, because only these have images of two cameras"
        in notes
    )


def test_strings_and_numbers_in_natural_order(crops, read):
    rows, _ = read(
        crops(*(f"p{n}_cgate{n}_{k}.jpg" for n in (2, 10, 1) for k in "xy"), "p1_cgate2_z.jpg"),
        pattern=CAMERAS,
    )
    assert rows.groupby("identity")["pid"].first().to_dict() == {"p1": 1, "p2": 2, "p10": 3}
    assert rows.groupby("camera")["camid"].first().to_dict() == {
        "gate1": 0,
        "gate2": 1,
        "gate10": 2,
    }


def test_given_splits_stay(crops, read):
    root = crops(
        "train/7_c1_a.jpg",
        "train/8_c1_a.png",
        "query/9_c1_a.jpg",
        "gallery/9_c2_a.jpg",
        "gallery/10_c2_a.jpg",
    )
    rows, _ = read(root, pattern=SPLITS)
    assert rows["split"].to_dict() == {file: file.split("/")[0] for file in rows.index}
    assert rows["pid"].to_dict()["gallery/10_c2_a.jpg"] == 4


def test_queries_are_drawn_from_a_test_folder(crops, read):
    root = crops(
        "train/a_1.jpg",
        *(f"test/{name}_{n}.jpg" for name in "bc" for n in range(3)),
        "test/d_0.jpg",
    )
    rows, notes = read(root, pattern=SPLITS)
    assert Counter(rows["split"]) == {"train": 1, "query": 2, "gallery": 5}
    assert "drawn: 2 images of the gallery become queries, because there are none" in notes


def test_images_that_the_pattern_does_not_match_are_counted(crops, read):
    rows, notes = read(crops(*people(2, 2, 2), "top.jpg"), pattern="(?P<identity>[^/]+)/.*")
    assert len(rows) == 6
    assert (
        "1 of 7 images left out, because dataset.folder.pattern does not match them, e.g. top.jpg"
        in notes
    )


def test_a_table(crops, read, tmp_path):
    root = crops("x/1.jpg", "x/2.jpg", "y 3.png", "z/4.bmp", "z/5.jpg")
    table = tmp_path / "crops.csv"
    table.write_text(
        "\ufeffpath,Identity,note,camera,split\nx/1.jpg,Ann,,north,train\n"
        './y 3.png,Bob,"a, b",north,query\nz/4.bmp,Bob,,south,gallery\n',
        encoding="utf-8",
    )
    rows, notes = read(root, table=str(table))
    assert rows[["identity", "camera", "split", "camid"]].to_dict("index") == {
        "x/1.jpg": {"identity": "Ann", "camera": "north", "split": "train", "camid": 0},
        "y 3.png": {"identity": "Bob", "camera": "north", "split": "query", "camid": 0},
        "z/4.bmp": {"identity": "Bob", "camera": "south", "split": "gallery", "camid": 1},
    }
    assert "2 images without a row left out, e.g. x/2.jpg" in notes


ROWS = {
    "path,identity\n../out.jpg,a\n": "row 2: '{root}/../out.jpg': lies outside {root}; only files inside it are read",
    "path,identity\n/etc/passwd,a\n": "row 2: '/etc/passwd': lies outside {root}; only files inside it are read",
    "path,identity\nlink.jpg,a\n": "'{root}/link.jpg': lies outside {root} through a symbolic link; only",
    "path,identity\nx/1.jpg,a\nx/1.jpg,b\n": "row 3: x/1.jpg is in row 2 already",
    "path,identity\nx/9.jpg,a\n": "row 2: x/9.jpg: not found below {root}, or not named as an image",
    "path,identity\nx/1.jpg, \n": "row 2: x/1.jpg: the identity is empty",
    "path,identity\n,a\n": "row 2: the path is empty",
    "path,identity\nx/1.jpg\n": "row 2: 1 cells; the header has 2",
    "path,person\nx/1.jpg,a\n": "row 1: no column identity; expected path,identity,camera,split",
    "path,identity,path\nx/1.jpg,a,b\n": "row 1: two columns have the same name",
    "path,identity\nx/1.jpg,a\0\n": "row 2: holds a NUL byte; is it a CSV file?",
    "path,identity\n": "no rows",
    "": "row 1: no column path, identity; expected",
    'path,identity\n"x/1.jpg,a\n': "not a CSV file (unexpected end of data)",
    "path,identity\n" + "x" * 200_000: "row 2: longer than 100,000 characters",
    'path,identity\n"' + "x\n" * 90_000: "not a CSV file (field larger than field limit (131072))",
    "path,identity,split\nx/1.jpg,a,dev\n": (
        "x/1.jpg: split 'dev' is not one of train, bounding_box_train, query, gallery, test"
    ),
    "path,identity,split\nx/1.jpg,a,train\nx/2.jpg,a,\n": (
        "{root}/x/2.jpg: is in no split, like 1 of 2 images; give all images a split or none"
    ),
    "path,identity,camera\nx/1.jpg,a,1\nx/2.jpg,a,\n": (
        "{root}/x/2.jpg: has no camera, like 1 of 2 images; give all images a camera or none"
    ),
    "path,identity,split\nx/1.jpg,a,train\nx/2.jpg,a,test\n": (
        "{root}/x/2.jpg: its identity 'a' is also in the training set, like 1 identities of"
    ),
    "path,identity,split\nx/1.jpg,a,query\nx/2.jpg,a,test\n": "{root}: no image is in the split 'train'",
}


@pytest.mark.parametrize("text", ROWS, ids=range(len(ROWS)))
def test_bad_tables_are_refused_by_row(crops, read, tmp_path, text):
    root = crops("x/1.jpg", "x/2.jpg")
    (tmp_path / "out.jpg").write_bytes((root / "x/1.jpg").read_bytes())
    (tmp_path / "crops.csv").write_text(text)
    if "link.jpg" in text:
        hostile.link(root / "link.jpg", tmp_path / "out.jpg")
    with pytest.raises(ValueError, match=re.escape(ROWS[text].format(root=root))):
        read(root, table=str(tmp_path / "crops.csv"))


def test_other_encodings_and_sizes_of_tables(crops, read, tmp_path):
    root, table = crops("x/1.jpg"), tmp_path / "crops.csv"
    table.write_bytes("path,identity\nx/1.jpg,Jörg\n".encode("latin-1"))
    with pytest.raises(ValueError, match="crops.csv: after row .: not UTF-8 .*; save it as UTF-8"):
        read(root, table=str(table))
    with table.open("wb") as file:
        file.truncate(257 << 20)  # a hole: no disk is filled
    with pytest.raises(ValueError, match="crops.csv: 257 MiB; a table has at most 256"):
        read(root, table=str(table))
    with pytest.raises(
        FileNotFoundError,
        match=re.escape("gone.csv: not found (params.yaml: dataset.folder.table)"),
    ):
        read(root, table="gone.csv")


PATTERNS = {
    "(?P<identity>": "is not a regular expression (missing ), unterminated subpattern at position 0)",
    "(?P<identity>.*)(?P<pid>)": "unknown group 'pid'; available: identity, camera, split",
    "[^/]+/.*": "'[^/]+/.*' has no group (?P<identity>...)",
    "(?P<identity>z)/.*": "'(?P<identity>z)/.*' matches no path of an image, e.g. 'a/0_c0.jpg'",
    "(?P<identity>)a/.*": "a/0_c0.jpg: the identity is empty",
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_bad_patterns(crops, read, pattern):
    with pytest.raises(ValueError, match=re.escape(PATTERNS[pattern])):
        read(crops("a/0_c0.jpg"), pattern=pattern)


def test_a_runaway_pattern_is_stopped(crops, read, monkeypatch):
    monkeypatch.setattr(folder, "PATIENCE_S", 0.2)
    with pytest.raises(
        ValueError,
        match=r"folder.pattern: takes more than 0.2 s; avoid nested repeats such as \(a\+\)\+",
    ):
        read(crops("a" * 60 + ".jpg"), pattern="(?P<identity>(a+)+)b")


def test_pattern_and_table_exclude_each_other(settings):
    with pytest.raises(
        ValueError, match="dataset.folder: give either pattern or table, and null for the other"
    ):
        settings(name="folder", root="x", folder={"pattern": "a", "table": "b"})


def test_too_few_people_for_a_test(crops, read):
    with pytest.raises(
        ValueError,
        match="none of 2 identities has two images: no identity can be retrieved in a test",
    ):
        read(crops("a/1.jpg", "b/1.jpg"), pattern="(?P<identity>[^/]+)/.*")
    with pytest.raises(
        ValueError,
        match="3 identities, all of them for the test: dataset.split.test_identities leaves none",
    ):
        read(
            crops("a/2.jpg", "b/2.jpg", "c/1.jpg", "c/2.jpg"),
            share=0.9,
            pattern="(?P<identity>[^/]+)/.*",
        )


def test_too_many_cameras(crops, read):
    root = crops(*(f"a_c{n}_0.jpg" for n in range(120)), "b_c0_0.jpg")
    with pytest.raises(
        ValueError,
        match="120 cameras, up to '119': names hold numbers up to 99; does the camera",
    ):
        read(root, pattern=CAMERAS)


def test_hostile_names_and_links_are_refused_together(crops, read, tmp_path):
    root = crops(*people(2, 2))
    hostile.with_newline(root)
    hostile.with_foreign_bytes(root)
    hostile.link(root / "out.jpg", tmp_path / "params.yaml")
    (tmp_path / "elsewhere").mkdir()
    hostile.link(root / "linked", tmp_path / "elsewhere")
    with pytest.raises(ValueError) as refused:
        read(root, pattern="(?P<identity>[^/]+)/.*")
    text = str(refused.value)
    assert text.startswith("3 problems; nothing was written:\n")
    assert (
        r"0001_c1s1_000001\n_01.jpg': the name holds a control character; rename the file" in text
    )
    assert (
        r"0001_c1s1_\udcff_01.jpg': the name holds bytes that are not UTF-8; rename the file"
        in text
    )
    assert (
        f"'{root / 'out.jpg'}': lies outside {root} through a symbolic link; only files inside it are read"
        in text
    )


def test_links_to_folders_are_counted_not_followed(crops, read, tmp_path):
    root = crops(*people(2, 2))
    hostile.link(root / "linked", tmp_path)
    rows, notes = read(root, pattern="(?P<identity>[^/]+)/.*")
    assert len(rows) == 4 and "1 links to folders, such as 'linked', not read" in notes


def test_order_of_rows_has_no_part_in_the_split(crops, read):
    from augment.data import split
    from augment.data.listing import frame
    from augment.data.params import SplitParams

    rows = frame([(f"{p}/{n}.jpg", p, str(n % 2), "", "") for p in "abcdef" for n in range(5)])
    drawn, _ = split.draw(rows, SplitParams(0.5, 3))
    turned, _ = split.draw(
        rows.iloc[np.random.default_rng(0).permutation(len(rows))], SplitParams(0.5, 3)
    )
    assert drawn.set_index("file")["split"].to_dict() == turned.set_index("file")["split"].to_dict()
