"""generate: data/reduced/<portion> -> data/generated/<augmentation>/<portion>.

    bounding_box_train/   an image for every removed or real one, with Market-1501 names (box 00)
    plan.json             what these images depend on; a different plan starts the folder afresh
    contact_sheet.png     source, target pose, scene, generated image
    manifest.json         what the generator was trained on, which images are real, counts, seeds
    index.csv             written last: if it exists, the folder is complete

Protocols (patn_apatn.txt, section 5): each removed image is replaced by one whose source is a
random image of the same identity in the reduced set. Its target pose is that of the removed image
(`paper`) or of a random image of the reduced set (`star`, `leak_free`). The generator was trained
on all real images, or on the reduced set alone (`leak_free`). The pixels of removed images are
never read; only `paper` reads their poses.

Extended sets (data/generated/<augmentation>/1.0x2, 1.0x3): nothing is removed. Every real image gets
one or two generated ones, whose source is another image of the same identity and whose target pose
is a random one. All protocols are the same for extended sets.
"""

import hashlib
import json
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from augment import files, params, paths, prepared
from augment.arms import set_name
from augment.augmentations import PUPPET, Augmentation, check_set
from augment.files import whole
from augment.generation.replacements import FOLDER, Replacements, requests
from augment.images import contact_sheet
from augment.prepared import index
from augment.prepared.keypoints import of_images
from generators import code
from generators.training.loop import joined_processes

# Code that the images depend on in addition to their generator's package, as in dvc.yaml.
CODE = (
    "augment/generation",
    "augment/images",
    "augment/prepared",
    "augment/stages/generate.py",
    "generators/body",
    "generators/training",
)
NETWORKS = "generators/networks"  # images by trained generators depend on this, too


@dataclass(frozen=True)
class GenerateParams:
    """Section `generate`.

    seed: random seed for sources, targets and scenes
    batch_size: images rendered at a time
    jpeg_quality: 1 to 95
    """

    seed: int
    batch_size: int
    jpeg_quality: int


def run(augmentation: Augmentation, portion: float, ratio: int, dry_run: bool) -> None:
    if not augmentation.on_disk:
        raise ValueError(
            f"{augmentation.name}: no images to generate; `augment train-reid` needs none"
        )
    check_set(augmentation, portion, ratio)
    settings = params.load(GenerateParams, "generate")
    kept = index.read(paths.reduced(portion) / "index.csv")
    removed = index.read(paths.reduced(portion) / "removed.csv")
    requested = requests(kept, removed, ratio)
    keypoints = prepared.joints()
    # Imported on demand: images by a trained generator do not depend on the puppets' code.
    if augmentation.by_puppets:
        from augment.generation import puppets
    else:
        from augment.generation import transfer

    if augmentation.generator == PUPPET:
        planned = puppets.replacements(augmentation, kept, requested, keypoints, settings.seed)
    elif augmentation.recomposed:
        planned = puppets.recomposed(augmentation, portion, ratio, kept, keypoints, settings.seed)
    else:
        planned = transfer.replacements(
            augmentation, portion, kept, requested, keypoints, settings.seed
        )
    out = paths.generated(augmentation, portion, ratio)
    click.echo(
        f"generate: {augmentation.name}, portion {set_name(portion, ratio)}: {len(planned.rows):,} images -> {out}"
    )
    click.echo(
        "; ".join(f"{name.replace('_', ' ')}: {count:,}" for name, count in planned.counts.items())
    )
    if dry_run:
        return
    state = joined_processes()
    with state.main_process_first():
        _start(out, planned, settings)
    _render_missing(planned, out, settings, state)
    state.wait_for_everyone()
    if not state.is_main_process:
        return
    with whole(out / "contact_sheet.png") as temporary:
        _sheet(planned.rows, keypoints, out).save(temporary)
    files.write_json(
        out / "manifest.json",
        {
            "augmentation": augmentation.name,
            "generator": augmentation.generator,
            "protocol": augmentation.protocol,
            "portion": portion,
            "ratio": ratio,
            "seed": settings.seed,
            "trained_on": planned.trained_on,
            "real": list(kept["path"]),
            "counts": {"real": len(kept), "generated": len(planned.rows), **planned.counts},
        },
    )
    index.write(planned.rows, out / "index.csv")


def _start(out: Path, planned: Replacements, settings: GenerateParams) -> None:
    """Keep the images that an earlier run of the same plan has rendered; remove all others."""
    packages = [f"generators/{planned.drawn_by}"] + [NETWORKS] * (planned.drawn_by != PUPPET)
    made_of = {
        "rows": hashlib.sha256(planned.rows.to_csv(index=False).encode()).hexdigest(),
        "code": code.digest((*CODE, *packages)),
        **json.loads(json.dumps(planned.made_by)),
        "jpeg_quality": settings.jpeg_quality,
    }
    if out.is_dir() and not (
        (out / "plan.json").is_file() and files.read_json(out / "plan.json") == made_of
    ):
        click.echo(f"{out}: holds images of another plan or generator; starting afresh")
        shutil.rmtree(out)
    (out / FOLDER).mkdir(parents=True, exist_ok=True)
    for half_written in (out / FOLDER).glob(".*.partial*"):
        half_written.unlink()
    (out / "index.csv").unlink(missing_ok=True)
    files.write_json(out / "plan.json", made_of)


def _render_missing(planned: Replacements, out: Path, settings: GenerateParams, state: Any) -> None:
    """Render this process's share of the missing images; encode and write them in threads."""
    mine = planned.rows.iloc[state.process_index :: state.num_processes]
    missing = mine[np.array([not (out / path).is_file() for path in mine["path"]], dtype=bool)]
    if len(missing) < len(mine):
        click.echo(f"{len(mine) - len(missing):,} images exist already")
    if missing.empty:
        return
    render = planned.renderer(missing, state.device)
    writing: list[Future[None]] = []
    with ThreadPoolExecutor() as pool, tqdm(total=len(missing), desc="generate", unit="img") as bar:
        for start in range(0, len(missing), settings.batch_size):
            part = missing.iloc[start : start + settings.batch_size]
            for path, image in zip(part["path"], render(part), strict=True):
                writing.append(pool.submit(_write_image, out / path, image, settings.jpeg_quality))
            bar.update(len(part))
        for done in writing:
            done.result()


def _write_image(path: Path, image: np.ndarray, quality: int) -> None:
    with whole(path) as temporary:
        Image.fromarray(image).save(temporary, quality=quality, subsampling=0)


def _sheet(
    rows: pd.DataFrame, keypoints: dict[str, np.ndarray], out: Path, columns: int = 16
) -> Image.Image:
    """A sheet of images spread over the set: source, target pose, scene and generated image."""
    chosen = rows.iloc[
        np.linspace(0, len(rows) - 1, min(3 * columns, len(rows))).round().astype(int)
    ]
    scenes = bool((rows["scene"] != "").any())
    cells, captions = [], []
    for start in range(0, len(chosen), columns):
        part = chosen.iloc[start : start + columns]
        poses = of_images(keypoints, part["target"])
        cells += [
            [Image.open(paths.PREPARED / path) for path in part["source"]],
            [contact_sheet.skeleton(pose, prepared.size()) for pose in poses],
            *([[Image.open(paths.PREPARED / path) for path in part["scene"]]] if scenes else []),
            [Image.open(out / path) for path in part["path"]],
        ]
        captions += [
            f"source, target pose, {'scene, ' if scenes else ''}generated",
            "",
            *([""] if scenes else []),
            "",
        ]
    return contact_sheet.grid(cells, captions)
