"""DeepFashion's In-shop images with PATN's names and lists (patn_apatn.txt, section 4.1).

    train.lst  test.lst       fashionWOMENDressesid0000262902_1front.jpg, one per line
    train/  test/             the images; or all of them in the root

The name up to the view (`_1front`) is the identity: one person in one set of clothes. Images of
256x256 are cropped to the columns 40 to 215, as in PATN; those of 256x176 are cropped already.
Cameras are not known. One image of each test identity with two or more is a query.
"""

from pathlib import Path

from augment.data import lists
from augment.data.layouts.folder import with_split
from augment.data.listing import Listing, frame, refuse
from augment.data.params import DatasetParams

RAW_SIZE, COLUMNS = (256, 256), (40, 216)


def list_images(root: Path, settings: DatasetParams) -> Listing:
    assert settings.split is not None  # DatasetParams checks this
    rows, problems, notes = [], [], []
    trained: set[str] = set()
    for part in ("train", "test"):
        file, repeated, seen = root / f"{part}.lst", 0, set()
        for number, (name,) in lists.read(file, words=1):
            identity, _, view = Path(name).stem.rpartition("_")
            path = next(
                (p for p in (f"{part}/{name}", name) if (root / p).is_file()), f"{part}/{name}"
            )
            if problem := lists.problem(root / path, root):
                problems.append(f"{file}: row {number}: {problem}")
            elif not identity or not view:
                problems.append(
                    f"{file}: row {number}: {name}: has no view at its end; expected e.g. fashionMENid00000001_1front.jpg"
                )
            elif name in seen:
                problems.append(f"{file}: row {number}: {name} occurs twice")
            elif part == "test" and identity in trained:
                repeated += 1
            else:
                rows.append((path, identity, "", part, ""))
            seen.add(name)
            if part == "train":
                trained.add(identity)
        if repeated:
            notes.append(
                f"{file.name}: {repeated:,} images left out whose identities are also in train.lst"
            )
    refuse(problems)
    images, drawn = with_split(frame(rows), root, settings.split)
    return Listing(root, images, notes=(*notes, *drawn), crop=COLUMNS, crop_from=RAW_SIZE)
