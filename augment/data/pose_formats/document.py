"""Readers of untrusted documents: hostile files are refused and cannot exhaust memory."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from augment.images import untrusted

MAX_BYTES = 256 * 2**20
# These numbers bound what a JSON with a few bytes per value can grow to in memory: about 2 GB.
MAX_CONTAINERS, MAX_VALUES = 5_000_000, 40_000_000
MAX_PX = 100_000  # larger than any image, so no joint lies beyond


def check_size(file: Path) -> None:
    """Check that a file exists and has an acceptable size.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is empty or larger than MAX_BYTES.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{file}: keypoint file not found")
    if not (size := file.stat().st_size):
        raise ValueError(f"{file}: is empty")
    if size > MAX_BYTES:
        raise ValueError(
            f"{file}: {size:,} bytes; keypoint files have at most {MAX_BYTES:,}: split it"
        )


def read_json(file: Path) -> Any:
    """The value of a JSON file.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not JSON, too large, nested too deeply, or holds NaN or Infinity.
    """
    check_size(file)
    raw = file.read_bytes()
    containers, commas = raw.count(b"[") + raw.count(b"{"), raw.count(b",")
    if containers > MAX_CONTAINERS or containers + commas > MAX_VALUES:
        raise ValueError(
            f"{file}: {containers:,} lists and objects and {commas:,} commas; a file may have {MAX_CONTAINERS:,} lists and "
            f"objects, and {MAX_VALUES:,} of all: split it"
        )
    try:
        return json.loads(raw, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError(f"{file}: is nested too deeply to be a keypoint file") from None
    except (
        ValueError
    ) as error:  # not JSON, not UTF-8, an integer of thousands of digits, or a refused constant
        raise ValueError(f"{file}: is not a JSON of keypoints ({str(error)[:120]})") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it holds {name}; a missing joint is a score of 0, or -1")


def numbers(value: Any, where: str, lengths: Sequence[int] | None = None) -> np.ndarray:
    """A list of numbers as float64.

    Raises:
        ValueError: If it is not a list of numbers, has none of the lengths, or holds a number that
            is infinite or beyond MAX_PX.
    """
    if not isinstance(value, list) or any(type(item) not in (int, float) for item in value):
        raise ValueError(f"{where} is not a list of numbers: {str(value)[:40]!r}")
    if lengths is not None and len(value) not in lengths:
        raise ValueError(
            f"{where} holds {len(value)} numbers; expected {' or '.join(map(str, lengths))}"
        )
    if any(not abs(item) <= MAX_PX for item in value):
        worst = max(value, key=abs)
        raise ValueError(f"{where} holds {str(worst)[:20]}; no image has more than {MAX_PX:,} px")
    return np.array(value, dtype=np.float64)


def number(value: Any, where: str) -> float:
    return float(numbers([value], where)[0])


def field(entry: Any, key: str, where: str) -> Any:
    """The value of entry[key].

    Raises:
        ValueError: If `entry` is not an object, or lacks the key.
    """
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where} is not an object: {str(entry)[:40]!r}")
    if key not in entry:
        raise ValueError(
            f"{where} has no {key!r}; it has {', '.join(sorted(map(str, entry)))[:80] or 'nothing'}"
        )
    return entry[key]


def as_list(value: Any, where: str) -> list:
    if not isinstance(value, list):
        raise ValueError(f"{where} is not a list: {str(value)[:40]!r}")
    return value


def image_name(name: Any, where: str) -> str:
    """An image name, relative to the images' folder, with `/`.

    Raises:
        ValueError: If it is not text, is absolute, or leaves that folder.
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{where}: {str(name)[:60]!r} is not an image name")
    name = re.sub(r"^(\./)+", "", name.strip().replace("\\", "/"))
    if name.startswith("/") or PureWindowsPath(name).drive:
        raise ValueError(
            f"{where}: {name[:200]!r} is an absolute path; names are relative to the images' folder"
        )
    if ".." in name.split("/"):
        raise ValueError(f"{where}: {name[:200]!r} leaves the images' folder by '..'")
    try:
        untrusted.check_name(Path(name))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return name
