"""Images by a trained generator: the person of a source image in the pose of a target image."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch

from augment import paths, prepared
from augment.augmentations import Augmentation
from augment.generation.replacements import Render, Replacements, Sources, frame, row
from augment.prepared import parsing
from augment.prepared.keypoints import of_images
from generators.body.pose import has_torso, rescale
from generators.training.checkpoint import load_generator, read_trained_on
from generators.training.generator import Generator
from generators.training.pairs import ImageSet, decode, make_batch
from generators.training.sheets import to_uint8


def replacements(
    augmentation: Augmentation,
    portion: float,
    kept: pd.DataFrame,
    requests: pd.DataFrame,
    keypoints: Mapping[str, np.ndarray],
    seed: int,
) -> Replacements:
    """One image for every row of `requests`; the arguments are those of `plan`.

    Raises:
        FileNotFoundError: If the generator is not trained.
        ValueError: If a leak_free generator was trained on an image that is not in the reduced set,
            or no pose is usable.
    """
    generator, trained_portion = str(augmentation.generator), augmentation.trained_on(portion)
    checkpoint = paths.generator_model(generator, trained_portion) / "generator.pt"
    flags = "" if trained_portion is None else f" --portion {trained_portion}"
    train = f"augment train-generator --generator {generator}{flags}"
    if not checkpoint.is_file():
        raise FileNotFoundError(f"{checkpoint}: not found; run `{train}` first")
    trained_on = read_trained_on(checkpoint)
    # A generator that was trained with a pose network also depends on the images of that network.
    seen = {*trained_on["images"], *(trained_on.get("pose_network") or {"images": []})["images"]}
    if trained_portion is not None and (leaked := sorted(seen - set(kept["path"]))):
        raise ValueError(
            f"{checkpoint}: was trained on {len(leaked):,} images that are not in {paths.reduced(portion)}, "
            f"e.g. {leaked[0]}; run `{train}` again"
        )
    rows, counts = plan(kept, requests, keypoints, augmentation, seed)
    made_by = {"generator": hashlib.sha256(checkpoint.read_bytes()).hexdigest()}

    def renderer(rows: pd.DataFrame, device: Any) -> Render:
        return _renderer(checkpoint, rows, keypoints, device)

    return Replacements(rows, counts, generator, made_by, trained_on, renderer)


def plan(
    kept: pd.DataFrame,
    requests: pd.DataFrame,
    keypoints: Mapping[str, np.ndarray],
    augmentation: Augmentation,
    seed: int,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Plan an image for every row of `requests`.

    A pose is usable if both hips and both shoulders are present. A source without one is drawn only
    if its identity has no other in the reduced set. The target is the removed image itself
    (`paper`), or a random image of the reduced set (`star`, `leak_free`, and all protocols in
    extended sets), which also stands in for a removed image without a usable pose.

    Args:
        kept: index rows of the reduced set.
        requests: index rows of the real images that get a generated one each.
        keypoints: image name -> keypoints [18, 2].
        augmentation: the generator and its protocol.
        seed: random seed for sources and targets.

    Returns:
        Index rows of the images to render, and counts of sources and targets without a usable pose.

    Raises:
        ValueError: If no image of the reduced set has a usable pose.
    """
    rng = np.random.default_rng(seed)
    usable, target_usable = _usable(kept, keypoints), _usable(requests, keypoints)
    poses = list(kept["path"][usable])
    if not poses and len(requests):
        raise ValueError(
            "no image of the reduced set shows both hips and both shoulders: no pose can be transferred"
        )
    sources, lost, rows = Sources(kept, usable), 0, []
    kept_paths, camids = list(kept["path"]), kept["camid"].to_numpy()
    generator = str(augmentation.generator)
    for number, (pid, path) in enumerate(zip(requests["pid"], requests["path"], strict=True)):
        source = sources.draw(rng, pid, path)
        target = str(rng.choice(poses))
        if augmentation.protocol == "paper" and path not in sources.row_of:
            lost += not target_usable[number]
            target = path if target_usable[number] else target
        rows.append(row(number, pid, camids[source], kept_paths[source], target, "", generator))
    return frame(rows), {
        "sources_without_torso": sources.without_torso,
        "targets_without_torso": lost,
    }


def _usable(rows: pd.DataFrame, keypoints: Mapping[str, np.ndarray]) -> np.ndarray:
    """Whether each row's image has a usable pose, bool [N]."""
    return has_torso(torch.from_numpy(of_images(keypoints, rows["path"]))).numpy()


def _renderer(
    checkpoint: Path, rows: pd.DataFrame, keypoints: Mapping[str, np.ndarray], device: Any
) -> Render:
    generator = cast(Generator, load_generator(checkpoint, device))
    size, kind = generator.params.image_size, generator.parsing
    sources = sorted(set(rows["source"]))
    row_of = {path: row for row, path in enumerate(sources)}
    pixels = decode([paths.PREPARED / path for path in sources], size)

    def points_of(images: list[str]) -> torch.Tensor:
        return rescale(torch.from_numpy(of_images(keypoints, images)), prepared.size(), size)

    labels = None if kind is None else parsing.of_kind(kind, sources, points_of(sources), size)

    def render(part: pd.DataFrame) -> np.ndarray:
        chosen = [row_of[path] for path in part["source"]]
        # Only the pose of a target is used, so that a removed image is never opened: its pixels and
        # parsing map are blank.
        images = ImageSet(
            _with_blanks(pixels[chosen]),
            points_of([*part["source"], *part["target"]]),
            None if labels is None else _with_blanks(labels[chosen]),
        )
        number = torch.arange(len(part))
        pairs = torch.stack([number, number + len(part)], 1)
        return to_uint8(
            generator.generate(make_batch(images, pairs, generator.params.sigma_px, device))
        )

    return render


def _with_blanks(sources: torch.Tensor) -> torch.Tensor:
    """Sources [N, ...], followed by as many zeros in place of the targets."""
    return torch.cat([sources, torch.zeros_like(sources)])
