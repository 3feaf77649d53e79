"""Market-1501's folders and names, which data/prepared and generated sets also use.

    bounding_box_train/  bounding_box_test/  query/      0002_c1s1_000451_03.jpg = pid, camera, sequence, frame, box

This is the only parser and writer of such names. Other data sets may need more digits: an identity
has four or more, a camera one or two (`10482_c15s1_000007_01.jpg`).
"""

import re
from dataclasses import dataclass

FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
ANNOTATIONS = ("market-annotation-train.csv", "market-annotation-test.csv")
SIZE = (128, 64)
JUNK, DISTRACTOR = -1, 0
MAX_CAMERAS, MAX_FRAME = 99, 999_999

_NAME = re.compile(r"(-1|[0-9]{4,15})_c([0-9]{1,2})s([0-9])_([0-9]{6})_([0-9]{2})\.jpg")


@dataclass(frozen=True)
class Name:
    """The parts of a file name: raw pid, 0-based camid, sequence, frame and box number."""

    pid: int
    camid: int
    sequence: int
    frame: int
    box: int

    def __str__(self) -> str:
        pid = "-1" if self.pid == JUNK else f"{self.pid:04d}"
        return f"{pid}_c{self.camid + 1}s{self.sequence}_{self.frame:06d}_{self.box:02d}.jpg"


def parse_name(name: str) -> Name:
    """Parse an image's name.

    Raises:
        ValueError: If it has another form, or would print as another name.
    """
    if not (match := _NAME.fullmatch(name)):
        raise ValueError(f"{name!r} is not a Market-1501 name such as 0002_c1s1_000451_03.jpg")
    pid, camera, sequence, frame, box = map(int, match.groups())
    if camera == 0:
        raise ValueError(f"{name!r}: cameras count from 1")
    parsed = Name(pid, camera - 1, sequence, frame, box)
    if str(parsed) != name:
        raise ValueError(
            f"{name!r}: a number has too many zeros; the name with these numbers is {str(parsed)!r}"
        )
    return parsed


def tidy(name: str) -> str:
    """Shorten `a.jpg.jpg`, as in some names of the real data set, to `a.jpg`."""
    return re.sub(r"(\.jpg)+$", ".jpg", name)


def unused_name(pid: int, camid: int, number: int) -> str:
    """The name of the `number`-th generated image of a set.

    It has box 00, which no real training or gallery image has.
    """
    if number > MAX_FRAME:
        raise ValueError(
            f"{number} generated images in one set: a Market-1501 name has six digits for the frame"
        )
    return str(Name(pid, camid, 1, number, 0))
