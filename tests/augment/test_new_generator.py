"""CONTRIBUTING.md, "How to add a generator", followed literally in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml
from PIL import Image

ROOT = Path(__file__).parents[2]


def section() -> str:
    return (ROOT / "CONTRIBUTING.md").read_text().split("## How to add a generator")[1]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", section(), re.DOTALL)


def test_a_new_generator_is_a_folder_a_registry_entry_and_a_section(tmp_path, small_project_params):
    for package in ("augment", "generators", "reid"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    folder = tmp_path / "generators/toy"
    folder.mkdir()
    (folder / "__init__.py").touch()
    [code] = blocks("python")
    (folder / "toy.py").write_text(code)
    registry = tmp_path / "generators/registry.py"
    entry = re.search(r'Add `("toy": "Toy",)` to `(_CLASSES)`', section())
    assert entry, "CONTRIBUTING.md no longer shows the registry entry"
    start = f"{entry[2]} = {{\n"
    assert registry.read_text().count(start) == 1
    registry.write_text(registry.read_text().replace(start, f"{start}    {entry[1]}\n"))
    generators = small_project_params["generators"]
    toy = {"image_size": [32, 16], "sigma_px": 1.5, "training": generators["patn"]["training"]}
    params = small_project_params | {"generators": generators | {"toy": toy}}
    params |= {"sweep": params["sweep"] | {"augmentations": ["toy"]}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))

    [commands] = blocks("sh")
    for command in ("augment prepare", "augment reduce --portion 0.4", *commands.splitlines()):
        done = run(command, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    done = run("augment plan --dry-run", tmp_path)
    assert "toy-full: {generator: toy" in done.stdout and "toy-0.4: {augmentation: toy" in (
        done.stdout
    ), done.stderr

    written = tmp_path / "data/generated/toy/0.4"
    index = pd.read_csv(written / "index.csv")
    assert len(index) > 0 and (index["generator"] == "toy").all()
    images = sorted(written.rglob("*.jpg"))
    assert len(images) >= len(index)
    with Image.open(images[0]) as image:
        assert image.size == (16, 32)


def run(command: str, folder: Path) -> subprocess.CompletedProcess:
    environment = os.environ | {
        "PYTHONPATH": str(folder),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
    }
    return subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
