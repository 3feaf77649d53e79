import dataclasses
from dataclasses import dataclass
from typing import Literal, get_args

import pytest

from augment.arms import BUDGETS
from augment.data.params import DatasetParams
from augment.params import load, raw
from augment.profiles.rendering import descriptions, rendered
from augment.reid_training.params import OnlineParams
from augment.reid_training.validation import ValidationParams
from augment.results.report_card.settings import EvaluationParams
from augment.stages.generate import GenerateParams
from augment.stages.reduce import ReduceParams
from augment.sweep.cells import plan
from augment.sweep.params import SweepParams
from generators.registry import TRAINABLE, generator_class
from reid.augmentation import AugmentParams
from reid.generated import GeneratedParams
from reid.params import Budget, ReidParams


@dataclass(frozen=True)
class Inner:
    rate: float
    size: tuple[int, int]


@dataclass(frozen=True)
class Outer:
    name: Literal["a", "b"]
    inner: Inner
    limit: int | Inner | None
    files: tuple[str, ...] | None


GOOD = "s: {name: a, inner: {rate: 1, size: [2, 3]}, limit: null, files: [x, y]}\n"


def read(tmp_path, text):
    file = tmp_path / "params.yaml"
    file.write_text(text)
    return load(Outer, "s", file)


def test_fills_nested_dataclasses(tmp_path):
    assert read(tmp_path, GOOD) == Outer("a", Inner(1.0, (2, 3)), None, ("x", "y"))
    assert dataclasses.astuple(read(tmp_path, GOOD.replace("null", "4")))[2] == 4
    assert read(
        tmp_path, GOOD.replace("limit: null", "limit: {rate: 0.5, size: [1, 1]}")
    ).limit == Inner(0.5, (1, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rate: 1, ", "", r"params.yaml: s.inner: missing key rate"),
        ("rate: 1", "rate: 1, rat: 2", r"s.inner: unknown key rat \(known: rate, size\)"),
        (
            "rate: 1",
            "rate: 2e-4",
            r"s.inner.rate: expected float, found str '2e-4' \(YAML reads 2e-4 as a string",
        ),
        ("rate: 1", "rate: true", r"s.inner.rate: expected float, found bool True"),
        ("[2, 3]", "[2]", r"s.inner.size: expected 2 values, found 1"),
        ("[2, 3]", "[2, 3.5]", r"s.inner.size\[1\]: expected int, found float 3.5"),
        ("[2, 3]", "4", r"s.inner.size: expected a list, found int 4"),
        ("name: a", "name: c", r"s.name: 'c' is not one of a, b"),
        (
            "limit: null",
            "limit: x",
            r"s.limit: expected int, found str 'x'; or .*expected NoneType",
        ),
        ("s: {", "t: {", r"no key 's' \(known: t\)"),
        ("s: {", "s: [", r"params.yaml: not YAML"),
    ],
)
def test_names_what_is_wrong(tmp_path, old, new, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, GOOD.replace(old, new))


def test_overrides_take_the_place_of_values(tmp_path):
    file = tmp_path / "params.yaml"
    file.write_text(
        "a: &shared {name: a, inner: {rate: 1, size: [2, 3]}, limit: null, files: [x]}\nb: *shared\n"
    )
    overrides = {"a.inner.rate": 0.5, "a.limit": 3}
    assert load(Outer, "a", file, overrides) == Outer("a", Inner(0.5, (2, 3)), 3, ("x",))
    # What YAML shares with an alias keeps its values.
    assert load(Outer, "b", file, overrides) == Outer("a", Inner(1.0, (2, 3)), None, ("x",))
    with pytest.raises(
        ValueError, match=r"params.yaml: no key 'a.inner.rat' \(known: rate, size\)"
    ):
        load(Outer, "a", file, {"a.inner.rat": 0.5})
    with pytest.raises(ValueError, match="a.inner.rate: expected float, found str 'fast'"):
        load(Outer, "a", file, {"a.inner.rate": "fast"})


def test_names_a_missing_file(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"nowhere.yaml: not found; run from the project's folder"
    ):
        raw("s", tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("profile", descriptions())
def test_profiles_are_complete(tmp_path, profile):
    """Every section fills its dataclass, and every arm has its cells."""
    file = tmp_path / "params.yaml"
    file.write_text(rendered(profile))
    sweep = load(SweepParams, "sweep", file)
    load(DatasetParams, "dataset", file)
    load(ReduceParams, "reduce", file)
    load(GenerateParams, "generate", file)
    for name in raw("generators", file):
        load(generator_class(name).Params, f"generators.{name}", file)
    assert raw("generators", file).keys() == {*TRAINABLE}
    for name in sweep.models:
        load(ReidParams, f"reid.{name}", file)
    load(OnlineParams, "online", file)
    load(GeneratedParams, "generated", file)
    load(AugmentParams, "classic", file)
    load(ValidationParams, "validation", file)
    load(EvaluationParams, "evaluation", file)
    assert plan(sweep, file)["real"]


def test_budgets_are_those_of_training():
    assert set(BUDGETS) == set(get_args(Budget))
