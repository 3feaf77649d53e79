"""transfer: the person of an image in other poses -> images, a contact sheet and an animated GIF."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from PIL import Image
from tqdm import tqdm

from augment import files
from augment.images import untrusted
from augment.single_images import output
from augment.single_images.model import Model, open_model
from augment.single_images.person import Person, check_parsing, has_torso, joints, read_person
from augment.single_images.poses import Pose, PoseOptions, read_pairs, read_poses
from augment.single_images.rendering import painter
from augment.single_images.sequences import SEQUENCES

BATCH = 16


@dataclass(frozen=True)
class Settings:
    """Settings of transfer.

    model, pose_network: as for open_model
    keypoints: a keypoint file of the images
    scale: outputs as large as their source
    """

    model: str
    pose_network: Path | None
    keypoints: Path | None
    scale: bool
    output: Path
    dry_run: bool


def one_image(
    image: Path, pose: str, parsing: Path | None, options: PoseOptions, settings: Settings
) -> None:
    """Render the person of `image` in every pose of `pose`."""
    output.check_output(settings.output, image, *([] if pose in SEQUENCES else [Path(pose)]))
    model = open_model(settings.model, settings.pose_network)
    note = check_parsing(model, parsing is not None)
    finder = joints(settings.keypoints, model.pose_network, image)
    person = read_person(image, finder, parsing)
    poses = read_poses(pose, person, finder, options)
    number = f"{len(poses.poses):,} poses" if len(poses.poses) > 1 else "the pose"
    _announce(
        model,
        f"{image} in {number} of {pose}",
        [note, *finder.derived, *poses.derived],
        poses.left_out,
        settings,
    )
    if not settings.dry_run:
        rendered = ((person, target) for target in poses.poses)
        _write(
            model, rendered, len(poses.poses), poses.moving, poses.left_out, image.stem, settings
        )


def pairs(file: Path, root: Path, settings: Settings) -> None:
    """Render every pair of a list: the person of `from` in the pose of `to`."""
    output.check_output(settings.output, file, root)
    model = open_model(settings.model, settings.pose_network)
    note = check_parsing(model, False)
    all_pairs = read_pairs(file, root)
    finder = joints(settings.keypoints, model.pose_network)
    known: dict[Path, tuple[np.ndarray, tuple[int, int]]] = {}
    left_out = []
    usable = []
    paths = sorted({path for pair in all_pairs for path in pair})
    for path in tqdm(paths, desc="joints", unit="img"):
        image = untrusted.read(path)
        known[path] = (
            finder.of(path, image, (path.relative_to(root).as_posix(),)),
            (image.height, image.width),
        )
    for source, target in all_pairs:
        without = [path for path in (source, target) if not has_torso(known[path][0])]
        if without:
            left_out.append(
                f"{source.name} -> {target.name}: no torso visible in {without[0].name}"
            )
        else:
            usable.append((source, target))
    if not usable:
        raise ValueError(
            f"{file}: in none of its {len(all_pairs):,} pairs do both images show a torso"
        )
    _announce(
        model, f"{len(usable):,} pairs of {file}", [note, *finder.derived], left_out, settings
    )
    if not settings.dry_run:
        _write(model, _of_pairs(usable, known), len(usable), False, left_out, file.stem, settings)


def _of_pairs(pairs: list[tuple[Path, Path]], known: dict) -> Iterator[tuple[Person, Pose]]:
    """Persons and poses; each source is opened only when it is needed, to save memory."""
    for number, (source, target) in enumerate(pairs):
        person = Person(source, untrusted.read(source), known[source][0], None)
        yield person, Pose(f"{number:06d}_{source.stem}_to_{target.stem}", *known[target])


def _announce(
    model: Model, what: str, notes: list[str | None], left_out: list[str], settings: Settings
) -> None:
    size = "the source's size" if model.size is None else f"{model.size[0]}x{model.size[1]}"
    click.echo(f"transfer: {model.name} at {size}: {what} -> {settings.output}")
    for sentence in dict.fromkeys(notes):
        if sentence is not None:
            click.echo(f"  {sentence}")
    if left_out:
        click.echo(f"  {len(left_out):,} left out, e.g. {left_out[0]}")


def _write(
    model: Model,
    pairs: Iterable[tuple[Person, Pose]],
    number: int,
    moving: bool,
    left_out: list[str],
    title: str,
    settings: Settings,
) -> None:
    paint: Callable = painter(model)
    shown, frames, written, skeletons = [], [], [], []
    output.check_output(settings.output)
    with (
        files.whole_folder(settings.output) as out,
        tqdm(total=number, desc="transfer", unit="img") as bar,
    ):
        for part in _parts(pairs):
            for (person, pose), pixels in zip(part, paint(part), strict=True):
                image = Image.fromarray(pixels)
                if settings.scale:
                    image = image.resize(person.image.size, Image.Resampling.BICUBIC)
                image.save(out / f"{pose.name}.png")
                written.append({"image": f"{pose.name}.png", "source": str(person.path)})
                if not skeletons:
                    skeletons.append(output.with_skeleton(person))
                if len(shown) < output.ON_SHEET:
                    shown.append(output.shown(person, pose, image))
                if moving and len(frames) < output.FRAMES:
                    frames.append(output.frame(pose, image))
            bar.update(len(part))
        output.sheet(shown, skeletons[0], title).save(out / "sheet.png")
        if len(frames) > 1:
            output.write_gif(frames, out / "poses.gif")
        files.write_json(
            out / output.MANIFEST, _made_by(model) | {"images": written, "left_out": left_out}
        )
    for kind, held, most in (
        ("sheet.png", len(shown), output.ON_SHEET),
        ("poses.gif", len(frames), output.FRAMES),
    ):
        if held == most < number:
            click.echo(f"  {kind} shows the first {most} of {number:,}")
    click.echo(f"  {number:,} images, sheet.png{' and poses.gif' if len(frames) > 1 else ''}")


def _parts(pairs: Iterable[tuple[Person, Pose]]) -> Iterator[list[tuple[Person, Pose]]]:
    part = []
    for pair in pairs:
        part.append(pair)
        if len(part) == BATCH:
            yield part
            part = []
    if part:
        yield part


def _made_by(model: Model) -> dict:
    digest = None if model.file is None else hashlib.sha256(model.file.read_bytes()).hexdigest()
    return {"model": model.name, "file_sha256": digest, "trained_on": model.trained_on.get("set")}
