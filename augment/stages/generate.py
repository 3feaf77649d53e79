"""generate: data/reduced/<portion> and a trained generator -> data/generated/<augmentation>/<portion>.

    bounding_box_train/   an image for every removed one, with Market-1501 names (box 00)
    plan.json             what these images are made of; another plan starts the folder afresh
    contact_sheet.png     source, target pose, generated image
    manifest.json         what the generator saw, which images are real, counts, seeds
    index.csv             written last: where it is, the rest is whole

Protocols (patn_apatn.txt, section 5): each removed image is replaced by one whose source is a random image of the same
identity in the reduced set; its target pose is the removed image's own (`paper`) or that of a random image of the reduced
set (`star`, `leak_free`). The generator was trained on all real images, or on the reduced set alone (`leak_free`). The pixels
of removed images are never read, and their poses by `paper` alone.
"""

import hashlib
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

from augment import contact_sheet, files, index, keypoints, market1501, params, paths
from augment.files import whole

FOLDER = market1501.FOLDERS["train"]


@dataclass(frozen=True)
class GenerateParams:
    """Section `generate`.

    seed: of the choice of sources and targets
    batch_size: images rendered at a time
    jpeg_quality: 1 to 95
    """

    seed: int
    batch_size: int
    jpeg_quality: int


def run(generator: str, protocol: str, portion: float, dry_run: bool) -> None:
    from generators.checkpoint import read_trained_on
    from generators.training import joined_processes

    settings = params.load(GenerateParams, "generate")
    kept = index.read(paths.reduced(portion) / "index.csv")
    removed = index.read(paths.reduced(portion) / "removed.csv")
    leak_free = protocol == "leak_free"
    checkpoint = paths.generator_model(generator, portion if leak_free else None) / "generator.pt"
    train = f"augment train-generator --generator {generator}{f' --portion {portion}' if leak_free else ''}"
    if not checkpoint.is_file():
        raise FileNotFoundError(f"{checkpoint}: not found; run `{train}` first")
    trained_on = read_trained_on(checkpoint)
    if leak_free and (leaked := sorted(set(trained_on["images"]) - set(kept["path"]))):
        raise ValueError(
            f"{checkpoint}: was trained on {len(leaked):,} images that are not in {paths.reduced(portion)}, as {leaked[0]}; "
            f"run `{train}` again"
        )
    found = keypoints.read(paths.PREPARED / "keypoints.csv", market1501.SIZE)
    rows, counts = plan(kept, removed, found, generator, protocol, settings.seed)
    out = paths.generated(paths.augmentation(generator, protocol), portion)
    click.echo(f"generate: {generator}, protocol {protocol}, portion {portion}: {len(rows):,} images -> {out}")
    click.echo("; ".join(f"{name.replace('_', ' ')}: {count:,}" for name, count in counts.items()))
    if dry_run:
        return
    state = joined_processes()
    with state.main_process_first():
        _start(out, rows, settings, checkpoint)
    _render_missing(rows, found, out, settings, checkpoint, state)
    state.wait_for_everyone()
    if not state.is_main_process:
        return
    with whole(out / "contact_sheet.png") as temporary:
        _sheet(rows, found, out).save(temporary)
    files.write_json(
        out / "manifest.json",
        {
            "generator": generator,
            "protocol": protocol,
            "portion": portion,
            "seed": settings.seed,
            "trained_on": trained_on,
            "real": list(kept["path"]),
            "counts": {"real": len(kept), "generated": len(rows), **counts},
        },
    )
    index.write(rows, out / "index.csv")


def plan(
    kept: pd.DataFrame, removed: pd.DataFrame, found: dict[str, np.ndarray], generator: str, protocol: str, seed: int
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Index rows of the images to render, one for every removed one, and counts of what had to be done without.

    A pose is usable if both hips and both shoulders are there. A source without is taken only where its identity has no
    other in the reduced set; a removed image without lends no target, and a random one of the reduced set stands in.

    Args:
        kept, removed: index rows of the reduced set and of the rest.
        found: image name -> keypoints [18, 2].

    Raises:
        ValueError: no image of the reduced set has a usable pose.
    """
    rng = np.random.default_rng(seed)
    lenders = removed["path"] if protocol == "paper" else []
    usable = {path: _has_torso(found.get(Path(path).name)) for path in [*kept["path"], *lenders]}
    poses = [path for path in kept["path"] if usable[path]]
    if not poses and len(removed):
        raise ValueError("no image of the reduced set shows both hips and both shoulders: there is no pose to transfer to")
    own = {pid: list(group) for pid, group in kept.groupby("pid")["path"]}
    camids = dict(zip(kept["path"], kept["camid"], strict=True))
    counts = {"sources_without_torso": 0, "targets_without_torso": 0}
    rows = []
    for number, (pid, path) in enumerate(zip(removed["pid"], removed["path"], strict=True)):
        sources = [source for source in own[pid] if usable[source]]
        counts["sources_without_torso"] += not sources
        source = rng.choice(sources or own[pid])
        target = rng.choice(poses)
        if protocol == "paper":
            counts["targets_without_torso"] += not usable[path]
            target = path if usable[path] else target
        name = market1501.unused_name(pid, camids[source], number)
        rows.append([f"{FOLDER}/{name}", pid, camids[source], "train", str(source), str(target), generator])
    return pd.DataFrame(rows, columns=index.COLUMNS), counts


def _has_torso(points: np.ndarray | None) -> bool:
    return points is not None and bool((points[[2, 5, 8, 11]] >= 0).all())


def _start(out: Path, rows: pd.DataFrame, settings: GenerateParams, checkpoint: Path) -> None:
    """Keep what an earlier run of the same plan has rendered; empty the folder of any other."""
    made_of = {
        "rows": hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest(),
        "generator": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        "jpeg_quality": settings.jpeg_quality,
    }
    if out.is_dir() and not ((out / "plan.json").is_file() and files.read_json(out / "plan.json") == made_of):
        click.echo(f"{out}: holds images of another plan or generator; starting afresh")
        shutil.rmtree(out)
    (out / FOLDER).mkdir(parents=True, exist_ok=True)
    for half_written in (out / FOLDER).glob(".*.partial*"):
        half_written.unlink()
    (out / "index.csv").unlink(missing_ok=True)
    files.write_json(out / "plan.json", made_of)


def _render_missing(
    rows: pd.DataFrame, found: dict[str, np.ndarray], out: Path, settings: GenerateParams, checkpoint: Path, state: Any
) -> None:
    """Render this process's share of the images that are not there yet; encode and write them in threads."""
    import torch

    from generators.checkpoint import load_generator
    from generators.pairs import ImageSet, decode, make_batch
    from generators.pose import rescale

    generator = load_generator(checkpoint, state.device)
    mine = rows.iloc[state.process_index :: state.num_processes]
    missing = mine[np.array([not (out / path).is_file() for path in mine["path"]], dtype=bool)]
    if len(missing) < len(mine):
        click.echo(f"{len(mine) - len(missing):,} images are there already")
    size = generator.params.image_size
    sources = sorted(set(missing["source"]))
    pixels = decode([paths.PREPARED / path for path in sources], size)
    place = {path: number for number, path in enumerate(sources)}
    writing: list[Future[None]] = []
    with ThreadPoolExecutor() as pool, tqdm(total=len(missing), desc="generate", unit="img") as bar:
        for start in range(0, len(missing), settings.batch_size):
            part = missing.iloc[start : start + settings.batch_size]
            points = keypoints.of_names(found, (Path(path).name for path in [*part["source"], *part["target"]]))
            source = pixels[[place[path] for path in part["source"]]]
            # Only the pose of a target is used, so that a removed image is never opened: its pixels are blank here.
            points = rescale(torch.from_numpy(points), market1501.SIZE, size)
            images = ImageSet(torch.cat([source, torch.zeros_like(source)]), points)
            number = torch.arange(len(part))
            batch = make_batch(images, torch.stack([number, number + len(part)], 1), generator.params.sigma_px, state.device)
            rendered = generator.generate(batch).add(1).mul(127.5).round().clamp(0, 255).byte()
            for path, image in zip(part["path"], rendered.permute(0, 2, 3, 1).cpu().numpy(), strict=True):
                writing.append(pool.submit(_write_image, out / path, image, settings.jpeg_quality))
            bar.update(len(part))
        for done in writing:
            done.result()


def _write_image(path: Path, image: np.ndarray, quality: int) -> None:
    with whole(path) as temporary:
        Image.fromarray(image).save(temporary, quality=quality, subsampling=0)


def _sheet(rows: pd.DataFrame, found: dict[str, np.ndarray], out: Path, columns: int = 16) -> Image.Image:
    """Source, target pose and generated image, in columns, of images spread over the set."""
    chosen = rows.iloc[np.linspace(0, len(rows) - 1, min(3 * columns, len(rows))).round().astype(int)]
    cells, captions = [], []
    for start in range(0, len(chosen), columns):
        part = chosen.iloc[start : start + columns]
        cells += [
            [Image.open(paths.PREPARED / path) for path in part["source"]],
            [contact_sheet.skeleton(found[Path(path).name], market1501.SIZE) for path in part["target"]],
            [Image.open(out / path) for path in part["path"]],
        ]
        captions += ["source, target pose, generated", "", ""]
    return contact_sheet.grid(cells, captions)
