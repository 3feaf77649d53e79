"""dvc.yaml lists all code that its stages run: found by following the imports of each stage."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from augment.stages import generate
from generators import code
from generators.registry import TRAINABLE

ROOT = Path(__file__).parents[2]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
# Carry names, paths and values, and decide nothing about what a stage makes.
PLUMBING = {
    "augment/__init__.py", "augment/arms.py", "augment/augmentations.py", "augment/files.py",
    "augment/params.py", "augment/paths.py", "augment/stages/__init__.py",
    *(f"augment/tracking/{name}.py" for name in ("__init__", "curves", "data_sets", "machine", "models", "runs", "store")),
    "augment/results/__init__.py", "augment/reid_training/__init__.py", "generators/__init__.py", "generators/code.py",
    "generators/registry.py",
}  # fmt: skip
# An import inside a function is one that only these stages execute.
ON_DEMAND = {
    "augment.generation.puppets": {"generate_puppets", "train_reid_online", "evaluate_untrained"},
    "augment.generation.transfer": {"generate"},
    "augment.reid_training.gate": {"train_reid_augmented"},
    "augment.reid_training.online": {"train_reid_online"},
}
# What a stage loads by name, through the registry; PATN stands for any generator.
LOADED = {
    "train_pose_network": ("pose_network",),
    "train_generator": ("patn", "pose_network"),
    "generate": ("patn",),
    "train_reid_augmented": ("pose_network",),
    "evaluate_generator": ("patn", "pose_network"),
    "evaluate_untrained": ("pose_network",),
}


def module(stage: str) -> str:
    command = re.search(r"augment ([\w-]+)", str(STAGES[stage]))[1].replace("-", "_")
    return f"augment.stages.{'train_generator' if command == 'train_pose_network' else command}"


def code_deps(stage: str) -> set[str]:
    deps = STAGES[stage].get("do", STAGES[stage])["deps"]
    return {dep for dep in deps if dep.split("/")[0] in ("augment", "generators", "reid")}


def file_of(name: str) -> Path | None:
    path = ROOT.joinpath(*name.split("."))
    return next(
        (file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None
    )


def imported(node: ast.stmt) -> set[str]:
    """Project modules that an import statement names."""
    if isinstance(node, ast.Import):
        names = {alias.name for alias in node.names}
    else:
        names = {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {
        name
        for name in names
        if name.split(".")[0] in ("augment", "generators", "reid") and file_of(name)
    }


def imports(file: Path) -> tuple[set[str], set[str]]:
    """Modules that a file imports at once, and inside functions."""
    tree = ast.parse(file.read_text())
    typing = [
        node
        for node in tree.body
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]
    skipped = {child for node in typing for child in ast.walk(node)}
    at_once, on_demand = set(), set()
    inside = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and node not in skipped:
            (on_demand if node in inside else at_once).update(imported(node))
    return at_once, on_demand


def reached(stage: str) -> set[Path]:
    todo = [module(stage), *(f"generators.{name}.{name}" for name in LOADED.get(stage, ()))]
    files = set()
    while todo:
        file = file_of(todo.pop())
        if file in files:
            continue
        files.add(file)
        at_once, on_demand = imports(file)
        todo += at_once
        for name in on_demand & ON_DEMAND.keys():
            todo += [name] if stage in ON_DEMAND[name] else []
    return files


@pytest.mark.parametrize("stage", STAGES)
def test_every_package_that_a_stage_reaches_is_a_dependency(stage):
    deps = {ROOT / dep for dep in code_deps(stage) if "$" not in dep}
    missing = {
        str(file.relative_to(ROOT))
        for file in reached(stage)
        if str(file.relative_to(ROOT)) not in PLUMBING
        and not deps & {file, *file.parents}
        and file.parent.name != "patn"
    }
    assert not missing


@pytest.mark.parametrize("stage", STAGES)
def test_every_dependency_on_code_is_reached(stage):
    files = reached(stage)
    for dep in (ROOT / one for one in code_deps(stage) if "$" not in one):
        assert any(dep in (file, *file.parents) for file in files), f"{stage}: {dep}"


def test_imports_inside_functions_are_listed_here():
    for package in ("augment", "generators", "reid"):
        for file in (ROOT / package).rglob("*.py"):
            if "commands" not in file.parts and file.name != "cli.py":
                names = {name for name in imports(file)[1] if name.count(".") > 1}
                assert names <= ON_DEMAND.keys(), (
                    f"{file.relative_to(ROOT)}: {names - ON_DEMAND.keys()}"
                )


@pytest.mark.parametrize("generator", TRAINABLE)
def test_no_generator_imports_another(generator):
    """What they share lies in the shared packages; the pose network may be used by all."""
    for file in (ROOT / "generators" / generator).rglob("*.py"):
        at_once, on_demand = imports(file)
        foreign = {
            name
            for name in at_once | on_demand
            if name.split(".")[1:2] and name.split(".")[1] in TRAINABLE
        }
        assert all(name.split(".")[1] in (generator, "pose_network") for name in foreign), file


def test_the_hashes_of_code_cover_what_dvc_lists():
    drawn = {*generate.CODE, generate.NETWORKS, "generators/${item.generator}"}
    assert code_deps("generate") == drawn
    assert code_deps("generate_puppets") == {*generate.CODE, "generators/puppet"}
    trained = {one for one in code_deps("train_generator") if one.startswith("generators/")}
    assert trained == {*code.SHARED, "generators/${item.generator}", "generators/pose_network"}
