"""Sheets of images that accompany a generator's card.

| file | content |
|---|---|
| best_<metric>.png | the best, median and worst outputs by each per-pair metric, every person once |
| closest.png | the outputs nearest to a training image, next to that image: are training images memorised? |
| attention.png | PATN: where each block changes the image code (patn_apatn, Figure 10) |
| alignment.png | APATN: where each block attends in the source to draw a part of the target (Figure 11) |
| parsing.png | SPT, SPGNet, Warping-GAN: the parsing map that is predicted before the image, next to the true one |

The last three show the first pairs of the card, whose order is random, so no pair is selected.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from augment import paths, prepared
from augment.files import whole
from augment.images import contact_sheet
from augment.results.report_card.metrics import METRICS
from augment.results.report_card.pairs import HeldOut
from augment.results.report_card.render import Renderer, generator_batch, generator_images
from generators.body import pose, skeleton
from generators.body.parsing import colour, confusion, mean_iou
from generators.training.batch import Batch
from generators.training.generator import Generator
from generators.training.sheets import to_uint8

COLUMNS = 12
ATTENDED, ALIGNED = 8, 4  # pairs on attention.png and alignment.png
# Joints of the target whose alignment is shown (names of body.skeleton), above the whole person.
JOINTS = ("neck", "right_wrist", "left_ankle")


def write(
    folder: Path, renderer: Renderer, held: HeldOut, scores: pd.DataFrame, outputs: Tensor
) -> None:
    """Write the sheets of a card into `folder` as PNGs, replacing any that exist.

    Args:
        scores: a row for each of held.pairs, as in pairs.csv; a metric that it lacks has no sheet.
        outputs: uint8 [P, 3, H, W], outputs for the same pairs.
    """
    for old in folder.glob("*.png"):
        old.unlink()
    for name, sheet in _drawn(renderer, _Shown(held, outputs), scores.reset_index(drop=True)):
        with whole(folder / f"{name}.png") as temporary:
            sheet.save(temporary)


class _Shown:
    """The images of pairs, as rows of contact_sheet.grid; `which` are rows of held.pairs."""

    def __init__(self, held: HeldOut, outputs: Tensor):
        self._held, self._outputs = held, outputs

    def sources(self, which: list[int]) -> list[Image.Image]:
        return self._of_side(which, 0)

    def targets(self, which: list[int]) -> list[Image.Image]:
        return self._of_side(which, 1)

    def poses(self, which: list[int]) -> list[Image.Image]:
        keypoints = self._held.keypoints[self._held.pairs[which, 1]].numpy()
        return [contact_sheet.skeleton(joints, prepared.size()) for joints in keypoints]

    def outputs(self, which: list[int]) -> list[Image.Image]:
        pixels = self._outputs[which].permute(0, 2, 3, 1).numpy()
        return [Image.fromarray(image) for image in pixels]

    def part(self, which: list[int]) -> HeldOut:
        """These pairs alone, and only their images."""
        used, pairs = self._held.pairs[which].unique(return_inverse=True)
        return HeldOut(
            self._held.rows.iloc[used.numpy()].reset_index(drop=True),
            self._held.keypoints[used],
            pairs,
        )

    def _of_side(self, which: list[int], side: int) -> list[Image.Image]:
        return [
            _open(self._held.rows["path"].iloc[row])
            for row in self._held.pairs[which, side].tolist()
        ]


def _drawn(
    renderer: Renderer, shown: _Shown, scores: pd.DataFrame
) -> Iterator[tuple[str, Image.Image]]:
    for key, metric in METRICS.items():
        values = metric.of_pairs(scores) if metric.has_sheet else None
        if values is not None and values.notna().any():
            ranked = scores.assign(**{key: values})
            yield f"best_{key}", _ranked(shown, ranked, key, metric.better == "higher")
    if "nearest" in scores and scores["nearest_distance"].notna().any():
        yield "closest", _closest(shown, scores)
    generator, first = renderer.generator, scores.drop_duplicates("pid").index.tolist()
    if generator is None:
        return
    if generator.has_masks:
        yield "attention", _attention(generator, shown, first[:ATTENDED])
    if generator.has_alignments:
        yield "alignment", _alignment(generator, shown, first[:ALIGNED])
    if generator.predicts_parsing:
        yield "parsing", _parsing(generator, shown, first[:COLUMNS])


def chosen(
    scores: pd.DataFrame, metric: str, more_is_better: bool, number: int = COLUMNS
) -> dict[str, list[int]]:
    """Rows of the best, median and worst scores, every person once in each.

    Rows without a score are left out.
    """
    # Equal scores stay in the order of the pairs at both ends.
    scored = scores.dropna(subset=metric)
    best = scored.sort_values(metric, ascending=not more_is_better, kind="stable")
    worst = scored.sort_values(metric, ascending=more_is_better, kind="stable")
    from_middle = np.argsort(np.abs(np.arange(len(best)) - (len(best) - 1) / 2), kind="stable")
    bands = {"best": best, "median": best.iloc[from_middle], "worst": worst}
    return {
        name: band.drop_duplicates("pid").index.tolist()[:number] for name, band in bands.items()
    }


def _ranked(shown: _Shown, scores: pd.DataFrame, metric: str, more_is_better: bool) -> Image.Image:
    rows, captions, notes = [], [], []
    for band, which in chosen(scores, metric, more_is_better).items():
        rows += [
            shown.sources(which),
            shown.poses(which),
            shown.targets(which),
            shown.outputs(which),
        ]
        captions += [f"{band} {metric}: source, target pose, target, output", "", "", ""]
        notes += [[], [], [], [f"{value:.3f}" for value in scores.loc[which, metric]]]
    return contact_sheet.grid(rows, captions, notes)


def _closest(shown: _Shown, scores: pd.DataFrame) -> Image.Image:
    which = chosen(scores, "nearest_distance", more_is_better=False)["best"]
    rows = [
        shown.outputs(which),
        [_open(path) for path in scores.loc[which, "nearest"]],
        shown.targets(which),
        shown.sources(which),
    ]
    head = "outputs, each above the training image nearest to it, its target and its source"
    distances = [f"{value:.3f}" for value in scores.loc[which, "nearest_distance"]]
    return contact_sheet.grid(rows, [head, "", "", ""], [[], distances, [], []])


def _attention(generator: Generator, shown: _Shown, which: list[int]) -> Image.Image:
    batch = _batch(generator, shown.part(which))
    by_pair = generator.attention(batch).cpu().transpose(0, 1).numpy()  # [pairs, blocks, h, w]
    pictures = zip(
        shown.sources(which),
        shown.poses(which),
        shown.targets(which),
        shown.outputs(which),
        strict=True,
    )
    rows = [
        [*pair, *(heat(mask, pair[-1]) for mask in masks)]
        for pair, masks in zip(pictures, by_pair, strict=True)
    ]
    notes = [
        ["", "", "", "", *(f"{mask.min():.2f} to {mask.max():.2f}" for mask in masks)]
        for masks in by_pair
    ]
    head = (
        "source, target pose, target, output; over the output, the masks of blocks 1 to "
        f"{by_pair.shape[1]}, from dark to bright"
    )
    return contact_sheet.grid(rows, [head, *[""] * (len(rows) - 1)], notes)


def _alignment(generator: Generator, shown: _Shown, which: list[int]) -> Image.Image:
    batch = _batch(generator, shown.part(which))
    person = pose.pose_masks(batch.target_keypoints, generator.params.image_size)
    joints = [skeleton.JOINTS.index(name) for name in JOINTS]
    places = torch.cat([batch.target_pose[:, joints], person], 1)
    # [pairs, places, blocks, h, w]
    by_pair = generator.alignment(batch, places).cpu().movedim(0, 2).numpy()
    rows, notes, blank = [], [], Image.new("RGB", (1, 1), "white")
    for number, pair in enumerate(
        zip(shown.sources(which), shown.targets(which), shown.outputs(which), strict=True)
    ):
        lead = pair
        for name, place, blocks in zip(
            (*JOINTS, "person"), places[number].numpy(), by_pair[number], strict=True
        ):
            if place.any():  # an occluded joint has no place
                heats = [heat(weights, pair[0]) for weights in blocks]
                rows.append([*lead, heat(place, pair[1]), *heats])
                peaks = (f"up to {weights.max():.2f}" for weights in blocks)
                notes.append(["", "", "", name.replace("_", " "), *peaks])
                lead = (blank,) * 3
    head = (
        "source, target, output; a place of the target; where in the source blocks 1 to "
        f"{by_pair.shape[2]} look for it"
    )
    return contact_sheet.grid(rows, [head, *[""] * (len(rows) - 1)], notes)


def _parsing(generator: Generator, shown: _Shown, which: list[int]) -> Image.Image:
    held = shown.part(which)
    images = generator_images(generator, held)
    assert images.parsing is not None  # a generator that predicts parsing maps is trained on some
    true = images.parsing[held.pairs[:, 1]].long()
    batch = generator_batch(generator, images, held.pairs, "cpu")
    predicted = generator.predict_parsing(batch).cpu()
    maps = [
        [Image.fromarray(image) for image in to_uint8(colour(labels))]
        for labels in (true, predicted)
    ]
    kind = "true map" if generator.parsing == "files" else "map from the target's keypoints"
    notes = [f"mIoU {value:.2f}" for value in mean_iou(confusion(predicted, true)).tolist()]
    rows = [
        shown.sources(which),
        shown.poses(which),
        shown.targets(which),
        *maps,
        shown.outputs(which),
    ]
    captions = [f"source, target pose, target, {kind}, predicted map, output", *[""] * 5]
    return contact_sheet.grid(rows, captions, [[], [], [], [], notes, []])


def heat(weights: np.ndarray, behind: Image.Image) -> Image.Image:
    """Draw weights [h, w] over a grey picture at contact_sheet.CELL; the largest is yellow."""
    from matplotlib import colormaps

    height, width = contact_sheet.CELL
    share = (weights - weights.min()) / max(np.ptp(weights), 1e-12)
    smooth = np.asarray(
        Image.fromarray(share.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    )
    colours = 255 * colormaps["inferno"](smooth)[..., :3]
    grey = behind.convert("L").resize((width, height), Image.Resampling.BICUBIC)
    cover = (0.25 + 0.65 * smooth)[..., None]
    return Image.fromarray(
        ((1 - cover) * np.asarray(grey, np.float64)[..., None] + cover * colours)
        .round()
        .astype(np.uint8)
    )


def _batch(generator: Generator, held: HeldOut) -> Batch:
    return generator_batch(generator, generator_images(generator, held), held.pairs, "cpu")


def _open(path: str) -> Image.Image:
    with Image.open(paths.PREPARED / path) as image:
        return image.convert("RGB")
