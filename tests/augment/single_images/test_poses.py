from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment.single_images import poses


@given(
    st.one_of(st.text(max_size=60), st.text(max_size=60).map("from,to\n".__add__)),
    st.binary(max_size=6),
)
@settings(max_examples=150, deadline=None)
def test_anything_is_read_or_refused(tmp_path_factory, text, tail):
    folder = tmp_path_factory.mktemp("pairs")
    file, root = folder / "pairs.csv", folder / "root"
    root.mkdir()
    file.write_bytes(text.encode("utf-8", "surrogatepass") + tail)
    try:
        found = poses.read_pairs(file, root)
    except (ValueError, OSError) as error:
        assert str(file) in str(error) or isinstance(error, OSError)
    else:
        assert all(path.is_relative_to(root) and path.is_file() for pair in found for path in pair)


def test_as_patn_writes_them(tmp_path):
    (tmp_path / "x").mkdir()
    for name in ("a.jpg", "x/b.jpg"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "pairs.csv").write_text(
        "\ufefffrom,to\r\na.jpg,x/b.jpg\r\n\r\n x/../a.jpg , a.jpg\r\n", encoding="utf-8"
    )
    found = poses.read_pairs(tmp_path / "pairs.csv", tmp_path)
    assert found == [
        (tmp_path / "a.jpg", tmp_path / "x/b.jpg"),
        (tmp_path / "x/../a.jpg", tmp_path / "a.jpg"),
    ]


def test_huge_lists(tmp_path, monkeypatch):
    file = tmp_path / "pairs.csv"
    (tmp_path / "a").write_bytes(b"")
    file.write_text("from,to\n" + "a,a\n" * 20)
    monkeypatch.setattr(poses, "MOST_ROWS", 10)
    with pytest.raises(ValueError, match="has more than 10 rows; split it"):
        poses.read_pairs(file, tmp_path)
    monkeypatch.setattr(poses, "MOST_BYTES", 50)
    with pytest.raises(ValueError, match="has 88 bytes; lists have at most 50: split it"):
        poses.read_pairs(file, tmp_path)
    with pytest.raises(FileNotFoundError, match="absent"):
        poses.read_pairs(Path("absent.csv"), tmp_path)
