"""Writes mini_market to disk: Market-1501 names, keypoint tables, parsing maps."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2

from augment.data.mini_market.render import Difficulty, Picture, build_world, render
from augment.data.mini_market.shots import (
    BACKGROUNDS,
    Shot,
    background_shots,
    identities,
    identity_shots,
    stray_shots,
)
from augment.files import whole_folder
from augment.prepared import keypoints, parsing
from augment.prepared.market1501 import ANNOTATIONS, FOLDERS

JPEG_QUALITY = 88
LEAST = {
    "train_ids": 1, "images_per_train_id": 1, "test_ids": 1, "gallery_images_per_id": 2,
    "distractors": 0, "junk": 0, "backgrounds": 0, "seed": 0,
}  # fmt: skip


@dataclass(frozen=True)
class MiniMarketParams:
    """Section `dataset.mini_market`: counts of the data set.

    gallery_images_per_id: without the queries, of which there is one per test identity and camera
    backgrounds: crops without people, in a separate folder
    """

    train_ids: int
    images_per_train_id: int
    test_ids: int
    gallery_images_per_id: int
    distractors: int
    junk: int
    backgrounds: int
    seed: int
    difficulty: Difficulty


def plan(params: MiniMarketParams) -> list[Shot]:
    """Every picture of the data set, sorted by folder and name.

    Raises:
        ValueError: If a count is too small or there are too many identities.
    """
    for key, least in LEAST.items():
        if getattr(params, key) < least:
            raise ValueError(
                f"mini_market.{key} is {getattr(params, key)}: it must be at least {least}"
            )
    train, test = identities(params.seed, params.train_ids, params.test_ids)
    if train[-1] > 9999 or test[-1] > 9999:
        raise ValueError(
            "mini_market: names hold four digits, so train_ids + test_ids must be at most 9999"
        )
    shots = [
        shot
        for pid in train
        for shot in identity_shots(params.seed, pid, params.images_per_train_id, False)
    ]
    shots += [
        shot
        for pid in test
        for shot in identity_shots(params.seed, pid, params.gallery_images_per_id, True)
    ]
    shots += stray_shots(params.seed, 0, params.distractors, test) + stray_shots(
        params.seed, -1, params.junk, test
    )
    shots += background_shots(params.backgrounds)
    return sorted(shots, key=lambda shot: (shot.folder, shot.name))


def write(
    root: Path, params: MiniMarketParams, progress: Callable[..., Iterable] | None = None
) -> None:
    """Render the data set into the new folder `root`, which appears complete or not at all.

    Args:
        progress: wraps the loop, called as progress(shots, total=n), e.g. tqdm.

    Raises:
        ValueError: If `root` holds files.
    """
    root = Path(root)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ValueError(f"{root} exists and is not an empty folder: remove it or choose another")
    shots = plan(params)
    world = build_world(params.seed, params.difficulty)
    train, test = ({}, {})  # name -> keypoints
    with whole_folder(root) as building:
        for folder in (*FOLDERS.values(), parsing.FOLDER, BACKGROUNDS):
            (building / folder).mkdir()
        for shot in progress(shots, total=len(shots)) if progress else shots:
            picture = render(world, shot)
            write_picture(building, shot, picture)
            if shot.folder != BACKGROUNDS:
                table = train if shot.folder == FOLDERS["train"] else test
                table[shot.name] = picture.keypoints
        for file, table in zip(ANNOTATIONS, (train, test), strict=True):
            keypoints.write(table, building / file)


def write_picture(root: Path, shot: Shot, picture: Picture) -> None:
    """Write the JPEG and, unless it is a background, the parsing map in parsing/ of that name."""
    ok, data = cv2.imencode(
        ".jpg", picture.image[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
    )
    if not ok:
        raise RuntimeError(f"{shot.name}: OpenCV could not encode the JPEG")
    (root / shot.folder / shot.name).write_bytes(data.tobytes())
    if shot.folder == BACKGROUNDS:
        return
    file = root / parsing.FOLDER / Path(shot.name).with_suffix(".png")
    parsing.picture(picture.parsing).save(file, compress_level=1)
