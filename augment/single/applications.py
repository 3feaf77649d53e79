"""texture-transfer, edit-image and try-on: SPT's applications on images with parsing maps, files
in, files out.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image

from augment.files import whole
from augment.images import contact_sheet, untrusted
from augment.single import edits, label_maps, landmarks
from augment.single.cloth import clothing_mask
from augment.single.joints import joints
from augment.single.model import Model, device, open_model
from augment.single.person import Person, read_person
from augment.single.pictures import with_skeleton
from augment.single.rendering import scaled
from generators.body.parsing import LABELS
from generators.spt import applications
from generators.spt.applications import Look, Painted
from generators.spt.sleeves import with_sleeves
from generators.training.sheets import to_uint8


@dataclass(frozen=True)
class Settings:
    """model, pose_network: as open_model; scale: outputs at the size of the image that is painted
    on.
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
    """a, b: image, parsing map, keypoint file or None. The clothes of each on the other."""
    there, back = settings.output, _beside(settings.output, "_back")
    _check_outputs(settings.output, ("_back",), (*a, *b))
    model = _spt(settings)
    people = [_person(model, *given) for given in (a, b)]
    looks = [_look(model, person) for person in people]
    painted = {}
    for name, source, target in ((there, 0, 1), (back, 1, 0)):
        found = applications.texture_transfer(
            model.generator, looks[source], looks[target], background
        )
        painted[name] = _finished(found, people[target].image, model, settings.scale)
    rows = [
        [people[0].image, label_maps.picture(people[0].labels), painted[back]],
        [people[1].image, label_maps.picture(people[1].labels), painted[there]],
    ]
    notes = [["A", "its map", "in B's clothes"], ["B", "its map", "in A's clothes"]]
    _write(
        settings.output,
        painted,
        rows,
        notes,
        f"texture-transfer: A's clothes on B -> {there}, B's on A -> {back}",
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
    """The person of `image` on a map that was drawn (edited), or made by edits and sleeves."""
    _check_outputs(settings.output, ("_map",), (image, parsing, keypoints, edited))
    model, wanted = _spt(settings), edits.parse(texts)
    person = _person(model, image, parsing, keypoints)
    labels = person.labels if edited is None else label_maps.read(edited, person.size)
    labels = _with_sleeves(edits.relabelled(labels, wanted), person, sleeves)
    changed = int((labels != person.labels).sum())
    found = applications.manipulate(model.generator, _look(model, person), _tensor(labels, model))
    after = _finished(found, person.image, model, settings.scale)
    maps = [label_maps.picture(one) for one in (person.labels, labels)]
    map_file = _beside(settings.output, "_map")
    _write(
        settings.output,
        {settings.output: after, map_file: maps[1]},
        [[person.image, *maps, after]],
        [["before", "map", "edited map", "after"]],
        f"edit-image: {changed:,} of {labels.size:,} pixels of the map changed -> {settings.output}, {map_file}",
    )


def try_on(
    person_files: tuple[Path, Path, Path | None],
    clothing: Path,
    landmark_file: Path | None,
    clothing_parsing: Path | None,
    region: str,
    sleeves: str | None,
    settings: Settings,
) -> None:
    """The clothing on the `region` of the person; without landmarks the clothing's image is a
    styled one, all texture.
    """
    if region not in LABELS[1:]:
        raise ValueError(
            f"--region {region!r} is no part of a person; there are {', '.join(LABELS[1:])}"
        )
    _check_outputs(settings.output, (), (*person_files, clothing, landmark_file, clothing_parsing))
    number, model = LABELS.index(region), _spt(settings)
    person = _person(model, *person_files)
    person = replace(person, labels=_with_sleeves(person.labels, person, sleeves))
    if not (person.labels == number).any():
        raise ValueError(
            f"{person_files[1]}: shows no {region}; name another --region, or edit the map first"
        )
    garment = untrusted.read(clothing)
    size = (garment.height, garment.width)
    keypoints = (
        landmarks.corners(size) if landmark_file is None else landmarks.read(landmark_file, size)
    )
    where = (
        np.ones(size, bool)
        if landmark_file is None
        else clothing_mask(garment, clothing, clothing_parsing, number)
    )
    given = Person(clothing, garment, keypoints, np.where(where, number, 0).astype(np.uint8))
    found = applications.try_on(model.generator, _look(model, given), _look(model, person), number)
    after = _finished(found, person.image, model, settings.scale)
    garment_row = [garment, with_skeleton(given), label_maps.picture(given.labels)]
    rows = [[*garment_row], [person.image, label_maps.picture(person.labels), after]]
    notes = [["clothing", "landmarks", region], ["person", "its map", "after"]]
    lost = landmarks.missing(keypoints) if landmark_file is not None else []
    _write(
        settings.output,
        {settings.output: after},
        rows,
        notes,
        f"try-on: {region} from {clothing} -> {settings.output}",
    )
    if lost:
        click.echo(f"  landmarks left out: {', '.join(lost)}")
    if {"left_collar", "right_collar", "left_hem", "right_hem"} & set(lost):
        click.echo("  without both collars and both hems the clothing is moved as one piece")


def _spt(settings: Settings) -> Model:
    model = open_model(settings.model, settings.pose_network)
    if model.name != "spt":
        raise ValueError(
            f"{settings.model}: is a {model.name}; this needs an spt, which paints on parsing maps"
        )
    applications.check(model.generator)
    return model


def _person(model: Model, image: Path, parsing: Path, keypoints: Path | None) -> Person:
    return read_person(image, joints(keypoints, model.pose_network, image), parsing)


def _look(model: Model, person: Person) -> Look:
    """A person at the model's size, on its device."""
    pixels = np.array(person.image.resize(model.size[::-1], Image.Resampling.BILINEAR))
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1
    keypoints = scaled(person.keypoints, person.size, model.size)[None]
    return Look(image.to(device()), _tensor(person.labels, model), keypoints.to(device()))


def _tensor(labels: np.ndarray, model: Model) -> Any:
    """Labels [H, W] as int64 [1, h, w] at the model's size."""
    return torch.from_numpy(label_maps.resized(labels, model.size).copy())[None].long().to(device())


def _with_sleeves(labels: np.ndarray, person: Person, length: str | None) -> np.ndarray:
    if length is None:
        return labels
    keypoints = torch.from_numpy(person.keypoints).float()[None]
    found = with_sleeves(torch.from_numpy(labels.copy())[None], keypoints, length)[0].numpy()
    if (found == labels).all():
        shown = "no arm" if length == "long" else "no upper clothes on an arm"
        click.echo(f"  --sleeves {length} changes nothing: the map shows {shown}")
    return found


def _finished(painted: Painted, onto: Image.Image, model: Model, scale: bool) -> Image.Image:
    """The painted image; at the size of `onto` if asked, where all pixels that were not changed are
    those of `onto`.
    """
    image = Image.fromarray(to_uint8(painted.image)[0])
    if not scale:
        return image
    changed = Image.fromarray(painted.changed[0, 0].cpu().numpy()).resize(
        onto.size, Image.Resampling.NEAREST
    )
    return Image.composite(image.resize(onto.size, Image.Resampling.BICUBIC), onto, changed)


def _beside(output: Path, word: str) -> Path:
    """out.png -> out_back.png."""
    return output.with_name(f"{output.stem}{word}.png")


def _check_outputs(output: Path, words: tuple[str, ...], inputs: tuple[Path | None, ...]) -> None:
    """ValueError where a picture would be written over one that is read."""
    written = {
        path.resolve(): path
        for path in (output, *(_beside(output, word) for word in (*words, "_sheet")))
    }
    for path in inputs:
        if path is not None and path.resolve() in written:
            raise ValueError(
                f"--output {output}: {path} would be written over; choose another name"
            )


def _write(
    output: Path,
    pictures: dict[Path, Image.Image],
    rows: list[list[Image.Image]],
    notes: list[list[str]],
    told: str,
) -> None:
    """Pictures, and a sheet of rows beside them, with cells in the shape of the last row's
    images.
    """
    height, width = 192, max(round(192 * rows[-1][0].width / rows[-1][0].height), 64)
    sheet = contact_sheet.grid(rows, [""] * len(rows), notes, (height, width))
    for path, picture in {**pictures, _beside(output, "_sheet"): sheet}.items():
        with whole(path) as temporary:
            picture.save(temporary, "PNG")
    click.echo(f"{told}, {_beside(output, '_sheet')}")
