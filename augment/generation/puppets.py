"""Replacements by puppets, and recomposition: any generator's persons in other scenes. Scenes are
images of the reduced set.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

from augment import files, params, paths, prepared
from augment.augmentations import PUPPET, Augmentation
from augment.generation.replacements import Render, Replacements, Sources, frame, row
from augment.prepared import index, keypoints, parsing
from generators.body.body_parts import usable
from generators.body.pose import rescale
from generators.puppet.puppet import Puppet, Studio
from generators.training.pairs import decode


class Scenes:
    """Draws the scene of a source: another camera, each as likely, then one of its images with a
    usable torso.

    Where no other camera has such an image, one of the same camera is taken.

    camids, usable: of the images that may be scenes, [N].
    """

    def __init__(self, camids: np.ndarray, usable: np.ndarray):
        if not usable.any():
            raise ValueError(
                "no image of the reduced set has a torso that can be cut out: there is no scene for a puppet"
            )
        self.of_camera = {
            int(camid): np.flatnonzero((camids == camid) & usable)
            for camid in np.unique(camids[usable])
        }

    def draw(self, rng: np.random.Generator, camid: int) -> int:
        """Row of a scene for a source from camera `camid`."""
        others = [other for other in self.of_camera if other != camid] or list(self.of_camera)
        return int(rng.choice(self.of_camera[rng.choice(others)]))


def build() -> Any:
    """The `generators.puppet.Puppet` that params.yaml describes."""
    return Puppet(params.load(Puppet.Params, f"generators.{PUPPET}"))


def replacements(
    augmentation: Augmentation,
    kept: pd.DataFrame,
    wanted: pd.DataFrame,
    found: Mapping[str, np.ndarray],
    seed: int,
) -> Replacements:
    """A puppet for every row of `wanted`. Nothing of a removed image is used but its identity.

    Augmentations that differ in what puppets take from their scenes have the same sources and
    scenes.
    """
    puppet = build()
    rows, counts = plan(kept, wanted, found, augmentation, seed)
    places = {path: number for number, path in enumerate(kept["path"])}

    def renderer(rows: pd.DataFrame, device: Any) -> Render:
        ready = studio(kept, found, puppet, puppet.params.image_size, device)

        def render(part: pd.DataFrame) -> np.ndarray:
            # A scene that gives its pose alone is named by the target.
            behind = part["scene"].where(part["scene"] != "", part["target"])
            source, scene = (
                torch.tensor([places[path] for path in column])
                for column in (part["source"], behind)
            )
            return _to_uint8(puppet.render(ready[source], ready[scene], augmentation.takes))

        return render

    return Replacements(rows, counts, PUPPET, {"puppet": asdict(puppet.params)}, None, renderer)


def plan(
    kept: pd.DataFrame,
    wanted: pd.DataFrame,
    found: Mapping[str, np.ndarray],
    augmentation: Augmentation,
    seed: int,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Index rows of the puppets, one for every row of `wanted`, and counts of what had to be done
    without.
    """
    rng = np.random.default_rng(seed)
    usable, names, camids = _usable(kept, found), list(kept["path"]), kept["camid"].to_numpy()
    sources, scenes, rows = Sources(kept, usable), Scenes(camids, usable), []
    for number, (pid, path) in enumerate(zip(wanted["pid"], wanted["path"], strict=True)):
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
                names[source],
                names[target],
                names[scene] if plated else "",
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
    found: Mapping[str, np.ndarray],
    seed: int,
) -> Replacements:
    """The images of the same augmentation without recomposition, each person in the scene of
    another camera.

    Raises:
        FileNotFoundError: those images are not there.
    """
    puppet, plain = build(), augmentation.not_recomposed
    folder = paths.generated(plain, portion, ratio)
    if not (folder / "index.csv").is_file():
        flags = f"--augmentation {plain.name} --portion {portion}{f' --ratio {ratio}' if ratio > 1 else ''}"
        raise FileNotFoundError(
            f"{folder / 'index.csv'}: not found; run `augment generate {flags}` first"
        )
    given, manifest = index.read(folder / "index.csv"), files.read_json(folder / "manifest.json")
    rng, usable, names = np.random.default_rng(seed), _usable(kept, found), list(kept["path"])
    scenes, rows, originals = Scenes(kept["camid"].to_numpy(), usable), [], {}
    for number, one in enumerate(given.itertuples()):
        scene = scenes.draw(rng, one.camid)
        camid = kept["camid"].iat[scene]
        rows.append(
            row(
                number, one.pid, camid, one.source, one.target, names[scene], augmentation.generator
            )
        )
        originals[rows[-1][0]] = folder / one.path
    places = {path: number for number, path in enumerate(names)}

    def renderer(rows: pd.DataFrame, device: Any) -> Render:
        with Image.open(folder / given["path"].iat[0]) as first:
            size = (first.height, first.width)
        ready = studio(kept, found, puppet, size, device)

        def render(part: pd.DataFrame) -> np.ndarray:
            image = (
                decode([originals[path] for path in part["path"]], size).to(device).float() / 255
            )
            pose = torch.from_numpy(
                keypoints.of_names(found, (Path(path).name for path in part["target"]))
            )
            scene = ready[torch.tensor([places[path] for path in part["scene"]])]
            return _to_uint8(
                puppet.recompose(image, rescale(pose, prepared.size(), size).to(device), scene)
            )

        return render

    made_by = {"puppet": asdict(puppet.params), "recomposed": files.read_json(folder / "plan.json")}
    counts = {"scenes_without_torso": int((~usable).sum())}
    return Replacements(frame(rows), counts, PUPPET, made_by, manifest["trained_on"], renderer)


def _usable(rows: pd.DataFrame, found: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which rows' persons can be cut out, bool [N]."""
    points = torch.from_numpy(keypoints.of_names(found, (Path(path).name for path in rows["path"])))
    return usable(points, prepared.size()).numpy()


def _to_uint8(images: torch.Tensor) -> np.ndarray:
    """float32 [N, 3, H, W] in [0, 1] -> uint8 [N, H, W, 3]."""
    return images.mul(255).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def studio(
    rows: pd.DataFrame,
    found: Mapping[str, np.ndarray],
    puppet: Any,
    size: tuple[int, int],
    device: Any,
) -> Any:
    """`generators.puppet.Studio` of index rows at `size`, on `device`; with parsing maps where
    every row has one.

    found: image name -> keypoints [18, 2].
    """
    points = torch.from_numpy(keypoints.of_names(found, (Path(path).name for path in rows["path"])))
    pixels = decode([paths.PREPARED / path for path in rows["path"]], size)
    labels = parsing.read(rows["path"], size) if puppet.params.parsing else None
    person = None if labels is None else labels > 0
    return Studio(puppet, pixels, rescale(points, prepared.size(), size), person, device)
