"""DeepFashion's In-shop images under the names, and with the lists, of PATN (patn_apatn.txt,
section 4.1).

    train.lst  test.lst       fashionWOMENDressesid0000262902_1front.jpg, one a line
    train/  test/             the images; or all of them in the root

An identity is all before the view (`_1front`): one person in one set of clothes. Images of 256x256
are cropped to the columns 40 to 215, as PATN does; those of 256x176 are so already. Cameras are not
known. One image of each test identity with two or more is a query.
"""

from pathlib import Path

from augment.data import lists
from augment.data.layouts.folder import with_split
from augment.data.listing import Listing, frame, refuse
from augment.data.params import DatasetParams

RAW_SIZE, COLUMNS = (256, 256), (40, 216)


def list_images(root: Path, settings: DatasetParams) -> Listing:
    assert settings.split is not None  # DatasetParams sees to it
    rows, problems, notes = [], [], []
    trained: set[str] = set()
    for part in ("train", "test"):
        file, again, seen = root / f"{part}.lst", 0, set()
        for number, (name,) in lists.read(file, words=1):
            identity, _, view = Path(name).stem.rpartition("_")
            path = next(
                (p for p in (f"{part}/{name}", name) if (root / p).is_file()), f"{part}/{name}"
            )
            if problem := lists.problem(root / path, root):
                problems.append(f"{file}: row {number}: {problem}")
            elif not identity or not view:
                problems.append(
                    f"{file}: row {number}: {name}: no view at its end, as in fashionMENid00000001_1front.jpg"
                )
            elif name in seen:
                problems.append(f"{file}: row {number}: {name} is there twice")
            elif part == "test" and identity in trained:
                again += 1
            else:
                rows.append((path, identity, "", part, ""))
            seen.add(name)
            if part == "train":
                trained.add(identity)
        if again:
            notes.append(
                f"{file.name}: {again:,} images left out whose identities are in train.lst too"
            )
    refuse(problems)
    listed, drawn = with_split(frame(rows), root, settings.split)
    return Listing(root, listed, notes=(*notes, *drawn), crop=COLUMNS, crop_from=RAW_SIZE)
