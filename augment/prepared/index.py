"""index.csv: one row per image.

Every stage reads these columns, never file names.

| column | meaning |
|---|---|
| path | image file, relative to the folder of the set it belongs to |
| pid, camid | raw identity (-1 junk, 0 distractor); 0-based camera |
| split | train, query or gallery |
| source, target | images in data/prepared from which a generated image takes its person, and its pose; empty for a real image |
| scene | image from which it takes background and colours; empty if it keeps its source's |
| generator | registry key; empty for a real image |
"""

from pathlib import Path

import pandas as pd

from augment.files import whole

COLUMNS = ["path", "pid", "camid", "split", "source", "target", "scene", "generator"]
SPLITS = ("train", "query", "gallery")


def read(file: Path) -> pd.DataFrame:
    """The rows of an index file.

    Raises:
        FileNotFoundError: If the stage that writes it has not run.
        ValueError: If columns are missing, a value has the wrong type, or two rows have one path.
    """
    if not file.is_file():
        raise FileNotFoundError(
            f"{file}: not found; run the stage that writes it first (`dvc repro` runs all)"
        )
    text = {name: str for name in COLUMNS if name not in ("pid", "camid")}
    rows = pd.read_csv(file, dtype=text, keep_default_na=False)
    if missing := [name for name in COLUMNS if name not in rows.columns]:
        raise ValueError(f"{file}: missing column {', '.join(missing)}")
    for name in ("pid", "camid"):
        if not pd.api.types.is_integer_dtype(rows[name]) and len(rows):
            bad = rows.index[pd.to_numeric(rows[name], errors="coerce").isna()]
            raise ValueError(
                f"{file}: row {int(bad[0]) + 2 if len(bad) else 2}: {name} is not an integer"
            )
    if len(bad := rows.index[~rows["split"].isin(SPLITS)]):
        raise ValueError(
            f"{file}: row {bad[0] + 2}: split {rows.at[bad[0], 'split']!r} is not one of {', '.join(SPLITS)}"
        )
    if len(bad := rows.index[rows["path"].duplicated()]):
        raise ValueError(
            f"{file}: row {bad[0] + 2}: path {rows.at[bad[0], 'path']!r} appears twice"
        )
    return rows[COLUMNS].astype({"pid": "int64", "camid": "int64"})


def write(rows: pd.DataFrame, file: Path) -> None:
    with whole(file) as temporary:
        rows[COLUMNS].to_csv(temporary, index=False, lineterminator="\n")


def read_set(file: Path, folder: Path) -> pd.DataFrame:
    """The rows of an index file, with a column `folder` that their paths are relative to.

    Raises:
        FileNotFoundError, ValueError: As `read`.
    """
    return read(file).assign(folder=str(folder))


def locate(rows: pd.DataFrame) -> pd.DataFrame:
    """The same rows with `path` relative to the project's folder, without column `folder`."""
    files = [
        str(Path(folder) / path) for folder, path in zip(rows["folder"], rows["path"], strict=True)
    ]
    return rows.drop(columns="folder").assign(path=files)
