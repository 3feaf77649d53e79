"""Puppets, and recomposition: the people of any generator, pasted into other scenes.

Scenes are images of the reduced set.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

from augment import files, params, paths, prepared
from augment.augmentations import PUPPET, Augmentation
from augment.generation.replacements import Render, Replacements, Sources, frame, row
from augment.prepared import index, parsing
from augment.prepared.keypoints import of_images
from generators.body.body_parts import usable
from generators.body.pose import rescale
from generators.puppet.puppet import Puppet, Studio
from generators.training.pairs import decode


class Scenes:
    """Draws the scene of a source.

    Another camera is drawn, all equally likely, then one of its images with a usable torso. If no
    other camera has such an image, the scene comes from the same camera.

    Args:
        camids: cameras of the images, [N].
        usable: whether each image may be a scene, bool [N].
    """

    def __init__(self, camids: np.ndarray, usable: np.ndarray):
        if not usable.any():
            raise ValueError(
                "no image of the reduced set has a torso that can be cut out: puppets have no scenes"
            )
        self.of_camera = {
            int(camid): np.flatnonzero((camids == camid) & usable)
            for camid in np.unique(camids[usable])
        }

    def draw(self, rng: np.random.Generator, camid: int) -> int:
        """Row of a scene for a source from camera `camid`."""
        others = [other for other in self.of_camera if other != camid] or list(self.of_camera)
        return int(rng.choice(self.of_camera[rng.choice(others)]))


def build() -> Puppet:
    """The puppet generator that params.yaml describes."""
    return Puppet(params.load(Puppet.Params, f"generators.{PUPPET}"))


def replacements(
    augmentation: Augmentation,
    kept: pd.DataFrame,
    requests: pd.DataFrame,
    keypoints: Mapping[str, np.ndarray],
    seed: int,
) -> Replacements:
    """A puppet for every row of `requests`; of a removed image, only its identity is used.

    Augmentations that differ only in what puppets take from their scenes share sources and scenes.
    The arguments are those of `plan`.
    """
    puppet = build()
    rows, counts = plan(kept, requests, keypoints, augmentation, seed)
    row_of = {path: row for row, path in enumerate(kept["path"])}

    def renderer(rows: pd.DataFrame, device: Any) -> Render:
        all_kept = studio(kept, keypoints, puppet, puppet.params.image_size, device)

        def render(part: pd.DataFrame) -> np.ndarray:
            # If only the pose is taken, column `scene` is empty, and the scene is the target.
            scenes = part["scene"].where(part["scene"] != "", part["target"])
            source, scene = (
                torch.tensor([row_of[path] for path in column])
                for column in (part["source"], scenes)
            )
            return _to_uint8(puppet.render(all_kept[source], all_kept[scene], augmentation.takes))

        return render

    return Replacements(rows, counts, PUPPET, {"puppet": asdict(puppet.params)}, None, renderer)


def plan(
    kept: pd.DataFrame,
    requests: pd.DataFrame,
    keypoints: Mapping[str, np.ndarray],
    augmentation: Augmentation,
    seed: int,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Plan a puppet for every row of `requests`.

    Args:
        kept: index rows of the reduced set.
        requests: index rows of the real images that get a generated one each.
        keypoints: image name -> keypoints [18, 2].
        augmentation: what puppets take from their scenes.
        seed: random seed for sources and scenes.

    Returns:
        Index rows of the puppets, and counts of sources and scenes without a usable torso.
    """
    rng = np.random.default_rng(seed)
    usable, kept_paths, camids = (
        _usable(kept, keypoints),
        list(kept["path"]),
        kept["camid"].to_numpy(),
    )
    sources, scenes, rows = Sources(kept, usable), Scenes(camids, usable), []
    for number, (pid, path) in enumerate(zip(requests["pid"], requests["path"], strict=True)):
        source = sources.draw(rng, pid, path)
        scene = scenes.draw(rng, camids[source])
        target = scene if "pose" in augmentation.takes else source
        plated = "plate" in augmentation.takes
        camid = camids[scene if plated else source]
        rows.append(
            row(
                number,
                pid,
                camid,
                kept_paths[source],
                kept_paths[target],
                kept_paths[scene] if plated else "",
                PUPPET,
            )
        )
    return frame(rows), {
        "sources_without_torso": sources.without_torso,
        "scenes_without_torso": int((~usable).sum()),
    }


def recomposed(
    augmentation: Augmentation,
    portion: float,
    ratio: int,
    kept: pd.DataFrame,
    keypoints: Mapping[str, np.ndarray],
    seed: int,
) -> Replacements:
    """Paste the people of the augmentation without recomposition into other cameras' scenes.

    Raises:
        FileNotFoundError: If the images without recomposition are not generated yet.
    """
    puppet, cut_from = build(), augmentation.not_recomposed
    folder = paths.generated(cut_from, portion, ratio)
    if not (folder / "index.csv").is_file():
        flags = f"--augmentation {cut_from.name} --portion {portion}{f' --ratio {ratio}' if ratio > 1 else ''}"
        raise FileNotFoundError(
            f"{folder / 'index.csv'}: not found; run `augment generate {flags}` first"
        )
    originals, manifest = (
        index.read(folder / "index.csv"),
        files.read_json(folder / "manifest.json"),
    )
    rng, usable = np.random.default_rng(seed), _usable(kept, keypoints)
    kept_paths, camids = list(kept["path"]), kept["camid"].to_numpy()
    scenes, rows, file_of = Scenes(camids, usable), [], {}
    columns = (originals[name] for name in ("path", "pid", "camid", "source", "target"))
    for number, (path, pid, camid, source, target) in enumerate(zip(*columns, strict=True)):
        scene = scenes.draw(rng, camid)
        generator = str(augmentation.generator)
        rows.append(row(number, pid, camids[scene], source, target, kept_paths[scene], generator))
        file_of[rows[-1][0]] = folder / path
    row_of = {path: row for row, path in enumerate(kept_paths)}

    def renderer(rows: pd.DataFrame, device: Any) -> Render:
        with Image.open(folder / str(originals["path"].iat[0])) as first:
            size = (first.height, first.width)
        all_kept = studio(kept, keypoints, puppet, size, device)

        def render(part: pd.DataFrame) -> np.ndarray:
            images = decode([file_of[path] for path in part["path"]], size).to(device).float() / 255
            poses = torch.from_numpy(of_images(keypoints, part["target"]))
            poses = rescale(poses, prepared.size(), size).to(device)
            scene = all_kept[torch.tensor([row_of[path] for path in part["scene"]])]
            return _to_uint8(puppet.recompose(images, poses, scene))

        return render

    made_by = {"puppet": asdict(puppet.params), "recomposed": files.read_json(folder / "plan.json")}
    counts = {"scenes_without_torso": int((~usable).sum())}
    return Replacements(frame(rows), counts, PUPPET, made_by, manifest["trained_on"], renderer)


def _usable(rows: pd.DataFrame, keypoints: Mapping[str, np.ndarray]) -> np.ndarray:
    """Whether each row's person can be cut out, bool [N]."""
    points = torch.from_numpy(of_images(keypoints, rows["path"]))
    return usable(points, prepared.size()).numpy()


def _to_uint8(images: torch.Tensor) -> np.ndarray:
    """Convert float32 [N, 3, H, W] in [0, 1] to uint8 [N, H, W, 3]."""
    return images.mul(255).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def studio(
    rows: pd.DataFrame,
    keypoints: Mapping[str, np.ndarray],
    puppet: Puppet,
    size: tuple[int, int],
    device: Any,
) -> Studio:
    """A studio with the images of index rows.

    Args:
        rows: index rows, `path` relative to data/prepared.
        keypoints: image name -> keypoints [18, 2].
        puppet: from `build`; its params say whether parsing maps are used, if any.
        size: (height, width) of the studio's images, px.
        device: device that holds them.
    """
    points = torch.from_numpy(of_images(keypoints, rows["path"]))
    pixels = decode([paths.PREPARED / path for path in rows["path"]], size)
    labels = parsing.read(list(rows["path"]), size) if puppet.params.parsing else None
    person = None if labels is None else labels > 0
    return Studio(puppet, pixels, rescale(points, prepared.size(), size), person, device)
