"""Readers of data sets in their common layouts; each layout becomes one `Listing`.

| module | content |
|---|---|
| layouts | one module per layout: names and lists; no image is opened |
| listing | `Listing`, the result of reading a layout |
| lists, table | text files with one image per line; the CSV of `folder` |
| split, numbers | training and test identities; identities and cameras as pids and camids |
| pose_formats, keypoint_files | keypoint files of all formats; matched with the images of a data set |
| label_maps | the parsing map of each image |
| pictures | checks images, then copies or resizes them |
| report | what prepare prints about a data set |
| mini_market | the rendered data set that ships with the package |
| params | section `dataset` of params.yaml |
"""

from collections.abc import Callable
from pathlib import Path

from augment.data.layouts import cuhk03, deepfashion, folder, market1501, market_like, msmt17, viper
from augment.data.listing import Listing, check_root
from augment.data.params import MINI_MARKET, DatasetParams

LAYOUTS: dict[str, Callable[[Path, DatasetParams], Listing]] = {
    "market1501": market1501.list_images, "market_like": market_like.list_images,
    "msmt17": msmt17.list_images, "cuhk03": cuhk03.list_images, "viper": viper.list_images,
    "deepfashion": deepfashion.list_images, "folder": folder.list_images,
}  # fmt: skip


def read(settings: DatasetParams) -> Listing:
    """List the data set of params.yaml without opening an image.

    Raises:
        FileNotFoundError: If a folder, list or table is missing.
        ValueError: If names or rows are invalid; the message has the first ones and their number.
    """
    if settings.root is None:
        raise ValueError(
            f"params.yaml: dataset.root: is null; {settings.name} needs the folder of the data set"
        )
    root = Path(settings.root)
    check_root(root)
    layout = "market1501" if settings.name == MINI_MARKET else settings.name
    listing = LAYOUTS[layout](root, settings)
    if listing.rows.empty:
        raise ValueError(f"{root}: holds no images")
    return listing
