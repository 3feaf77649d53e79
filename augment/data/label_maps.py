"""Finds the parsing map of each image below dataset.parsing.root."""

from pathlib import Path

import pandas as pd

from augment.data.listing import refuse
from augment.images import folder

SUFFIXES = (".png", ".npy")


def find(root: Path, rows: pd.DataFrame) -> dict[str, Path]:
    """Find the label map of every image: it has the image's path, file name or prepared name.

    Args:
        rows: file (below dataset.root) and name of images.

    Returns:
        Name in data/prepared -> label map.

    Raises:
        ValueError: If images have no map; the message has the first ones and their number.
    """
    shared = set(
        rows["file"].map(lambda file: Path(str(file)).stem)[lambda stems: stems.duplicated()]
    )
    maps, problems = {}, []
    for file, name in zip(rows["file"].tolist(), rows["name"].tolist(), strict=True):
        stems = [Path(file).with_suffix(""), Path(name).with_suffix("")]
        if Path(file).stem not in shared:
            stems.insert(1, Path(Path(file).stem))
        candidates = [root / f"{stem}{suffix}" for stem in stems for suffix in SUFFIXES]
        path = next((candidate for candidate in candidates if candidate.is_file()), None)
        if path is None:
            problems.append(
                f"{candidates[0]}: not found (nor as .npy); dataset.parsing needs one map per image"
            )
        elif problem := folder.problem(path, root):
            problems.append(problem)
        else:
            maps[name] = path
    refuse(problems)
    return maps
