"""Section `dataset` of params.yaml."""

from dataclasses import dataclass
from typing import Literal

from augment.data.mini_market import MiniMarketParams
from augment.prepared import market1501

MINI_MARKET = "mini_market"
# All images of these have one size and are used without resizing.
FIXED_SIZE = (MINI_MARKET, "market1501")


@dataclass(frozen=True)
class MaxIds:
    train: int
    test: int


@dataclass(frozen=True)
class ParsingParams:
    """Label maps with the images' names.

    root: their folder
    labels: ten (those of generators.body.parsing), or the labels of a parser, which are merged to
        these ten: lip20, cihp20, atr18
    """

    root: str
    labels: str


@dataclass(frozen=True)
class FolderParams:
    """Identities of the images in any folder: either a pattern or a table, the other null.

    pattern: regular expression of a whole path below root (`/` between folders) with a group
        `identity`, and `camera` and `split` if they are known:
        (?P<identity>[^/]+)/c(?P<camera>[0-9]+).*
    table: CSV with the columns path (below root) and identity, and camera and split if they are
        known
    """

    pattern: str | None
    table: str | None

    def __post_init__(self):
        if (self.pattern is None) == (self.table is None):
            raise ValueError("dataset.folder: give either pattern or table, and null for the other")


@dataclass(frozen=True)
class SplitParams:
    """Split of a data set that does not define test identities (folder, viper, cuhk03).

    test_identities: share of test identities, in (0, 1)
    seed: random seed for choosing them and their queries
    """

    test_identities: float
    seed: int

    def __post_init__(self):
        if not 0 < self.test_identities < 1:
            raise ValueError(
                f"dataset.split.test_identities must lie in (0, 1), got {self.test_identities}"
            )


@dataclass(frozen=True)
class DatasetParams:
    """Section `dataset`.

    name: mini_market (rendered, needs nothing), folder (any folder of crops), or the layout of a
        known data set
    root: its folder; unused for mini_market
    image_size: (height, width) in px that images are resized to
    annotations: keypoint files in any format of augment.data.pose_formats; null for none
    parsing: parsing maps of all images; null for none
    max_ids: use the first k identities of each split, one number or one for train and one for test;
        null for all
    folder: how to read identities; needed for `folder` only
    split: for data sets that do not define training and test identities, or queries
    boxes: for cuhk03: detected by a machine, or labelled by hand
    mini_market: what is rendered; needed for mini_market only
    """

    name: Literal[
        "mini_market",
        "folder",
        "market1501",
        "market_like",
        "msmt17",
        "cuhk03",
        "viper",
        "deepfashion",
    ]
    root: str | None
    image_size: tuple[int, int]
    annotations: tuple[str, ...] | None
    parsing: ParsingParams | None
    max_ids: int | MaxIds | None
    folder: FolderParams | None
    split: SplitParams | None
    boxes: Literal["detected", "labelled"]
    mini_market: MiniMarketParams | None

    def __post_init__(self):
        if min(self.image_size) < 8 or max(self.image_size) > 1024:
            raise ValueError(
                f"dataset.image_size {list(self.image_size)}: height and width must be 8 to 1024 px"
            )
        if self.name in FIXED_SIZE and self.image_size != market1501.SIZE:
            raise ValueError(
                f"dataset.image_size {list(self.image_size)}: the images of {self.name} are {list(market1501.SIZE)} (height, "
                "width) and are not resized; `name: market_like` resizes images with Market-1501's names"
            )
        needed = {
            "folder": ("folder",),
            "split": ("folder", "viper", "deepfashion"),
            "mini_market": (MINI_MARKET,),
        }
        for key, names in needed.items():
            if getattr(self, key) is None and self.name in names:
                raise ValueError(f"dataset.{key}: is null; {self.name} needs it")
