"""A folder of outputs, written whole or not at all."""

from pathlib import Path

from augment import files

MANIFEST = "made_by.json"


def check(folder: Path, *inputs: Path) -> None:
    """ValueError where `folder` holds anything that these commands have not written, or one of
    `inputs`.
    """
    if folder.exists() and (
        not folder.is_dir() or not {path.name for path in folder.iterdir()} <= _written(folder)
    ):
        raise ValueError(
            f"{folder}: is there, and holds what was not written by this command; remove it, or name another --output"
        )
    for path in inputs:
        if path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{path}: lies in --output {folder}, which is replaced; name another")


def _written(folder: Path) -> set[str]:
    """Names of all files that were written to `folder` with its manifest; none without one."""
    try:
        listed = {one["image"] for one in files.read_json(folder / MANIFEST)["images"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {*listed, MANIFEST, "sheet.png", "poses.gif"}
