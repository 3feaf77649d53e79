"""A list of pairs: from,to as PATN's, paths relative to a root which they cannot leave."""

import csv
from pathlib import Path

from augment.images import untrusted

HEADER = ["from", "to"]
MOST_BYTES, MOST_ROWS = 200_000_000, 1_000_000


def read_pairs(file: Path, root: Path) -> list[tuple[Path, Path]]:
    """(source, target) of each row, under `root`.

    Raises:
        FileNotFoundError: there is no such file, or an image of it is absent.
        ValueError: another header, a row of another form, too many rows, or a path that leaves
            `root`; names file and row.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{file}: not found")
    if file.stat().st_size > MOST_BYTES:
        raise ValueError(
            f"{file}: has {file.stat().st_size:,} bytes; lists have at most {MOST_BYTES:,}: split it"
        )
    found = []
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.reader(lines)
            header = next(rows, [])
            if [cell.strip() for cell in header] != HEADER:
                raise ValueError(
                    f"{file}: row 1: expected the header 'from,to', found {','.join(header)[:60]!r}"
                )
            for number, row in enumerate(rows, start=2):
                if not row:
                    continue
                if len(row) != 2:
                    raise ValueError(f"{file}: row {number}: expected two names, found {len(row)}")
                if number > MOST_ROWS:
                    raise ValueError(f"{file}: has more than {MOST_ROWS:,} rows; split it")
                found.append(
                    tuple(_inside(cell.strip(), root, f"{file}: row {number}") for cell in row)
                )
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{file}: not a CSV file ({error})") from error
    if not found:
        raise ValueError(f"{file}: holds no pair")
    return found


def _inside(name: str, root: Path, where: str) -> Path:
    path = root / name
    try:
        untrusted.check_name(path)
        untrusted.check_inside(path, root)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    if not path.is_file():
        raise FileNotFoundError(f"{where}: {path} not found; names are relative to --root")
    return path
