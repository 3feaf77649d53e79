"""Keypoints of a folder of pictures, estimated: a CSV in the PATN form, ready for
dataset.annotations.

Finished batches lie in <output>.partial, a JSON a line under a first line of settings. The same
command takes them up again; a batch counts as finished where its pictures are the same files as
then, so that what comes out has the same bytes as an unbroken run's.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from tqdm import tqdm

from augment.annotation.joint_finders import Finder
from augment.annotation.picture_folder import Pictures, decoded
from augment.data.pose_formats import validator
from augment.files import whole
from augment.prepared import keypoints
from generators.body.pose import rescale
from generators.body.skeleton import TORSO


def run(pictures: Pictures, output: Path, finder: Finder, batch: int) -> dict[str, np.ndarray]:
    """Find the joints of all pictures, write them to `output`, print what was found: name -> int64
    [18, 2] (y, x) px.

    Raises:
        ValueError: a name cannot stand in such a CSV, or a picture cannot be decoded; the message
            names it.
    """
    names = list(pictures.sizes)
    check_names(names)
    partial = output.with_name(output.name + ".partial")
    batches = [names[start : start + batch] for start in range(0, len(names), batch)]
    stamps = {name: _stamp(pictures.folder / name) for name in names}
    key = {**finder.key, "batch": batch}
    done = _finished(partial, key, stamps)
    open_batches = [one for one in batches if tuple(one) not in done]
    if count := sum(map(len, batches)) - sum(map(len, open_batches)):
        click.echo(f"{partial}: {count:,} of {len(names):,} images are done already")
    output.parent.mkdir(parents=True, exist_ok=True)
    _rewrite(
        partial, key, [record for one, record in done.items() if one in set(map(tuple, batches))]
    )
    with (
        partial.open("a") as log,
        tqdm(total=len(names), initial=count, desc="annotate", unit="img") as bar,
    ):
        for one, images in decoded(pictures.folder, open_batches, finder.pixels):
            points = _in_image(finder, images, [pictures.sizes[name] for name in one])
            record = {
                "names": list(one),
                "stamps": [stamps[name] for name in one],
                "points": points.tolist(),
            }
            log.write(json.dumps(record) + "\n")
            log.flush()
            done[tuple(one)] = record
            bar.update(len(one))
    found = {
        name: np.array(points) for one in batches for name, points in _points(done[tuple(one)])
    }
    keypoints.write(found, output)
    partial.unlink()
    _report(found, pictures, output)
    return found


def check_names(names: list[str]) -> None:
    """ValueError for names that a row of the CSV cannot hold."""
    bad = [name for name in names if ":" in name or name != name.strip()]
    if bad:
        raise ValueError(
            f"{len(bad):,} names hold ':' or begin or end with a space, which the keypoint CSV has as separators: rename "
            + ", ".join(map(repr, bad[:5]))
        )


def _in_image(finder: Finder, images: list, sizes: list[tuple[int, int]]) -> np.ndarray:
    """Joints in px of the images as they are, whole and inside: int64 [N, 18, 2]."""
    found = []
    for points, size in zip(finder.find(images), sizes, strict=True):
        points = rescale(points[None], finder.seen(size), size)[0].numpy()
        inside = np.rint(points).clip(0, np.array(size) - 1)
        found.append(np.where((points == -1).all(-1)[:, None], -1, inside))
    return np.array(found, dtype=np.int64).reshape(-1, 18, 2)


def _stamp(file: Path) -> list[int]:
    """What identifies a file's state: its size and modification time."""
    status = file.stat()
    return [status.st_size, status.st_mtime_ns]


def _finished(
    partial: Path, key: dict[str, Any], stamps: dict[str, list[int]]
) -> dict[tuple[str, ...], dict]:
    """Records of whole batches whose pictures have not changed. A last line that was cut short is
    none.
    """
    if not partial.is_file():
        return {}
    lines = list(_lines(partial))
    if not lines or lines[0] != key:
        click.echo(f"{partial}: is of other settings; starting afresh")
        return {}
    return {
        tuple(record["names"]): record
        for record in lines[1:]
        if [stamps.get(name) for name in record["names"]] == record["stamps"]
    }


def _lines(partial: Path) -> Iterator[Any]:
    with partial.open() as log:
        for line in log:
            if not line.endswith("\n"):
                return
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                return


def _rewrite(partial: Path, key: dict[str, Any], records: list[dict]) -> None:
    """The partial file without what does not count, so that further batches follow whole lines."""
    with whole(partial) as temporary:
        temporary.write_text("".join(json.dumps(one) + "\n" for one in (key, *records)))


def _points(record: dict) -> Iterator[tuple[str, list]]:
    return zip(record["names"], record["points"], strict=True)


def _report(found: dict[str, np.ndarray], pictures: Pictures, output: Path) -> None:
    points = np.array(list(found.values()))
    there = np.asarray((points >= 0).all(-1))
    torso = there[:, list(TORSO)].all(1)
    click.echo(
        f"{output}: {len(found):,} images, {(~there.any(1)).sum():,} without a person; {there.sum(1).mean():.1f} joints of 18 "
        f"an image; {torso.sum():,} images with both shoulders and both hips, which generators are trained on"
    )
    for finding in validator.check(found, pictures.sizes):
        click.echo(f"  {'ERROR' if finding.fatal else 'note'}: {finding}")
    click.echo(
        f"next: augment check-keypoints {output} --images {pictures.folder} --output sheet.png"
    )
    click.echo(f"then, in params.yaml: dataset: annotations: [{output}]")
