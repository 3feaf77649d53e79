"""generate: data/reduced/<portion> -> data/generated/<augmentation>/<portion>.

    bounding_box_train/   an image for every removed one, or for each of all, with Market-1501 names (box 00)
    plan.json             what these images are made of; another plan starts the folder afresh
    contact_sheet.png     source, target pose, scene, generated image
    manifest.json         what the generator saw, which images are real, counts, seeds
    index.csv             written last: where it is, the rest is whole

Protocols (patn_apatn.txt, section 5): each removed image is replaced by one whose source is a
random image of the same identity in the reduced set; its target pose is the removed image's own
(`paper`) or that of a random image of the reduced set (`star`, `leak_free`). The generator was
trained on all real images, or on the reduced set alone (`leak_free`). The pixels of removed images
are never read, and their poses by `paper` alone.

Extended sets (data/generated/<augmentation>/1.0x2, 1.0x3): nothing is removed, and every real image
gets one or two generated ones, whose source is another image of the same identity, and whose target
pose is a random one. Protocols are one there.
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
from augment.generation.replacements import FOLDER, Replacements, wanted
from augment.images import contact_sheet
from augment.prepared import index, keypoints
from generators import code
from generators.training.loop import joined_processes

# What the images follow from besides their generator's own package; dvc.yaml lists the same.
CODE = (
    "augment/generation",
    "augment/images",
    "augment/prepared",
    "augment/stages/generate.py",
    "generators/body",
    "generators/training",
)
NETWORKS = "generators/networks"  # and this for trained generators


@dataclass(frozen=True)
class GenerateParams:
    """Section `generate`.

    seed: of the choice of sources, targets and scenes
    batch_size: images rendered at a time
    jpeg_quality: 1 to 95
    """

    seed: int
    batch_size: int
    jpeg_quality: int


def run(augmentation: Augmentation, portion: float, ratio: int, dry_run: bool) -> None:
    if not augmentation.on_disk:
        raise ValueError(
            f"{augmentation.name}: there are no images to generate; `augment train-reid` needs none"
        )
    check_set(augmentation, portion, ratio)
    settings = params.load(GenerateParams, "generate")
    kept = index.read(paths.reduced(portion) / "index.csv")
    removed = index.read(paths.reduced(portion) / "removed.csv")
    listed = wanted(kept, removed, ratio)
    found = prepared.joints()
    # Imported where they are used: images by a trained generator do not depend on the puppets' code.
    if augmentation.by_puppets:
        from augment.generation import puppets
    else:
        from augment.generation import transfer

    if augmentation.generator == PUPPET:
        given = puppets.replacements(augmentation, kept, listed, found, settings.seed)
    elif augmentation.recomposed:
        given = puppets.recomposed(augmentation, portion, ratio, kept, found, settings.seed)
    else:
        given = transfer.replacements(augmentation, portion, kept, listed, found, settings.seed)
    out = paths.generated(augmentation, portion, ratio)
    click.echo(
        f"generate: {augmentation.name}, portion {set_name(portion, ratio)}: {len(given.rows):,} images -> {out}"
    )
    click.echo(
        "; ".join(f"{name.replace('_', ' ')}: {count:,}" for name, count in given.counts.items())
    )
    if dry_run:
        return
    state = joined_processes()
    with state.main_process_first():
        _start(out, given, settings)
    _render_missing(given, out, settings, state)
    state.wait_for_everyone()
    if not state.is_main_process:
        return
    with whole(out / "contact_sheet.png") as temporary:
        _sheet(given.rows, found, out).save(temporary)
    files.write_json(
        out / "manifest.json",
        {
            "augmentation": augmentation.name,
            "generator": augmentation.generator,
            "protocol": augmentation.protocol,
            "portion": portion,
            "ratio": ratio,
            "seed": settings.seed,
            "trained_on": given.trained_on,
            "real": list(kept["path"]),
            "counts": {"real": len(kept), "generated": len(given.rows), **given.counts},
        },
    )
    index.write(given.rows, out / "index.csv")


def _start(out: Path, given: Replacements, settings: GenerateParams) -> None:
    """Keep what an earlier run of the same plan has rendered; empty the folder of any other."""
    own = [f"generators/{given.drawn_by}"] + [NETWORKS] * (given.drawn_by != PUPPET)
    made_of = {
        "rows": hashlib.sha256(given.rows.to_csv(index=False).encode()).hexdigest(),
        "code": code.digest((*CODE, *own)),
        **json.loads(json.dumps(given.made_by)),
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


def _render_missing(given: Replacements, out: Path, settings: GenerateParams, state: Any) -> None:
    """Render this process's share of the images that are not there yet; encode and write them in
    threads.
    """
    mine = given.rows.iloc[state.process_index :: state.num_processes]
    missing = mine[np.array([not (out / path).is_file() for path in mine["path"]], dtype=bool)]
    if len(missing) < len(mine):
        click.echo(f"{len(mine) - len(missing):,} images are there already")
    if missing.empty:
        return
    render = given.renderer(missing, state.device)
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
    rows: pd.DataFrame, found: dict[str, np.ndarray], out: Path, columns: int = 16
) -> Image.Image:
    """Source, target pose, scene and generated image, in columns, of images spread over the set."""
    chosen = rows.iloc[
        np.linspace(0, len(rows) - 1, min(3 * columns, len(rows))).round().astype(int)
    ]
    scenes = bool((rows["scene"] != "").any())
    cells, captions = [], []
    for start in range(0, len(chosen), columns):
        part = chosen.iloc[start : start + columns]
        poses = keypoints.of_names(found, (Path(path).name for path in part["target"]))
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
