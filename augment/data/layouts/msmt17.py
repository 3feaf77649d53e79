"""MSMT17: lists of images with their identities.

    list_train.txt  list_val.txt          0000/0000_000_01_0303morning_0015_0.jpg 0      below train/
    list_query.txt  list_gallery.txt      the same                                       below test/

Version 2 of the data set names the folders mask_train_v2 and mask_test_v2. The camera is the third
part of a file's name. Identities are counted from 0 in each of train and test and are different
people, so they are renumbered. The validation list is read as training images, as is usual.
"""

from pathlib import Path

from augment.data import lists
from augment.data.listing import Listing, frame, refuse
from augment.data.params import DatasetParams

LISTS = {
    "train": ("train", "train"),
    "val": ("train", "train"),
    "query": ("test", "query"),
    "gallery": ("test", "gallery"),
}
FOLDERS = {"train": ("train", "mask_train_v2"), "test": ("test", "mask_test_v2")}


def list_images(root: Path, _: DatasetParams) -> Listing:
    rows, problems, notes, row_of = [], [], [], {}
    for name, (part, split) in LISTS.items():
        folder = _folder(root, part)
        file = root / f"list_{name}.txt"
        if name == "val" and not file.is_file():
            continue
        named = lists.read(file, words=2)
        for number, (path, identity) in named:
            image = f"{folder}/{path}"
            parts = Path(path).name.split("_")
            where = f"{file}: row {number}"
            if image in row_of:
                problems.append(f"{where}: {path} is in {row_of[image]} already")
            elif not identity.isdecimal():
                problems.append(f"{where}: identity {identity[:40]!r} is not a number")
            elif len(parts) < 3 or not parts[2].isdecimal():
                problems.append(
                    f"{where}: {path[:200]}: the third part of the name, between _, is not a camera"
                )
            elif problem := lists.problem(root / image, root):
                problems.append(f"{where}: {problem}")
            row_of[image] = f"{file.name}, row {number}"
            if not problems:
                rows.append((image, f"{part}/{int(identity)}", str(int(parts[2])), split, ""))
        if name == "val":
            notes.append(
                f"{file.name}: {len(named):,} images for validation are used as training images"
            )
    refuse(problems)
    return Listing(root, frame(rows), keep_numbers=True, notes=tuple(notes))


def _folder(root: Path, part: str) -> str:
    for name in FOLDERS[part]:
        if (root / name).is_dir():
            return name
    raise FileNotFoundError(
        f"{root / FOLDERS[part][0]}: folder not found, nor {FOLDERS[part][1]} next to it"
    )
