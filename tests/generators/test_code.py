import pytest

from generators import code

SOURCE = '"""Head."""\n\n\ndef double(x):\n    """Twice x."""\n    return 2 * x\n'


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of one module and one table, in the folder that paths are relative to."""
    monkeypatch.setattr(code, "ROOT", tmp_path)
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "double.py").write_text(SOURCE)
    (folder / "table.csv").write_text("1,2\n")
    return folder


def digest() -> str:
    code.digest.cache_clear()
    return code.digest(("library",))


@pytest.fixture(autouse=True)
def no_stale_hashes():
    yield
    code.digest.cache_clear()


@pytest.mark.parametrize(
    "file, text",
    [
        ("double.py", SOURCE.replace("2 * x", "3 * x")),
        ("table.csv", "1,3\n"),
        ("new.py", "X = 1\n"),
    ],
)
def test_an_edit_changes_the_hash(package, file, text):
    before = digest()
    (package / file).write_text(text)
    assert digest() != before


@pytest.mark.parametrize(
    "text",
    [
        SOURCE + "# A comment.\n",
        SOURCE.replace("Twice x", "Two times x").replace("Head", "Another head"),
        SOURCE.replace("\n\n\n", "\n\n\n\n\n"),
    ],
)
def test_comments_docstrings_and_blank_lines_do_not(package, text):
    before = digest()
    (package / "double.py").write_text(text)
    assert digest() == before


def test_a_missing_folder(package):
    with pytest.raises(FileNotFoundError, match="absent: no code found"):
        code.digest(("absent",))
