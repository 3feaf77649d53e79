"""The result of reading a layout: one row per image, before any image is opened."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from augment.images import folder, untrusted
from augment.images.folder import Found

COLUMNS = ["file", "identity", "camera", "split", "name"]
SPLITS = ("train", "query", "gallery")
SHOWN = 10  # problems that a message lists


@dataclass(frozen=True)
class Listing:
    """Images of a data set.

    rows: one row per image, with COLUMNS, all str
        file: path below `root`, with `/`
        identity: as the data set writes it
        camera: as the data set writes it; empty if unknown
        split: train, query or gallery
        name: in data/prepared; empty if still to be made
    keep_numbers: identities and cameras are meaningful numbers and are kept
    notes: a sentence for each kind of file that is not a usable image
    formats: image formats that are accepted
    crop: (first, last + 1) column to keep of an image of size `crop_from` (height, width)
    """

    root: Path
    rows: pd.DataFrame
    keep_numbers: bool = False
    notes: tuple[str, ...] = ()
    formats: tuple[str, ...] = untrusted.FORMATS
    crop: tuple[int, int] | None = None
    crop_from: tuple[int, int] | None = None


def frame(rows: Iterable[Sequence[str]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=COLUMNS, dtype=object)


def refuse(problems: Sequence[str]) -> None:
    """Report problems as one error.

    Raises:
        ValueError: If there are any; the message has the first ones and their number.
    """
    if not problems:
        return
    if len(problems) == 1:
        raise ValueError(problems[0])
    more = f"\n  and {len(problems) - SHOWN:,} more" if len(problems) > SHOWN else ""
    raise ValueError(
        f"{len(problems):,} problems; nothing was written:\n  "
        + "\n  ".join(problems[:SHOWN])
        + more
    )


def check_root(root: Path) -> None:
    """Check that dataset.root exists.

    Raises:
        FileNotFoundError: If it does not.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: folder not found (params.yaml: dataset.root)")


def find(root: Path, below: str = "") -> Found:
    """The images in the folder `below` of dataset.root, as augment.images.folder lists them.

    Raises:
        FileNotFoundError: If the folder is missing.
    """
    if not (root / below).is_dir():
        raise FileNotFoundError(f"{root / below}: folder not found; dataset.root is {root}")
    return folder.find(root, below)


def unread(found: Found) -> tuple[str, ...]:
    """A sentence for each kind of file or folder that is not read."""
    kinds = Counter(
        [_kind(path.rpartition("/")[2]) for path in found.others]
        + [f"hidden folder {ascii(path.rpartition('/')[2])}" for path in found.hidden]
        + [f"links to folders, such as {ascii(path)}," for path in found.links]
    )
    return tuple(f"{count:,} {what} not read" for what, count in sorted(kinds.items()))


def _kind(name: str) -> str:
    if name.startswith(".") or name == "Thumbs.db":
        return ascii(name).strip("'")
    suffix = Path(name).suffix.lower()
    return f"{ascii(suffix)[1:-1]} files" if suffix else "files without a suffix"
