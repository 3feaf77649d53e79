"""Lists image files in folders from elsewhere; the only module that does."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from augment.images import untrusted

LONGEST_PATH = 1000  # characters


@dataclass
class Found:
    """Contents of a folder; all paths are relative to its root, with `/`, and sorted.

    files: files with one of the suffixes
    others: all other files, including hidden ones
    hidden, links: hidden folders and links to folders, which are not entered
    problems: a message for each file with such a suffix that cannot be used
    """

    files: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def find(
    root: Path,
    below: str = "",
    suffixes: tuple[str, ...] = untrusted.SUFFIXES,
    recursive: bool = True,
) -> Found:
    """List the image files in the folder `below` of `root`, by suffix. Opens no file.

    Raises:
        FileNotFoundError: If the folder is missing.
    """
    start = root / below
    if not start.is_dir():
        raise FileNotFoundError(f"{start}: folder not found")
    found = Found()

    def relative(folder: str, name: str) -> str:
        return Path(folder, name).relative_to(root).as_posix()

    for folder, folders, names in os.walk(start):
        found.links += [
            relative(folder, name) for name in folders if Path(folder, name).is_symlink()
        ]
        found.hidden += [relative(folder, name) for name in folders if name.startswith(".")]
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        for name in names:
            if name.startswith(".") or Path(name).suffix.lower() not in suffixes:
                found.others.append(relative(folder, name))
            elif text := problem(Path(folder, name), root):
                found.problems.append(text)
            else:
                found.files.append(relative(folder, name))
    for paths in (found.files, found.others, found.hidden, found.links, found.problems):
        paths.sort()
    return found


def problem(path: Path, root: Path) -> str | None:
    """Why a path below `root` cannot be used; None if it can.

    The reason is its name, its length, or a link or `..` that leaves `root`. The file is not opened
    and need not exist.
    """
    try:
        untrusted.check_name(path)
        untrusted.check_inside(path, root)
    except (ValueError, OSError, RuntimeError) as error:  # a link to itself raises the latter two
        return str(error)
    if len(str(path)) > LONGEST_PATH:
        return f"{str(path)[:80]}...: the path is longer than {LONGEST_PATH} characters"
    return None
