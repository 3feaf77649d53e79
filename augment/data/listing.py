"""What every layout is read into: a row an image, before any image is opened."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from augment.images import untrusted

COLUMNS = ["file", "identity", "camera", "split", "name"]
SPLITS = ("train", "query", "gallery")
SHOWN = 10  # faults that a message lists
_DEEPEST = 1000  # letters of a path


@dataclass(frozen=True)
class Listing:
    """
    rows: an image each, COLUMNS, all str
        file: path below `root`, `/` between folders
        identity: as found
        camera: as found; empty where it is not known
        split: train, query or gallery
        name: in data/prepared; empty where it is still to be made
    keep_numbers: identities and cameras are numbers that mean something: they stay
    notes: a sentence for everything that was met and is not an image with a name
    formats: of images
    crop: (first, last + 1) column that is kept of an image of `crop_from` (height, width)
    """

    root: Path
    rows: pd.DataFrame
    keep_numbers: bool = False
    notes: tuple[str, ...] = ()
    formats: tuple[str, ...] = untrusted.FORMATS
    crop: tuple[int, int] | None = None
    crop_from: tuple[int, int] | None = None


@dataclass
class Found:
    """Image files below a folder, and what else is there."""

    files: list[str] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def notes(self) -> tuple[str, ...]:
        return tuple(f"{count:,} {what} not read" for what, count in sorted(self.ignored.items()))


def frame(rows: Iterable[Sequence[str]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=COLUMNS, dtype=object)


def refuse(faults: Sequence[str]) -> None:
    """ValueError with the first faults and their number, if there are any."""
    if not faults:
        return
    if len(faults) == 1:
        raise ValueError(faults[0])
    more = f"\n  and {len(faults) - SHOWN:,} more" if len(faults) > SHOWN else ""
    raise ValueError(
        f"{len(faults):,} faults; nothing was written:\n  " + "\n  ".join(faults[:SHOWN]) + more
    )


def check_root(root: Path) -> None:
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: folder not found (params.yaml: dataset.root)")


def check_file(path: Path, root: Path) -> str | None:
    """What speaks against a file whose name was found, without opening it; None if nothing does."""
    try:
        untrusted.check_name(path)
        untrusted.check_inside(path, root)
    except (
        ValueError,
        OSError,
        RuntimeError,
    ) as error:  # a link to itself is a RuntimeError, or an OSError
        return str(error)
    return (
        f"{str(path)[:80]}...: the path is longer than {_DEEPEST} letters"
        if len(str(path)) > _DEEPEST
        else None
    )


def find(root: Path, below: str = "") -> Found:
    """All image files in the folder `below` of root, at any depth, sorted; by their suffix.

    Links to folders are not followed. Raises FileNotFoundError where there is no such folder.
    """
    start = root / below
    if not start.is_dir():
        raise FileNotFoundError(f"{start}: folder not found; dataset.root is {root}")
    found = Found()
    for folder, below_it, names in os.walk(start):
        for name in [one for one in below_it if Path(folder, one).is_symlink()]:
            found.ignored[
                f"links to folders, as {ascii(Path(folder, name).relative_to(root).as_posix())},"
            ] += 1
        hidden = [one for one in below_it if one.startswith(".")]
        found.ignored.update({f"hidden folder {ascii(one)}": 1 for one in hidden})
        below_it[:] = sorted(set(below_it) - set(hidden))
        for name in sorted(names):
            path = Path(folder, name)
            if name.startswith(".") or path.suffix.lower() not in untrusted.SUFFIXES:
                found.ignored[_kind(name)] += 1
            elif fault := check_file(path, root):
                found.faults.append(fault)
            else:
                found.files.append(path.relative_to(root).as_posix())
    found.files.sort()
    return found


def _kind(name: str) -> str:
    if name.startswith(".") or name == "Thumbs.db":
        return ascii(name).strip("'")
    suffix = Path(name).suffix.lower()
    return f"{ascii(suffix)[1:-1]} files" if suffix else "files without a suffix"
