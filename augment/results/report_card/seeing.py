"""Sheets to look at, beside a generator's card: what it rendered, and how it came to that.

| file | what it shows |
|---|---|
| best_<metric>.png | the best, the median and the worst outputs by each metric that a pair has, every person once |
| closest.png | the outputs that lie nearest to a training image, beside that image: has it been learnt by heart? |
| attention.png | PATN: where each block changes the image code (patn_apatn, Figure 10) |
| alignment.png | APATN: where in the source each block looks to draw a part of the target (Figure 11) |
| parsing.png | SPT, SPGNet, Warping-GAN: the parsing map that is drawn before the image, beside the true one |

The pairs of the last three are the first of the card, which are drawn at random, so that nobody has
picked them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from augment import paths, prepared
from augment.files import whole
from augment.images import contact_sheet
from augment.results.report_card.pairs import HeldOut
from augment.results.report_card.render import Renderer, generators_batch, generators_images
from generators.body import pose, skeleton
from generators.body.parsing import colour, confusion, mean_iou
from generators.training.sheets import to_uint8

# Per-pair metric -> whether more is better.
METRICS = {
    "ssim": True, "mask_ssim": True, "ssim_legacy": True, "mask_ssim_legacy": True, "l1": False,
    "lpips": False, "mask_lpips": False, "pckh": True, "pckh_euclidean": True,
    "identity_cosine": True,
}  # fmt: skip
COLUMNS = 12
ATTENDED, ALIGNED = 8, 4  # pairs on attention.png and alignment.png
# Places of the target whose alignment is shown, as generators.pose names them; the whole person is
# shown below them.
JOINTS = ("neck", "right_wrist", "left_ankle")


def sheets(
    folder: Path, renderer: Renderer, held: HeldOut, scores: pd.DataFrame, outputs: Tensor
) -> None:
    """Write the sheets of a card into `folder` as PNGs; any that were there go.

    Args:
        scores: a row for each of held.pairs, as pairs.csv has them; metrics that it lacks have no
            sheet.
        outputs: uint8 [P, 3, H, W], of the same pairs.
    """
    for old in folder.glob("*.png"):
        old.unlink()
    for name, sheet in _drawn(renderer, _Shown(held, outputs), scores.reset_index(drop=True)):
        with whole(folder / f"{name}.png") as temporary:
            sheet.save(temporary)


class _Shown:
    """The pictures of pairs, each as a row of contact_sheet.grid; `which` are rows of
    held.pairs.
    """

    def __init__(self, held: HeldOut, outputs: Tensor):
        self._held, self._outputs = held, outputs

    def sources(self, which: list[int]) -> list[Image.Image]:
        return self._of_side(which, 0)

    def targets(self, which: list[int]) -> list[Image.Image]:
        return self._of_side(which, 1)

    def poses(self, which: list[int]) -> list[Image.Image]:
        points = self._held.keypoints[self._held.pairs[which, 1]].numpy()
        return [contact_sheet.skeleton(one, prepared.size()) for one in points]

    def outputs(self, which: list[int]) -> list[Image.Image]:
        return [Image.fromarray(one) for one in self._outputs[which].permute(0, 2, 3, 1).numpy()]

    def part(self, which: list[int]) -> HeldOut:
        """These pairs alone, with no image but theirs."""
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
    scores = scores.assign(
        **{name: scores[f"{name}_right"] / scores["pckh_counted"] for name in _pckh(scores)}
    )
    for metric, more_is_better in METRICS.items():
        if metric in scores and scores[metric].notna().any():
            yield f"best_{metric}", _ranked(shown, scores, metric, more_is_better)
    if "nearest" in scores and scores["nearest_distance"].notna().any():
        yield "closest", _closest(shown, scores)
    generator, first = renderer.generator, list(scores.drop_duplicates("pid").index)
    if generator is not None and generator.has_masks:
        yield "attention", _attention(generator, shown, first[:ATTENDED])
    if generator is not None and generator.has_alignments:
        yield "alignment", _alignment(generator, shown, first[:ALIGNED])
    if renderer.draws_parsing:
        yield "parsing", _parsing(generator, shown, first[:COLUMNS])


def _pckh(scores: pd.DataFrame) -> list[str]:
    return [name for name in ("pckh", "pckh_euclidean") if f"{name}_right" in scores]


def chosen(
    scores: pd.DataFrame, metric: str, more_is_better: bool, number: int = COLUMNS
) -> dict[str, list[int]]:
    """Rows of the best, the median and the worst scores, every person once in each; those without a
    score are left out.
    """
    # Equal scores stay in the order of the pairs, whichever end is asked for.
    scored = scores.dropna(subset=metric)
    best = scored.sort_values(metric, ascending=not more_is_better, kind="stable")
    worst = scored.sort_values(metric, ascending=more_is_better, kind="stable")
    from_middle = np.argsort(np.abs(np.arange(len(best)) - (len(best) - 1) / 2), kind="stable")
    bands = {"best": best, "median": best.iloc[from_middle], "worst": worst}
    return {name: list(band.drop_duplicates("pid").index[:number]) for name, band in bands.items()}


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
    nearest, distances = ([*scores.loc[which, name]] for name in ("nearest", "nearest_distance"))
    rows = [
        shown.outputs(which),
        [_open(path) for path in nearest],
        shown.targets(which),
        shown.sources(which),
    ]
    captions = [
        "outputs, each above the training image that is nearest to it, its target and its source",
        "",
        "",
        "",
    ]
    return contact_sheet.grid(rows, captions, [[], [f"{value:.3f}" for value in distances], [], []])


def _attention(generator: Any, shown: _Shown, which: list[int]) -> Image.Image:
    held = shown.part(which)
    masks = (
        generator.attention(_batch(generator, held)).cpu().transpose(0, 1).numpy()
    )  # a pair, a block
    pictures = zip(
        shown.sources(which),
        shown.poses(which),
        shown.targets(which),
        shown.outputs(which),
        strict=True,
    )
    rows = [
        [*pair, *(heat(mask, pair[-1]) for mask in of_pair)]
        for pair, of_pair in zip(pictures, masks, strict=True)
    ]
    notes = [
        ["", "", "", "", *(f"{mask.min():.2f} to {mask.max():.2f}" for mask in of_pair)]
        for of_pair in masks
    ]
    head = f"source, target pose, target, output; over it the masks of blocks 1 to {masks.shape[1]}, from dark to bright"
    return contact_sheet.grid(rows, [head, *[""] * (len(rows) - 1)], notes)


def _alignment(generator: Any, shown: _Shown, which: list[int]) -> Image.Image:
    held = shown.part(which)
    batch = _batch(generator, held)
    person = pose.pose_masks(batch.target_keypoints, generator.params.image_size)
    places = torch.cat(
        [batch.target_pose[:, [skeleton.JOINTS.index(name) for name in JOINTS]], person], 1
    )
    alignments = (
        generator.alignment(batch, places).cpu().movedim(0, 2).numpy()
    )  # a pair, a place, a block
    rows, notes, blank = [], [], Image.new("RGB", (1, 1), "white")
    for number, pair in enumerate(
        zip(shown.sources(which), shown.targets(which), shown.outputs(which), strict=True)
    ):
        lead = pair
        for name, where, of_blocks in zip(
            (*JOINTS, "person"), places[number].numpy(), alignments[number], strict=True
        ):
            if where.any():  # a joint that is not in sight has no place
                rows.append(
                    [*lead, heat(where, pair[1]), *(heat(one, pair[0]) for one in of_blocks)]
                )
                notes.append(
                    [
                        "",
                        "",
                        "",
                        name.replace("_", " "),
                        *(f"up to {one.max():.2f}" for one in of_blocks),
                    ]
                )
                lead = (blank,) * 3
    head = f"source, target, output; a place of the target; where in the source blocks 1 to {alignments.shape[2]} look for it"
    return contact_sheet.grid(rows, [head, *[""] * (len(rows) - 1)], notes)


def _parsing(generator: Any, shown: _Shown, which: list[int]) -> Image.Image:
    held = shown.part(which)
    images = generators_images(generator, held)
    true = images.parsing[held.pairs[:, 1]].long()
    found = generator.predict_parsing(generators_batch(generator, images, held.pairs, "cpu")).cpu()
    maps = [[Image.fromarray(one) for one in to_uint8(colour(labels))] for labels in (true, found)]
    kind = "true map" if generator.params.parsing == "files" else "map from the target's keypoints"
    notes = [f"mIoU {value:.2f}" for value in mean_iou(confusion(found, true)).tolist()]
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
    """Weights [h, w] over a grey picture, from the least of them (as it is) to the greatest
    (yellow), at contact_sheet.CELL.
    """
    from matplotlib import colormaps

    size = contact_sheet.CELL[::-1]
    share = (weights - weights.min()) / max(np.ptp(weights), 1e-12)
    smooth = np.asarray(
        Image.fromarray(share.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    )
    colours = 255 * colormaps["inferno"](smooth)[..., :3]
    grey = np.asarray(behind.convert("L").resize(size, Image.Resampling.BICUBIC), np.float64)
    cover = (0.25 + 0.65 * smooth)[..., None]
    return Image.fromarray(
        ((1 - cover) * grey[..., None] + cover * colours).round().astype(np.uint8)
    )


def _batch(generator: Any, held: HeldOut) -> Any:
    return generators_batch(generator, generators_images(generator, held), held.pairs, "cpu")


def _open(path: str) -> Image.Image:
    with Image.open(paths.PREPARED / path) as image:
        return image.convert("RGB")
