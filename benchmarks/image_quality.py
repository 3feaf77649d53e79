"""How near trained generators come to real images of people they have never seen.

    python benchmarks/image_quality.py patn apatn

In the project's folder, after `augment prepare`, `augment train-pose-network` and `augment train-generator` of each. Pairs of
test identities; beside the generators stand the copied source and the mean training image, which any of them must beat, and
the real targets, which bound what the pose network can find. Writes reports/generators.csv and reports/generators.png.
"""

from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageDraw, ImageFont

from augment import index, keypoints, market1501, parsing, paths
from augment.files import whole
from generators.checkpoint import load_generator
from generators.joints import pckh
from generators.pairs import ImageSet, decode, make_batch, training_pairs
from generators.parsing import mean_iou
from generators.pose import draw_skeleton, rescale
from generators.sheets import INK, PAPER, to_uint8
from generators.similarity import ssim

BATCH = 64


@click.command(help=__doc__.split("\n\n")[0])
@click.argument("names", nargs=-1, required=True)
@click.option("--pairs", "number", default=1000, show_default=True, help="Pairs that are drawn.")
@click.option("--shown", default=10, show_default=True, help="Pairs on the sheet.")
@click.option("--seed", default=0, show_default=True)
def main(names: tuple[str, ...], number: int, shown: int, seed: int) -> None:
    generators = {name: load_generator(paths.generator_model(name) / "generator.pt", "cpu") for name in names}
    judge = load_generator(paths.generator_model("pose_network") / "generator.pt", "cpu")
    rows = index.read(paths.PREPARED / "index.csv")
    found = keypoints.read(paths.PREPARED / "keypoints.csv", market1501.SIZE)
    tested = rows[rows["split"] != "train"].reset_index(drop=True)
    points = torch.from_numpy(keypoints.of_names(found, (Path(path).name for path in tested["path"])))
    pairs = training_pairs(tested["pid"].to_numpy(), points)
    pairs = pairs[torch.from_numpy(np.random.default_rng(seed).permutation(len(pairs))[:number])]
    table, columns = [], {}
    for size in sorted({tuple(one.params.image_size) for one in generators.values()}):
        images = _images(list(tested["path"]), points, size)
        mean = decode([paths.PREPARED / path for path in rows["path"][rows["split"] == "train"]], size).float().mean(0)
        batches = [make_batch(images, part, 1.5, "cpu") for part in pairs.split(BATCH)]
        label = f" {size[0]}x{size[1]}"
        plain = {
            "real" + label: [batch.target_image for batch in batches],
            "source" + label: [batch.source_image for batch in batches],
            "mean image" + label: [(mean / 127.5 - 1).expand_as(batch.target_image) for batch in batches],
        }
        made = {}
        for name, one in generators.items():
            if tuple(one.params.image_size) == size:
                made[name] = [one.generate(_without_target(batch)) for batch in _of(one, images, pairs)]
        for name, outputs in (plain | made).items():
            scores = _scores(outputs, batches, judge)
            if name in generators and {"parser", "semantic"} & generators[name].networks.keys():  # one draws parsing maps
                own = _of(generators[name], images, pairs)
                predicted = torch.cat([generators[name].predict_parsing(_without_target(batch)) for batch in own])
                scores["mIoU"] = mean_iou(predicted, torch.cat([batch.target_parsing for batch in own]))
            table.append({"generator": name, **scores})
        columns |= {name: torch.cat(outputs[: -(-shown // BATCH)])[:shown] for name, outputs in made.items()}
        first = batches[0]
    frame = pd.DataFrame(table)
    click.echo(frame.to_string(index=False, float_format="%.3f"))
    paths.REPORTS.mkdir(exist_ok=True)
    with whole(paths.REPORTS / "generators.csv") as temporary:
        frame.to_csv(temporary, index=False)
    with whole(paths.REPORTS / "generators.png") as temporary:
        _sheet(first, columns, shown).save(temporary, format="PNG")


def _images(names: list[str], points: torch.Tensor, size: tuple[int, int]) -> ImageSet:
    pixels = decode([paths.PREPARED / path for path in names], size)
    return ImageSet(pixels, rescale(points, market1501.SIZE, size), parsing.read(names, size))


def _of(generator, images: ImageSet, pairs: torch.Tensor) -> list:
    """The pairs as this generator sees them."""
    if getattr(generator.params, "parsing", None) == "from_keypoints":
        labels = parsing.of_kind("from_keypoints", [], images.keypoints, generator.params.image_size)
        images = ImageSet(images.pixels, images.keypoints, labels)
    return [make_batch(images, part, generator.params.sigma_px, "cpu") for part in pairs.split(BATCH)]


def _without_target(batch):
    """The batch as `augment generate` has it: of the target, the pose alone."""
    blank = None if batch.target_parsing is None else torch.zeros_like(batch.target_parsing)
    return replace(batch, target_image=torch.zeros_like(batch.target_image), target_parsing=blank)


def _scores(outputs: list[torch.Tensor], batches: list, judge) -> dict[str, float]:
    both = list(zip(outputs, batches, strict=True))
    found = torch.cat([judge.locate(output) for output in outputs])
    right, counted = pckh(found, torch.cat([batch.target_keypoints for batch in batches]))
    return {
        "SSIM": float(torch.cat([ssim(_levels(output), _levels(batch.target_image)) for output, batch in both]).mean()),
        "L1": float(torch.cat([(output - batch.target_image).abs().mean((1, 2, 3)) for output, batch in both]).mean()),
        "PCKh": float(right.sum() / counted.sum()),
    }


def _levels(images: torch.Tensor) -> torch.Tensor:
    return images.clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)


def _sheet(batch, columns: dict[str, torch.Tensor], shown: int, height: int = 128) -> Image.Image:
    """Source, pose, target and every generator's output, a pair a column."""
    size = tuple(batch.source_image.shape[2:])
    panel = (height, height // 2)
    keypoints_shown = rescale(batch.target_keypoints[:shown], size, panel)
    lines = {
        "source": to_uint8(batch.source_image[:shown]),
        "pose": [draw_skeleton(one, panel) for one in keypoints_shown],
        "target": to_uint8(batch.target_image[:shown]),
        **{name: to_uint8(outputs) for name, outputs in columns.items()},
    }
    margin = 96
    sheet = Image.new("RGB", (margin + shown * (panel[1] + 4), len(lines) * (height + 4)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for row, (name, pictures) in enumerate(lines.items()):
        top = row * (height + 4)
        draw.text((6, top + height / 2), name, INK, ImageFont.load_default(12), anchor="lm")
        for column, picture in enumerate(pictures):
            image = Image.fromarray(picture).resize(panel[::-1], Image.Resampling.BICUBIC)
            sheet.paste(image, (margin + column * (panel[1] + 4), top))
    return sheet


if __name__ == "__main__":
    main()
