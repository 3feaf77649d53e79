"""A hash of source code, which ties a result to the code that made it.

DVC reruns a stage after an edit of the packages that it depends on. The stage then compares the
hash of these packages with the one stored with its work. If they differ, it starts afresh.
"""

import ast
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The packages that every generator runs in addition to its own; dvc.yaml lists the same.
SHARED = ("generators/body", "generators/networks", "generators/training")


def of_generator(kind: type) -> str:
    """The hash of a generator's own package and of the packages that all generators share.

    A class from outside this package contributes no code of its own.
    """
    library, _, rest = kind.__module__.partition(".")
    own = (f"generators/{rest.split('.')[0]}",) if library == "generators" else ()
    return digest((*own, *SHARED))


@cache
def digest(paths: Sequence[str]) -> str:
    """A hash of files, and of all files below folders.

    Comments, docstrings and formatting of Python files do not count. A new version of Python may
    parse the same code differently, which then counts as an edit.

    Args:
        paths: Files and folders, relative to the folder that holds this package, as in dvc.yaml.

    Raises:
        FileNotFoundError: If a path does not exist or holds no file.
    """
    hashed = sha256()
    for path in sorted(paths):
        files = [file for file in (ROOT / path, *(ROOT / path).rglob("*")) if _counts(file)]
        if not files:
            raise FileNotFoundError(f"{ROOT / path}: no code found")
        for file in sorted(files):
            hashed.update(f"{file.relative_to(ROOT).as_posix()}\0".encode())
            hashed.update(_meaning(file))
    return hashed.hexdigest()


def _counts(file: Path) -> bool:
    return file.is_file() and "__pycache__" not in file.parts


def _meaning(file: Path) -> bytes:
    if file.suffix != ".py":
        return file.read_bytes()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            body[0] = ast.Pass()
    return ast.dump(tree).encode()


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
