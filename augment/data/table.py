"""The CSV of dataset.folder.table: one row per image.

The columns are path and identity, and optionally camera and split.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from augment.data.listing import frame, refuse
from augment.images import folder, untrusted
from augment.images.folder import Found

MAX_BYTES = 256 << 20
MAX_LINE = 100_000  # characters of a row
COLUMNS = ("path", "identity", "camera", "split")


def read(file: Path, root: Path, found: Found) -> tuple[pd.DataFrame, list[str]]:
    """Read the table.

    Args:
        found: the images below root; those without a row are counted.

    Returns:
        Listing rows, and notes to print.

    Raises:
        FileNotFoundError: If the table does not exist.
        ValueError: If it is too large, not UTF-8, not a CSV, or lacks a column; or if rows lead out
            of root, name no image or the same one twice, or have no identity.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{file}: not found (params.yaml: dataset.folder.table)")
    if (size := file.stat().st_size) > MAX_BYTES:
        raise ValueError(f"{file}: {size / 2**20:,.0f} MiB; a table has at most {MAX_BYTES >> 20}")
    rows, problems, images, seen = [], [], set(found.files), {}
    for number, cells in _rows(file):
        path, identity = cells["path"].strip(), cells["identity"].strip()
        where = f"{file}: row {number}"
        if problem := _problem(path, root, images):
            problems.append(f"{where}: {problem}")
        elif not identity:
            problems.append(f"{where}: {path}: the identity is empty")
        elif (path := Path(path).as_posix()) in seen:
            problems.append(f"{where}: {path} is in row {seen[path]} already")
        else:
            seen[path] = number
            rows.append((path, identity, cells["camera"].strip(), cells["split"].strip(), ""))
    refuse(problems)
    if not rows:
        raise ValueError(f"{file}: no rows")
    left_out = sorted(images - set(seen))
    return frame(rows), [
        f"{len(left_out):,} images without a row left out, e.g. {left_out[0]}"
    ] if left_out else []


def _problem(path: str, root: Path, images: set[str]) -> str | None:
    if not path:
        return "the path is empty"
    if text := folder.problem(root / path, root):
        return text[:300]
    if Path(path).as_posix() in images:
        return None
    return f"{path[:200]}: not found below {root}, or not named as an image ({', '.join(untrusted.SUFFIXES)})"


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Row number and cells of COLUMNS; the cells of a missing column are empty."""
    reader = csv.reader(_lines(file), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if missing := [name for name in COLUMNS[:2] if name not in header]:
            raise ValueError(
                f"{file}: row 1: no column {', '.join(missing)}; expected path,identity,camera,split"
            )
        if len(set(header)) < len(header):
            raise ValueError(f"{file}: row 1: two columns have the same name")
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise ValueError(
                    f"{file}: row {reader.line_num}: {len(cells)} cells; the header has {len(header)}"
                )
            yield (
                reader.line_num,
                dict.fromkeys(COLUMNS, "") | dict(zip(header, cells, strict=True)),
            )
    except csv.Error as error:
        raise ValueError(f"{file}: row {reader.line_num}: not a CSV file ({error})") from error


def _lines(file: Path) -> Iterator[str]:
    """Lines of at most MAX_LINE characters, without the byte order mark of spreadsheets."""
    with file.open(encoding="utf-8-sig", newline="") as text:
        number = 0
        try:
            while line := text.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE:
                    raise ValueError(f"{file}: row {number}: longer than {MAX_LINE:,} characters")
                if "\0" in line:
                    raise ValueError(f"{file}: row {number}: holds a NUL byte; is it a CSV file?")
                yield line
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{file}: after row {number}: not UTF-8 ({error.reason}); save it as UTF-8"
            ) from error
