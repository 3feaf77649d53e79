from pathlib import Path

import pytest
import yaml

from augment.profiles.overlay import applied, with_value
from augment.profiles.rendering import descriptions, rendered
from augment.sweep import cells

ROOT = Path(__file__).parents[2]
BASE = """# base

a: &a
  x: 1      # about x
  inner: {p: 1, q: [1, 2]}
b:
  <<: *a
  y: null   # about y

reid:
  first: {k: 1}
"""


def test_the_checkout_has_the_default_profile_and_its_cells():
    assert (ROOT / "params.yaml").read_text() == rendered("mini")
    assert (ROOT / "sweep.yaml").read_text() == cells.rendered(ROOT / "params.yaml")


def test_mappings_merge_and_the_rest_is_replaced():
    text = applied(BASE, "# other\n\na: {x: 2, inner: {q: [3]}}\nb: {y: 5}\nreid: {new: {k: 2}}\n")
    read = yaml.safe_load(text)
    a = {"x": 2, "inner": {"p": 1, "q": [3]}}
    assert read == {"a": a, "b": a | {"y": 5}, "reid": {"first": {"k": 1}, "new": {"k": 2}}}
    assert text.startswith("# other\n\n") and "# about x" in text and "# about y" in text


def test_null_is_a_value_and_a_comment_of_the_overlay_counts():
    text = applied(BASE, "# o\n\na:\n  x: null   # why\n")
    assert "# why" in text and "# about x" not in text and "x: null" in text
    assert yaml.safe_load(text)["b"]["x"] is None


def test_a_tagged_mapping_replaces_the_base_s():
    read = yaml.safe_load(applied(BASE, "# o\n\nreid: !replace\n  new: {k: 2}\n"))
    assert read["reid"] == {"new": {"k": 2}}


def test_a_section_that_takes_values_over_can_differ():
    read = yaml.safe_load(with_value(BASE, "b.inner.p", "7"))
    assert read["b"]["inner"] == {"p": 7, "q": [1, 2]} and read["a"]["inner"]["p"] == 1


def test_unknown_keys_are_named():
    with pytest.raises(ValueError, match="unknown key a.inner.qq; did you mean a.inner.q?"):
        applied(BASE, "# o\n\na: {inner: {qq: 1}}\n")
    with pytest.raises(ValueError, match="unknown key reid.fist; did you mean reid.first?"):
        with_value(BASE, "reid.fist.k", "1")
    with pytest.raises(ValueError, match="'2e-4' is ambiguous in YAML: write 2.0e-4"):
        with_value(BASE, "a.x", "2e-4")
    with pytest.raises(ValueError, match="unknown profile 'gird'; did you mean grid?"):
        rendered("gird")


def test_the_command_writes_lists_and_guards_edits(tmp_path, monkeypatch, augment):
    monkeypatch.chdir(tmp_path)
    listed = augment("profile").output
    assert all(f"{name} " in listed and text in listed for name, text in descriptions().items())
    result = augment("profile", "grid", "--dry-run")
    assert result.exit_code == 0 and "sweep.seeds: [0] -> [0, 1, 2]" in result.output
    assert not list(tmp_path.iterdir())
    assert augment("profile", "grid").exit_code == 0
    assert Path("params.yaml").read_text() == rendered("grid")
    assert Path("sweep.yaml").read_text() == cells.rendered(Path("params.yaml"))
    files = "dataset.annotations=[a.csv, b.csv]"
    assert augment("profile", "folder", "--set", files, "--set", "dataset.root=x").exit_code == 0
    dataset = yaml.safe_load(Path("params.yaml").read_text())["dataset"]
    assert (dataset["root"], dataset["annotations"]) == ("x", ["a.csv", "b.csv"])
    result = augment("profile", "mini")
    assert result.exit_code == 1 and "differs from profile folder (dataset.root: x" in result.output
    assert augment("profile", "mini", "--force").exit_code == 0
    result = augment("profile", "mini", "--set", "sweep.portions=[0.3]")
    assert result.exit_code == 1 and "sweep.portions: 1.0 is missing" in result.output
    assert Path("params.yaml").read_text() == rendered("mini")
