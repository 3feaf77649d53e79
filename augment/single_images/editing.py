"""texture-transfer, edit-image and try-on: SPT's applications on image files with parsing maps."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image

from augment.files import whole
from augment.images import contact_sheet, untrusted
from augment.prepared.parsing import picture
from augment.single_images import clothing, edited_maps
from augment.single_images.model import Model, device, open_model
from augment.single_images.output import with_skeleton
from augment.single_images.person import Person, joints, read_person
from augment.single_images.rendering import scaled
from generators.body.parsing import LABELS
from generators.spt import applications
from generators.spt.applications import Look, Painted
from generators.spt.sleeves import with_sleeves
from generators.training.sheets import to_uint8


@dataclass(frozen=True)
class Settings:
    """Settings of all three commands.

    model, pose_network: as for open_model
    scale: outputs at the size of the image that is painted on
    """

    model: str
    pose_network: Path | None
    scale: bool
    output: Path


def texture_transfer(
    a: tuple[Path, Path, Path | None],
    b: tuple[Path, Path, Path | None],
    background: str,
    settings: Settings,
) -> None:
    """Put the clothes of each of two people on the other.

    Args:
        a, b: image, parsing map, and keypoint file or None.
    """
    a_on_b, b_on_a = settings.output, _next_to(settings.output, "_back")
    _check_outputs(settings.output, ("_back",), (*a, *b))
    model = _spt(settings)
    people = [_person(model, *files) for files in (a, b)]
    looks = [_look(model, person) for person in people]
    painted = {}
    for file, source, target in ((a_on_b, 0, 1), (b_on_a, 1, 0)):
        result = applications.texture_transfer(
            model.generator, looks[source], looks[target], background
        )
        painted[file] = _finished(result, people[target].image, model, settings.scale)
    rows = [
        [people[0].image, picture(people[0].parsing_map), painted[b_on_a]],
        [people[1].image, picture(people[1].parsing_map), painted[a_on_b]],
    ]
    notes = [["A", "its map", "in B's clothes"], ["B", "its map", "in A's clothes"]]
    _write(
        settings.output,
        painted,
        rows,
        notes,
        f"texture-transfer: A's clothes on B -> {a_on_b}, B's on A -> {b_on_a}",
    )


def edit_image(
    image: Path,
    parsing: Path,
    keypoints: Path | None,
    edited: Path | None,
    texts: tuple[str, ...],
    sleeves: str | None,
    settings: Settings,
) -> None:
    """Repaint the person of `image` by a drawn map (`edited`), or by edits of map and sleeves."""
    _check_outputs(settings.output, ("_map",), (image, parsing, keypoints, edited))
    model, edits = _spt(settings), edited_maps.parse_edits(texts)
    person = _person(model, image, parsing, keypoints)
    labels = person.parsing_map if edited is None else edited_maps.read(edited, person.size)
    labels = _with_sleeves(edited_maps.relabelled(labels, edits), person, sleeves)
    changed = int((labels != person.parsing_map).sum())
    painted = applications.manipulate(model.generator, _look(model, person), _tensor(labels, model))
    after = _finished(painted, person.image, model, settings.scale)
    maps = [picture(label_map) for label_map in (person.parsing_map, labels)]
    map_file = _next_to(settings.output, "_map")
    _write(
        settings.output,
        {settings.output: after, map_file: maps[1]},
        [[person.image, *maps, after]],
        [["before", "map", "edited map", "after"]],
        f"edit-image: {changed:,} of {labels.size:,} pixels of the map changed -> {settings.output}, {map_file}",
    )


def try_on(
    person_files: tuple[Path, Path, Path | None],
    clothing_file: Path,
    landmark_file: Path | None,
    clothing_parsing: Path | None,
    region: str,
    sleeves: str | None,
    settings: Settings,
) -> None:
    """Put the clothing on the `region` of the person.

    Without landmarks, the clothing's image is a styled image: all of it is texture.
    """
    if region not in LABELS[1:]:
        raise ValueError(
            f"--region {region!r} is not a part of a person; available: {', '.join(LABELS[1:])}"
        )
    _check_outputs(
        settings.output, (), (*person_files, clothing_file, landmark_file, clothing_parsing)
    )
    number, model = LABELS.index(region), _spt(settings)
    person = _person(model, *person_files)
    person = replace(person, labels=_with_sleeves(person.parsing_map, person, sleeves))
    if not (person.parsing_map == number).any():
        raise ValueError(
            f"{person_files[1]}: shows no {region}; choose another --region, or edit the map first"
        )
    garment = untrusted.read(clothing_file)
    size = (garment.height, garment.width)
    keypoints = (
        clothing.corners(size)
        if landmark_file is None
        else clothing.read_landmarks(landmark_file, size)
    )
    where = (
        np.ones(size, bool)
        if landmark_file is None
        else clothing.clothing_mask(garment, clothing_file, clothing_parsing, number)
    )
    worn = Person(clothing_file, garment, keypoints, np.where(where, number, 0).astype(np.uint8))
    painted = applications.try_on(model.generator, _look(model, worn), _look(model, person), number)
    after = _finished(painted, person.image, model, settings.scale)
    garment_row = [garment, with_skeleton(worn), picture(worn.parsing_map)]
    rows = [[*garment_row], [person.image, picture(person.parsing_map), after]]
    notes = [["clothing", "landmarks", region], ["person", "its map", "after"]]
    lost = clothing.missing(keypoints) if landmark_file is not None else []
    _write(
        settings.output,
        {settings.output: after},
        rows,
        notes,
        f"try-on: {region} from {clothing_file} -> {settings.output}",
    )
    if lost:
        click.echo(f"  landmarks left out: {', '.join(lost)}")
    if {"left_collar", "right_collar", "left_hem", "right_hem"} & set(lost):
        click.echo("  without both collars and both hems the clothing is moved as one piece")


def _spt(settings: Settings) -> Model:
    model = open_model(settings.model, settings.pose_network)
    if model.name != "spt":
        raise ValueError(
            f"{settings.model}: holds {model.name}; this command needs spt, which paints by parsing maps"
        )
    applications.check(model.generator)
    return model


def _person(model: Model, image: Path, parsing: Path, keypoints: Path | None) -> Person:
    return read_person(image, joints(keypoints, model.pose_network, image), parsing)


def _look(model: Model, person: Person) -> Look:
    """A person at the model's size, on its device."""
    pixels = np.array(
        person.image.resize(
            (model.network_size[1], model.network_size[0]), Image.Resampling.BILINEAR
        )
    )
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1
    keypoints = scaled(person.keypoints, person.size, model.network_size)[None]
    return Look(image.to(device()), _tensor(person.parsing_map, model), keypoints.to(device()))


def _tensor(labels: np.ndarray, model: Model) -> Any:
    """Labels [H, W] as int64 [1, h, w] at the model's size."""
    return (
        torch.from_numpy(edited_maps.resized(labels, model.network_size).copy())[None]
        .long()
        .to(device())
    )


def _with_sleeves(labels: np.ndarray, person: Person, length: str | None) -> np.ndarray:
    if length is None:
        return labels
    keypoints = torch.from_numpy(person.keypoints).float()[None]
    edited = with_sleeves(torch.from_numpy(labels.copy())[None], keypoints, length)[0].numpy()
    if (edited == labels).all():
        lacking = "no arm" if length == "long" else "no upper clothes on an arm"
        click.echo(f"  --sleeves {length} changes nothing: the map shows {lacking}")
    return edited


def _finished(painted: Painted, onto: Image.Image, model: Model, scale: bool) -> Image.Image:
    """The painted image; with `scale`, at the size of `onto`, whose unchanged pixels are kept."""
    image = Image.fromarray(to_uint8(painted.image)[0])
    if not scale:
        return image
    changed = Image.fromarray(painted.changed[0, 0].cpu().numpy()).resize(
        onto.size, Image.Resampling.NEAREST
    )
    return Image.composite(image.resize(onto.size, Image.Resampling.BICUBIC), onto, changed)


def _next_to(output: Path, word: str) -> Path:
    """out.png -> out_back.png."""
    return output.with_name(f"{output.stem}{word}.png")


def _check_outputs(output: Path, words: tuple[str, ...], inputs: tuple[Path | None, ...]) -> None:
    """Check that no output overwrites an input.

    Raises:
        ValueError: If one would.
    """
    written = {
        path.resolve(): path
        for path in (output, *(_next_to(output, word) for word in (*words, "_sheet")))
    }
    for path in inputs:
        if path is not None and path.resolve() in written:
            raise ValueError(f"--output {output}: {path} would be overwritten; choose another name")


def _write(
    output: Path,
    pictures: dict[Path, Image.Image],
    rows: list[list[Image.Image]],
    notes: list[list[str]],
    message: str,
) -> None:
    """Write the pictures, and a sheet whose cells have the aspect ratio of the last row's images."""
    height, width = 192, max(round(192 * rows[-1][0].width / rows[-1][0].height), 64)
    sheet = contact_sheet.grid(rows, [""] * len(rows), notes, (height, width))
    for path, image in {**pictures, _next_to(output, "_sheet"): sheet}.items():
        with whole(path) as temporary:
            image.save(temporary, "PNG")
    click.echo(f"{message}, {_next_to(output, '_sheet')}")
