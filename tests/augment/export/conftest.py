"""A finished project with a second set: portion 0.3 with puppets, as people export it."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from augment.cli import main


def _run(command: str) -> None:
    result = CliRunner().invoke(main, command.split(), catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="session")
def with_puppets(finished, tmp_path_factory) -> Path:
    """To be read alone, or added to."""
    finished = shutil.copytree(finished, tmp_path_factory.mktemp("puppets") / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(finished)
        for command in ("reduce --portion 0.3", "generate --portion 0.3 --generator puppet"):
            _run(command)
    return finished


@pytest.fixture
def inside(with_puppets, monkeypatch) -> Path:
    monkeypatch.chdir(with_puppets)
    return with_puppets


@pytest.fixture(scope="session")
def exported(with_puppets, tmp_path_factory) -> dict[str, Path]:
    """Format -> the set of portion 0.3 with puppets, exported so."""
    formats = ("market1501", "torchreid", "fastreid", "huggingface")
    folders = {name: tmp_path_factory.mktemp("exports") / name for name in formats}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(with_puppets)
        for name, folder in folders.items():
            _run(f"export --format {name} --portion 0.3 --generator puppet --output {folder}")
    return folders
