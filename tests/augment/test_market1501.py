import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from augment import keypoints, market1501
from augment.market1501 import Name, counts, parse_name, read, unused_name

NAMES = st.builds(
    Name, st.integers(-1, 9999), st.integers(0, 8), st.integers(0, 9), st.integers(0, 999_999), st.integers(0, 99)
)


def annotations(root):
    return [root / name for name in market1501.ANNOTATIONS]


@given(NAMES)
def test_names_print_and_parse(name):
    assert parse_name(str(name)) == name


@pytest.mark.parametrize(
    "text", ["0002_c1s1_000451_03.png", "2_c1s1_000451_03.jpg", "0002_c1s1_000451_03_g.jpg", "0002_c0s1_000451_03.jpg"]
)
def test_other_names_are_refused(text):
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        parse_name(text)


@given(st.lists(st.integers(0, 999_999), unique=True, max_size=20), st.integers(1, 9999), st.integers(0, 5))
def test_generated_names_are_strict_and_unlike(numbers, pid, camid):
    names = [unused_name(pid, camid, number) for number in numbers]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"\d{4}_c[1-6]s\d_\d{6}_00\.jpg", name) and parse_name(name).pid == pid for name in names)


def test_too_many_generated_images():
    with pytest.raises(ValueError, match="1000000 generated images in one set"):
        unused_name(1, 0, 1_000_000)


def test_reads_the_quirks(market):
    found = read(market, annotations(market), None)
    table = counts(found).set_index("split")
    assert table.loc["train"].to_dict() == {
        "images": 6, "identities": 3, "cameras": 2, "junk": 0, "distractors": 0, "with_pose": 5,
    }  # fmt: skip
    assert table.loc["gallery", ["images", "identities", "junk", "distractors"]].tolist() == [4, 2, 1, 1]
    assert found.doubled_suffix == 1
    assert "0003_c2s1_000321_00.jpg" in set(found.rows["name"])
    assert found.duplicates == []
    assert found.rows["camid"].min() == 0


def test_equal_bytes_are_reported(market):
    folder = market / "bounding_box_train"
    copy = folder / "0002_c3s1_002300_01.jpg"
    copy.write_bytes((folder / "0002_c1s1_002100_01.jpg").read_bytes())
    assert read(market, annotations(market), None).duplicates == [[str(folder / "0002_c1s1_002100_01.jpg"), str(copy)]]


def test_first_identities_of_each_split(market):
    rows = read(market, annotations(market), (2, 1)).rows
    assert set(rows.loc[rows["split"] == "train", "pid"]) == {2, 7}
    assert rows.loc[rows["split"] == "query", "pid"].tolist() == [1]
    assert rows.loc[rows["split"] == "gallery", "pid"].tolist() == [1]


def test_a_truncated_image_is_named(market):
    file = market / "query" / "0001_c1s1_000111_00.jpg"
    file.write_bytes(file.read_bytes()[:400])
    with pytest.raises(ValueError, match=re.escape(f"{file}: cannot be decoded (")):
        read(market, annotations(market), None)


def test_another_format_is_named(market):
    file = market / "query" / "0001_c1s1_000111_00.jpg"
    Image.new("RGB", (64, 128)).save(file, format="PNG")
    with pytest.raises(ValueError, match=re.escape(f"{file}: a PNG file by its content, not a JPEG")):
        read(market, annotations(market), None)


def test_another_size_is_named(market):
    file = market / "query" / "0001_c1s1_000111_00.jpg"
    Image.new("RGB", (32, 64)).save(file)
    with pytest.raises(ValueError, match=re.escape(f"{file}: 64 high and 32 wide")):
        read(market, annotations(market), None)


def test_a_foreign_file_is_named(market):
    (market / "query" / "notes.txt").write_text("")
    with pytest.raises(ValueError, match=re.escape(f"{market / 'query' / 'notes.txt'}: 'notes.txt' is not a Market-1501 name")):
        read(market, annotations(market), None)


def test_a_missing_or_empty_folder_is_named(market):
    for file in (market / "query").iterdir():
        file.unlink()
    with pytest.raises(ValueError, match=re.escape(f"{market / 'query'}: no image in it")):
        read(market, annotations(market), None)
    (market / "query").rmdir()
    with pytest.raises(FileNotFoundError, match=re.escape(f"{market / 'query'}: folder not found")):
        read(market, annotations(market), None)


def test_keypoints_of_other_images_are_named(market):
    file = market / market1501.ANNOTATIONS[0]
    keypoints.write({"0099_c1s1_000001_01.jpg": np.full((18, 2), 5)}, file)
    with pytest.raises(ValueError, match=re.escape(f"{file}: 1 of 1 names match no image under {market}, such as '0099_c1")):
        read(market, annotations(market), None)


def test_a_name_in_two_keypoint_files_is_named(market):
    file = market / market1501.ANNOTATIONS[0]
    with pytest.raises(ValueError, match="has a row in another keypoint file already"):
        read(market, [file, file], None)


def test_both_spellings_of_one_name_are_named(market):
    (market / "query" / "0003_c2s1_000321_00.jpg").write_bytes((market / "query" / "0003_c2s1_000321_00.jpg.jpg").read_bytes())
    with pytest.raises(ValueError, match="its name is there twice once '.jpg.jpg' is read as '.jpg'"):
        read(market, annotations(market), None)
