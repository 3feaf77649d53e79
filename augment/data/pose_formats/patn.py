"""The PATN / pose-gan CSV; see augment/prepared/keypoints.py.

Whether joints lie inside the images is checked by the validator.
"""

from pathlib import Path

from augment.data.pose_formats import document
from augment.data.pose_formats.imported import Imported
from augment.prepared import keypoints


def read(file: Path) -> Imported:
    document.check_size(file)
    rows = keypoints.parse(file)
    return Imported(
        {document.image_name(name, f"{file}: {name!r}"): points for name, points in rows.items()},
        "patn",
    )
