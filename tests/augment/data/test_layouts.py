"""The layouts of known data sets, as small folders; errors name the problem."""

import itertools
import json
import re
from collections import Counter

import pytest

from augment import data
from augment.data import numbers


@pytest.fixture
def read(settings):
    """read(name, root, ...) -> (rows by file, notes)."""

    def make(name, root, **changes):
        listing = data.read(settings(name=name, root=root, **changes))
        rows, notes = numbers.number(listing)
        return rows.set_index("file"), [*listing.notes, *notes]

    return make


def lines(root, **lists):
    for name, text in lists.items():
        (root / f"{name}.{'lst' if name in ('train', 'test') else 'txt'}").write_text(text)


DUKE = (
    "bounding_box_train/0001_c2_f0046182.jpg",
    "bounding_box_train/0001_c8_f0046182.jpg",
    "query/0005_c1_f0000001.jpg",
    "bounding_box_test/0005_c2_f0000002.jpg",
    "bounding_box_test/0006_c2_f0000003.jpg",
)


def test_dukemtmc(crops, read):
    rows, notes = read("market_like", crops(*DUKE))
    assert rows["pid"].tolist() == [1, 1, 5, 5, 6] and rows["camid"].tolist() == [1, 7, 0, 1, 1]
    assert rows["split"].tolist() == ["train", "train", "query", "gallery", "gallery"]
    assert rows.loc[DUKE[1], "name"] == "0001_c8s1_000002_01.jpg"
    assert notes == ["identities keep their numbers"]


def test_cuhk03_np_and_market_at_another_size(crops, read):
    root = crops(
        "bounding_box_train/0001_c1_1.png", "query/0700_c1_1.png", "bounding_box_test/0700_c2_1.png"
    )
    crops("bounding_box_test/-1_c3s1_000001_01.jpg", "bounding_box_test/0000_c12s1_000001_01.jpg")
    (root / "bounding_box_test/Thumbs.db").write_bytes(b"")
    rows, notes = read("market_like", root)
    assert sorted(rows["pid"]) == [-1, 0, 1, 700, 700]
    assert {"-1_c3s1_000001_01.jpg", "0000_c12s1_000001_01.jpg"} <= set(rows["name"])
    assert notes[0] == "bounding_box_test: 1 Thumbs.db not read"


def test_market_like_names_and_people(crops, read):
    with pytest.raises(
        ValueError,
        match="query/0001_c100_1.jpg: the name does not begin with identity and camera",
    ):
        read("market_like", crops(*DUKE, "query/0001_c100_1.jpg"))
    (crops() / "query/0001_c100_1.jpg").unlink()
    with pytest.raises(
        ValueError,
        match="query/0001_c1_1.jpg: its identity '0001' is also in the training set, like 1 identities of the test set",
    ):
        read("market_like", crops("query/0001_c1_1.jpg"))


MSMT = {
    "list_train": "0000/0000_000_01_0303morning_0015_0.jpg 0\n0001/0001_000_15_0303noon_0015_0.jpg 1\n",
    "list_val": "0001/0001_001_02_0303noon_0015_0.jpg 1\n",
    "list_query": "0000/0000_000_03_0303morning_0015_0.jpg 0\n",
    "list_gallery": "0000/0000_001_04_0303morning_0015_0.jpg 0\n",
}
MSMT_FILES = [
    f"{'train' if name in ('list_train', 'list_val') else 'test'}/{line.split()[0]}"
    for name, text in MSMT.items()
    for line in text.splitlines()
]


@pytest.mark.parametrize("names", [("train", "test"), ("mask_train_v2", "mask_test_v2")])
def test_msmt17(crops, read, names):
    files = [
        file.replace("train/", f"{names[0]}/").replace("test/", f"{names[1]}/")
        for file in MSMT_FILES
    ]
    root = crops(*files)
    lines(root, **MSMT)
    rows, notes = read("msmt17", root)
    assert Counter(rows["split"]) == {"train": 3, "query": 1, "gallery": 1}
    assert rows["camid"].tolist() == [0, 14, 1, 2, 3]
    assert "list_val.txt: 1 images for validation are used as training images" in notes
    people = rows.groupby("identity")["pid"].first().to_dict()
    assert people == {
        "test/0": 1,
        "train/0": 2,
        "train/1": 3,
    }  # number 0 of the test is another person than 0 of training


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "list_query",
            "0000/gone_0_03_a.jpg 0\n",
            "list_query.txt: row 1: {root}/test/0000/gone_0_03_a.jpg: not found",
        ),
        (
            "list_query",
            "../../out_0_01_a.jpg 0\n",
            "row 1: '{root}/test/../../out_0_01_a.jpg': lies outside {root}; only",
        ),
        (
            "list_query",
            "0000/0000_000_03_0303morning_0015_0.jpg x\n",
            "row 1: identity 'x' is not a number",
        ),
        (
            "list_query",
            "0000/0000_000_03_0303morning_0015_0.jpg\n",
            "0303morning_0015_0.jpg' has 1 words; expected 2",
        ),
        (
            "list_query",
            "0000/a.jpg 0\n",
            "row 1: 0000/a.jpg: the third part of the name, between _, is not a camera",
        ),
        (
            "list_gallery",
            MSMT["list_query"],
            "row 1: 0000/0000_000_03_0303morning_0015_0.jpg is in list_query.txt, row 1",
        ),
    ],
)
def test_bad_lists_of_msmt17(crops, read, name, text, message):
    root = crops(*MSMT_FILES)
    lines(root, **(MSMT | {name: text}))
    with pytest.raises(ValueError, match=re.escape(message.format(root=root))):
        read("msmt17", root)


def test_missing_lists_and_folders_of_msmt17(crops, read):
    root = crops("train/a.jpg")
    with pytest.raises(
        FileNotFoundError,
        match=re.escape(f"{root / 'list_train.txt'}: not found; the layout of the data set"),
    ):
        read("msmt17", root)
    lines(root, list_train="")
    with pytest.raises(
        FileNotFoundError,
        match=re.escape(f"{root / 'test'}: folder not found, nor mask_test_v2 next to it"),
    ):
        read("msmt17", root)


CUHK = [
    f"images_{kind}/{pair}_{person:03d}_{view}_{number:02d}.png"
    for kind in ("detected", "labeled")
    for pair, person, view, number in itertools.product((1, 2), repeat=4)
]


def test_cuhk03_with_its_splits(crops, read):
    root = crops(*CUHK)
    of = {
        split: [[f"/data/cuhk03/images_labeled/{name}", 0, 0] for name in names]
        for split, names in {
            "train": ["1_001_1_01.png", "1_001_2_01.png"],
            "query": ["2_001_1_01.png"],
            "gallery": ["2_001_2_01.png"],
        }.items()
    }
    (root / "splits_new_labeled.json").write_text(json.dumps([of]))
    rows, notes = read("cuhk03", root, boxes="labelled")
    assert len(rows) == 4 and rows.index.str.startswith("images_labeled/").all()
    assert rows["identity"].tolist() == ["1_001", "1_001", "2_001", "2_001"] and rows[
        "camid"
    ].tolist() == [0, 1, 0, 1]
    assert notes[:2] == [
        "splits_new_labeled.json: the new protocol",
        "12 images that it does not name left out",
    ]
    of["query"].append(["9_001_1_01.png", 0, 0])
    (root / "splits_new_labeled.json").write_text(json.dumps([of]))
    with pytest.raises(
        ValueError, match="splits_new_labeled.json: 1 of 5 images not found, e.g. 9_001_1_01.png"
    ):
        read("cuhk03", root, boxes="labelled")


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "{", "[]", '{"train": 1}', '[{"train": [[]], "query": [], "gallery": []}]'],
)
def test_hostile_splits_of_cuhk03(crops, read, text):
    root = crops(*CUHK)
    (root / "splits_new_detected.json").write_text(text)
    with pytest.raises(
        ValueError,
        match=r"splits_new_detected.json: (not JSON|has no list 'train' of \[path, identity, c)",
    ):
        read("cuhk03", root)


def test_cuhk03_without_its_splits(crops, read):
    rows, notes = read("cuhk03", crops(*CUHK))
    assert Counter(rows.groupby("identity")["split"].agg(lambda own: "train" in set(own))) == {
        True: 2,
        False: 2,
    }
    assert notes[0] == "splits_new_detected.json not found"
    with pytest.raises(
        ValueError, match="images_detected/a.png: the name is not of the form 1_001_1_01.png"
    ):
        read("cuhk03", crops("images_detected/a.png"))


def test_viper(crops, read):
    root = crops(
        *(f"cam_{c}/{n:03d}_{a}.bmp" for n in range(6) for c, a in (("a", 45), ("b", 90))),
        "cam_a/007_0.bmp",
    )
    rows, notes = read("viper", root)
    assert Counter(zip(rows["split"], rows["camera"], strict=True)) == {
        ("train", "a"): 4,
        ("train", "b"): 3,
        ("query", "a"): 3,
        ("gallery", "b"): 3,
    }
    assert (
        "drawn: 3 of 6 pairs are for the test, with queries from cam_a and the gallery from cam_b"
        in notes
    )
    assert "1 persons appear in only one camera and are for training" in notes
    assert rows["pid"].min() == 1 and rows["camid"].nunique() == 2
    with pytest.raises(
        ValueError,
        match="cam_b/x.bmp: the name does not begin with identity and angle, e.g. 000_45",
    ):
        read("viper", crops("cam_b/x.bmp"))
    with pytest.raises(FileNotFoundError, match="cam_a: folder not found"):
        read("viper", root / "cam_b")


FASHION = {
    "train": ["fashionMENDenimid0000000101_1front.jpg", "fashionMENDenimid0000000101_2side.jpg"],
    "test": [f"fashionWOMENDressesid0000262902_{view}.jpg" for view in ("1front", "2side", "4full")]
    + ["fashionWOMENDressesid0000262903_1front.jpg", "fashionMENDenimid0000000101_3back.jpg"],
}


@pytest.mark.parametrize("folders", [True, False])
def test_deepfashion(crops, read, folders):
    root = crops(
        *(
            f"{part}/{name}" if folders else name
            for part, names in FASHION.items()
            for name in names
        ),
        size=(256, 256),
    )
    lines(root, **{part: "\n".join(names) for part, names in FASHION.items()})
    rows, notes = read("deepfashion", root)
    assert Counter(rows["split"]) == {"train": 2, "query": 1, "gallery": 3} and set(
        rows["camera"]
    ) == {""}
    assert set(rows["identity"]) == {
        "fashionMENDenimid0000000101",
        "fashionWOMENDressesid0000262902",
        "fashionWOMENDressesid0000262903",
    }
    assert "test.lst: 1 images left out whose identities are also in train.lst" in notes
    lines(root, test="gone.jpg\n../a_1front.jpg\nfashion.jpg\n")
    crops("fashion.jpg")
    with pytest.raises(ValueError) as refused:
        read("deepfashion", root)
    text = str(refused.value)
    assert "3 problems" in text and "row 1: " in text and "test/gone.jpg: not found" in text
    assert (
        "fashion.jpg: has no view at its end; expected e.g. fashionMENid00000001_1front.jpg" in text
    )


def test_a_list_is_bounded_and_text(crops, read):
    root = crops("train/a.jpg")
    (root / "train.lst").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="train.lst: not UTF-8"):
        read("deepfashion", root)
    with (root / "train.lst").open("wb") as file:
        file.truncate(65 << 20)
    with pytest.raises(ValueError, match="train.lst: 65 MiB; a list has at most 64"):
        read("deepfashion", root)


def test_no_root(read):
    with pytest.raises(
        ValueError,
        match="params.yaml: dataset.root: is null; viper needs the folder of the data set",
    ):
        read("viper", None)


def test_sizes_and_sections_that_cannot_be(settings):
    with pytest.raises(
        ValueError, match=r"dataset.image_size \[64, 32\]: the images of market1501 are \[128, 64\]"
    ):
        settings(name="market1501", image_size=[64, 32])
    with pytest.raises(
        ValueError, match=r"dataset.image_size \[0, 64\]: height and width must be 8 to 1024 px"
    ):
        settings(name="folder", image_size=[0, 64])
    with pytest.raises(ValueError, match="dataset.mini_market: is null; mini_market needs it"):
        settings(mini_market=None)
    with pytest.raises(
        ValueError, match=r"dataset.split.test_identities must lie in \(0, 1\), got 1.0"
    ):
        settings(split={"test_identities": 1.0})
