"""Market-1501's three folders, with any names that begin with identity and camera.

    DukeMTMC-reID               0001_c2_f0046182.jpg
    CUHK03-NP in this layout    0001_c1_1.png   (root: the folder detected or labeled)
    Market-1501 at another size 0002_c1s1_000451_03.jpg

Images may have any format and size. Identities and cameras keep their numbers; -1 is junk and 0000
a distractor, as in Market-1501.
"""

import re
from pathlib import Path

from augment.data.layouts.folder import check_apart
from augment.data.listing import Listing, find, frame, refuse, unread
from augment.data.params import DatasetParams
from augment.prepared.market1501 import FOLDERS

_NAME = re.compile(r"(-1|[0-9]{1,9})_c([0-9]{1,2})(?![0-9]).*")


def list_images(root: Path, _: DatasetParams) -> Listing:
    rows, problems, notes = [], [], []
    for split, folder in FOLDERS.items():
        found = find(root, folder)
        problems += found.problems
        notes += [f"{folder}: {note}" for note in unread(found)]
        for file in found.files:
            if match := _NAME.fullmatch(Path(file).name):
                pid, camera = match.groups()
                rows.append(
                    (file, pid if pid == "-1" else f"{int(pid):04d}", str(int(camera)), split, "")
                )
            else:
                problems.append(
                    f"{root / file}: the name does not begin with identity and camera (0001_c2); `name: folder` reads others"
                )
    refuse(problems)
    images = frame(rows)
    for split, folder in FOLDERS.items():
        if not (images["split"] == split).any():
            raise ValueError(f"{root / folder}: holds no images")
    check_apart(images[~images["identity"].isin(("-1", "0000"))], root)
    return Listing(root, images, keep_numbers=True, notes=tuple(notes))
