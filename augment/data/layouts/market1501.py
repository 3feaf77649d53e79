"""Market-1501, strictly: every file in its three folders is a JPEG of 128x64 with a valid name.

Oddities of the real data set are accepted and counted: a Thumbs.db in each folder, names that end in
`.jpg.jpg`, the pids -1 (junk) and 0000 (distractor).
"""

from pathlib import Path

from augment.data.listing import Listing, frame, refuse
from augment.data.params import DatasetParams
from augment.images.folder import problem
from augment.prepared.market1501 import ANNOTATIONS, FOLDERS, parse_name, tidy

IGNORED = ("Thumbs.db", ".DS_Store")


def list_images(root: Path, _: DatasetParams) -> Listing:
    rows, problems, notes = [], [], []
    for split, folder in FOLDERS.items():
        if not (root / folder).is_dir():
            raise FileNotFoundError(
                f"{root / folder}: folder not found; dataset.root must hold {', '.join(FOLDERS.values())}"
            )
        paths = sorted((root / folder).iterdir())
        names = [path for path in paths if path.name not in IGNORED]
        if not names:
            raise ValueError(f"{root / folder}: holds no images")
        for path in names:
            if text := problem(path, root):
                problems.append(text)
                continue
            try:
                name = parse_name(tidy(path.name))
            except ValueError as error:
                problems.append(f"{path}: {error}")
                continue
            rows.append(
                (
                    f"{folder}/{path.name}",
                    path.name.split("_")[0],
                    str(name.camid + 1),
                    split,
                    str(name),
                )
            )
        if split == "query":
            notes.append(
                f"{folder}: {sum(row[-1].endswith('_00.jpg') for row in rows if row[3] == split):,} names have box 00"
            )
        for ignored in IGNORED:
            if number := sum(path.name == ignored for path in paths):
                notes.append(f"{folder}: {number} {ignored} not read")
        if doubled := sum(path.name.endswith(".jpg.jpg") for path in names):
            notes.append(f"{folder}: {doubled} names end in .jpg.jpg, read as .jpg")
    refuse(problems)
    rows = frame(rows)
    if len(twice := rows.index[rows["name"].duplicated()]):
        raise ValueError(
            f"{root / str(rows.at[twice[0], 'file'])}: its name occurs twice when '.jpg.jpg' is read as '.jpg'"
        )
    known = {*FOLDERS.values(), *ANNOTATIONS, *IGNORED}
    if others := sorted(
        ascii(path.name).strip("'") for path in root.iterdir() if path.name not in known
    ):
        shown = ", ".join(others[:6]) + (f" and {len(others) - 6} more" if len(others) > 6 else "")
        notes.append(f"{root}: {shown} not read")
    return Listing(root, rows, notes=tuple(notes), formats=("JPEG",))
