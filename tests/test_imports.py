"""Imports point down: augment -> generators, augment -> reid, and each third-party giant has one door."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("augment", "generators", "reid")
TRAINING_MACHINE = {"torch", "torchvision", "timm", "numpy", "pandas", "PIL", "accelerate", "tqdm"}
# OpenCV may be missing on a training machine: its one file is optional.
OPTIONAL = {"generators/puppet_opencv.py": {"cv2"}}
DOORS = {"mlflow": "augment/tracking.py", "timm": "reid/models.py", "click": "augment"}


def imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names.add(node.module.split(".")[0])
    return names


FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", ["generators", "reid"])
def test_libraries_import_neither_each_other_nor_the_application(package):
    for file in (ROOT / package).rglob("*.py"):
        foreign = imported(file) & set(PACKAGES) - {package}
        assert not foreign, f"{file.relative_to(ROOT)} imports {foreign}"


@pytest.mark.parametrize("package", ["generators", "reid"])
def test_libraries_need_only_what_a_training_machine_has(package):
    for file in (ROOT / package).rglob("*.py"):
        extra = imported(file) - TRAINING_MACHINE - {package} - sys.stdlib_module_names
        extra -= OPTIONAL.get(str(file.relative_to(ROOT)), set())
        assert not extra, f"{file.relative_to(ROOT)} imports {extra}"


@pytest.mark.parametrize("giant", DOORS)
def test_each_giant_has_one_door(giant):
    users = [str(file.relative_to(ROOT)) for file in FILES if giant in imported(file)]
    assert users and all(user.startswith(DOORS[giant]) for user in users)


def test_no_module_is_too_long():
    long = {str(file.relative_to(ROOT)): lines for file in FILES if (lines := len(file.read_text().splitlines())) > 350}
    assert not long, f"give these a second room: {long}"
