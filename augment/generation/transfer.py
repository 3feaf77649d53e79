"""Images by a trained generator: the person of a source in the pose of a target."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from augment import paths, prepared
from augment.augmentations import Augmentation
from augment.generation.replacements import Render, Replacements, Sources, frame, row
from augment.prepared import keypoints, parsing
from generators.body.pose import rescale
from generators.body.skeleton import TORSO
from generators.training.checkpoint import load_generator, read_trained_on
from generators.training.pairs import ImageSet, decode, make_batch
from generators.training.sheets import to_uint8


def replacements(
    augmentation: Augmentation,
    portion: float,
    kept: pd.DataFrame,
    wanted: pd.DataFrame,
    found: Mapping[str, np.ndarray],
    seed: int,
) -> Replacements:
    """One image for every row of `wanted`.

    Raises:
        FileNotFoundError: the generator is not trained.
        ValueError: a leak_free generator has seen an image that is not in the reduced set; no pose
            is usable.
    """
    generator, trained_portion = str(augmentation.generator), augmentation.trained_on(portion)
    checkpoint = paths.generator_model(generator, trained_portion) / "generator.pt"
    flags = "" if trained_portion is None else f" --portion {trained_portion}"
    train = f"augment train-generator --generator {generator}{flags}"
    if not checkpoint.is_file():
        raise FileNotFoundError(f"{checkpoint}: not found; run `{train}` first")
    trained_on = read_trained_on(checkpoint)
    # A generator that was trained with a pose network has seen its images too.
    seen = {*trained_on["images"], *(trained_on.get("pose_network") or {"images": []})["images"]}
    if trained_portion is not None and (leaked := sorted(seen - set(kept["path"]))):
        raise ValueError(
            f"{checkpoint}: was trained on {len(leaked):,} images that are not in {paths.reduced(portion)}, as {leaked[0]}; "
            f"run `{train}` again"
        )
    rows, counts = plan(kept, wanted, found, augmentation, seed)
    made_by = {"generator": hashlib.sha256(checkpoint.read_bytes()).hexdigest()}
    return Replacements(
        rows,
        counts,
        generator,
        made_by,
        trained_on,
        lambda rows, device: _renderer(checkpoint, rows, found, device),
    )


def plan(
    kept: pd.DataFrame,
    wanted: pd.DataFrame,
    found: Mapping[str, np.ndarray],
    augmentation: Augmentation,
    seed: int,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Index rows of the images to render, one for every wanted one, and counts of what had to be
    done without.

    A pose is usable if both hips and both shoulders are there. A source without is taken only where
    its identity has no other in the reduced set. The target is the removed image itself (`paper`),
    or a random one of the reduced set (`star`, `leak_free`, and all protocols in extended sets),
    which also stands in for a removed image without usable pose.

    Args:
        kept, wanted: index rows of the reduced set, and of the removed or extended images.
        found: image name -> keypoints [18, 2].

    Raises:
        ValueError: no image of the reduced set has a usable pose.
    """
    rng = np.random.default_rng(seed)
    usable = np.array([_has_torso(found.get(Path(path).name)) for path in kept["path"]], bool)
    poses = list(kept["path"][usable])
    if not poses and len(wanted):
        raise ValueError(
            "no image of the reduced set shows both hips and both shoulders: there is no pose to transfer to"
        )
    sources, lost, rows = Sources(kept, usable), 0, []
    paths_kept, camids = list(kept["path"]), kept["camid"].to_numpy()
    for number, (pid, path) in enumerate(zip(wanted["pid"], wanted["path"], strict=True)):
        source = sources.draw(rng, pid, path)
        target = str(rng.choice(poses))
        if augmentation.protocol == "paper" and path not in sources.places:
            shown = _has_torso(found.get(Path(path).name))
            lost += not shown
            target = path if shown else target
        rows.append(
            row(number, pid, camids[source], paths_kept[source], target, "", augmentation.generator)
        )
    return frame(rows), {
        "sources_without_torso": sources.without_torso,
        "targets_without_torso": lost,
    }


def _has_torso(points: np.ndarray | None) -> bool:
    return points is not None and bool((points[list(TORSO)] >= 0).all())


def _renderer(
    checkpoint: Path, rows: pd.DataFrame, found: Mapping[str, np.ndarray], device: Any
) -> Render:
    generator = load_generator(checkpoint, device)
    size = generator.params.image_size
    sources = sorted(set(rows["source"]))
    pixels, kind = (
        decode([paths.PREPARED / path for path in sources], size),
        generator.parsing,
    )
    labels, place = None, {path: number for number, path in enumerate(sources)}
    if kind is not None:
        points = torch.from_numpy(keypoints.of_names(found, (Path(path).name for path in sources)))
        labels = parsing.of_kind(kind, sources, rescale(points, prepared.size(), size), size)

    def render(part: pd.DataFrame) -> np.ndarray:
        points = keypoints.of_names(
            found, (Path(path).name for path in [*part["source"], *part["target"]])
        )
        chosen = [place[path] for path in part["source"]]
        # Only the pose of a target is used, so that a removed image is never opened: pixels and
        # parsing map are blank here.
        images = ImageSet(
            _with_blanks(pixels[chosen]),
            rescale(torch.from_numpy(points), prepared.size(), size),
            None if labels is None else _with_blanks(labels[chosen]),
        )
        number = torch.arange(len(part))
        batch = make_batch(
            images, torch.stack([number, number + len(part)], 1), generator.params.sigma_px, device
        )
        return to_uint8(generator.generate(batch))

    return render


def _with_blanks(sources: torch.Tensor) -> torch.Tensor:
    """Sources [N, ...], then as many zeros in the place of the targets."""
    return torch.cat([sources, torch.zeros_like(sources)])
