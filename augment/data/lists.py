"""Text files with one image per line, as in MSMT17 and DeepFashion."""

from pathlib import Path

from augment.images import folder, untrusted

MAX_BYTES = 64 << 20


def read(file: Path, words: int) -> list[tuple[int, list[str]]]:
    """Row number and words of each line that is not empty; the first word, a path, may hold spaces.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is too large or not UTF-8, or a line has fewer words.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{file}: not found; the layout of the data set needs it")
    if (size := file.stat().st_size) > MAX_BYTES:
        raise ValueError(f"{file}: {size / 2**20:,.0f} MiB; a list has at most {MAX_BYTES >> 20}")
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: not UTF-8 ({error.reason})") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        if not (line := line.strip()):
            continue
        cells = line.rsplit(maxsplit=words - 1) if words > 1 else [line]
        if len(cells) != words:
            raise ValueError(
                f"{file}: row {number}: {line[:60]!r} has {len(cells)} words; expected {words}"
            )
        rows.append((number, cells))
    return rows


def problem(path: Path, root: Path) -> str | None:
    """Why an image that a list names cannot be used; None if it can."""
    if text := folder.problem(path, root):
        return text
    if path.suffix.lower() not in untrusted.SUFFIXES:
        return f"{path}: not named as an image ({', '.join(untrusted.SUFFIXES)})"
    return None if path.is_file() else f"{path}: not found"
