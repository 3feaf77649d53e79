"""Which file below dataset.parsing.root is the parsing map of an image."""

from pathlib import Path

import pandas as pd

from augment.data.listing import refuse
from augment.images import folder

SUFFIXES = (".png", ".npy")


def find(root: Path, rows: pd.DataFrame) -> dict[str, Path]:
    """Name in data/prepared -> label map, which has the image's path, its file name or its prepared
    name; one of every image.

    Args:
        rows: file (below dataset.root) and name of images.

    Raises:
        ValueError: images without a map; the first ones and their number.
    """
    shared = set(
        rows["file"].map(lambda file: Path(str(file)).stem)[lambda stems: stems.duplicated()]
    )
    found, problems = {}, []
    for file, name in zip(rows["file"].tolist(), rows["name"].tolist(), strict=True):
        stems = [Path(file).with_suffix(""), Path(name).with_suffix("")]
        if Path(file).stem not in shared:
            stems.insert(1, Path(Path(file).stem))
        places = [root / f"{stem}{suffix}" for stem in stems for suffix in SUFFIXES]
        place = next((one for one in places if one.is_file()), None)
        if place is None:
            problems.append(
                f"{places[0]}: not found (nor as .npy); dataset.parsing wants one of every image"
            )
        elif problem := folder.problem(place, root):
            problems.append(problem)
        else:
            found[name] = place
    refuse(problems)
    return found
