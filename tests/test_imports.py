"""Imports point down: augment -> generators, augment -> reid, and each third-party giant has one
door.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("augment", "generators", "reid")
TRAINING_MACHINE = {"torch", "torchvision", "timm", "numpy", "pandas", "PIL", "accelerate", "tqdm"}
# These may be missing on a training machine: their one file is optional, or imports them when they
# are asked for.
OPTIONAL = {
    "generators/puppet/opencv.py": {"cv2"},
    "reid/losses.py": {"pytorch_metric_learning"},
    "reid/torchreid_door.py": {"torchreid"},
}
DOORS = {
    "dvc": "augment/sweep/runner/pipeline.py",
    "ray": "augment/sweep/runner/ray_cluster.py",
    "rich": "augment/sweep/runner",
    "submitit": "augment/sweep/runner/slurm.py",
    "jinja2": "augment/results/templates.py",
    "lpips": "augment/pretrained/image_metrics.py",
    "onnx": "augment/export/onnx.py",
    "onnxruntime": "augment/export/onnx.py",
    "onnxscript": "augment/export/onnx.py",
    "pyarrow": "augment/export/embedding.py",
    "torch_fidelity": "augment/pretrained/image_metrics.py",
    "mlflow": "augment/tracking/",
    "ruamel": "augment/profiles/overlay.py",
    "transformers": "augment/pretrained/segformer.py",
    "timm": "reid/models.py",
    "click": "augment",
    "pytorch_metric_learning": "reid/losses.py",
    "torchreid": "reid/torchreid_door.py",
}


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
    long = {
        str(file.relative_to(ROOT)): lines
        for file in FILES
        if (lines := len(file.read_text().splitlines())) > 280
    }
    assert not long, f"split these: {long}"


def module_file(name: str) -> Path | None:
    path = ROOT.joinpath(*name.split("."))
    files = path.with_suffix(".py"), path / "__init__.py"
    return next((file for file in files if file.is_file()), None)


def project_imports(file: Path) -> set[Path]:
    """The project's files that a file imports, also inside functions."""
    files = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            files |= {module_file(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = module_file(node.module)
            files |= {module_file(f"{node.module}.{alias.name}") or package for alias in node.names}
    return files & {*FILES} - {file}


def test_no_module_imports_what_imports_it():
    """Depth-first: a module that is met again on its own path closes a circle."""
    graph = {file: sorted(project_imports(file)) for file in FILES}
    done: set[Path] = set()

    def walk(file: Path, path: tuple[Path, ...]) -> None:
        circle = (
            [str(one.relative_to(ROOT)) for one in path[path.index(file) :]] if file in path else []
        )
        assert not circle, f"imported in a circle: {' -> '.join(circle)}"
        if file not in done:
            for other in graph[file]:
                walk(other, (*path, file))
            done.add(file)

    for file in FILES:
        walk(file, ())


def test_reid_is_imported_without_the_giants():
    """In a process of its own, where importing one of them is an error."""
    blocked = "".join(f"sys.modules[{name!r}] = None; " for name in [*DOORS, "dvc"])
    command = f"import sys; {blocked}import reid.training, reid.evaluation"
    subprocess.run([sys.executable, "-c", command], check=True, cwd=ROOT)
