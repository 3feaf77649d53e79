"""annotate: a folder of pictures -> estimated keypoints, a CSV in the PATN form.

The file is ready for dataset.annotations. Finished batches are kept in <output>.partial: a line of
settings, then one JSON per line. The same command resumes from there. A batch counts as finished if
its pictures are still the same files, so that the output has the same bytes as that of an
uninterrupted run.
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
    """Find the joints of all pictures, write them to `output` and print a summary.

    Returns:
        Name -> keypoints, int64 [18, 2] as (y, x) px.

    Raises:
        ValueError: If a name cannot be written to such a CSV, or a picture cannot be decoded; the
            message names it.
    """
    names = list(pictures.sizes)
    check_names(names)
    partial = output.with_name(output.name + ".partial")
    batches = [names[start : start + batch] for start in range(0, len(names), batch)]
    stamps = {name: _stamp(pictures.folder / name) for name in names}
    key = {**finder.key, "batch": batch}
    done = _finished(partial, key, stamps)
    open_batches = [part for part in batches if tuple(part) not in done]
    if count := sum(map(len, batches)) - sum(map(len, open_batches)):
        click.echo(f"{partial}: {count:,} of {len(names):,} images are done already")
    output.parent.mkdir(parents=True, exist_ok=True)
    current = set(map(tuple, batches))
    _rewrite(partial, key, [record for part, record in done.items() if part in current])
    with (
        partial.open("a") as log,
        tqdm(total=len(names), initial=count, desc="annotate", unit="img") as bar,
    ):
        for part, images in decoded(pictures.folder, open_batches, finder.pixels):
            points = _in_image(finder, images, [pictures.sizes[name] for name in part])
            record = {
                "names": list(part),
                "stamps": [stamps[name] for name in part],
                "points": points.tolist(),
            }
            log.write(json.dumps(record) + "\n")
            log.flush()
            done[tuple(part)] = record
            bar.update(len(part))
    joints = {
        name: np.array(points) for part in batches for name, points in _points(done[tuple(part)])
    }
    keypoints.write(joints, output)
    partial.unlink()
    _report(joints, pictures, output)
    return joints


def check_names(names: list[str]) -> None:
    """Check that a row of the CSV can hold each name.

    Raises:
        ValueError: If it cannot; the message has the first five names.
    """
    bad = [name for name in names if ":" in name or name != name.strip()]
    if bad:
        raise ValueError(
            f"{len(bad):,} names hold ':' or begin or end with a space, which are separators in the keypoint CSV: rename "
            + ", ".join(map(repr, bad[:5]))
        )


def _in_image(finder: Finder, images: list, sizes: list[tuple[int, int]]) -> np.ndarray:
    """Joints in whole px of the original images, clipped to them: int64 [N, 18, 2]."""
    joints = []
    for points, size in zip(finder.find(images), sizes, strict=True):
        points = rescale(points[None], finder.seen(size), size)[0].numpy()
        inside = np.rint(points).clip(0, np.array(size) - 1)
        joints.append(np.where((points == -1).all(-1)[:, None], -1, inside))
    return np.array(joints, dtype=np.int64).reshape(-1, 18, 2)


def _stamp(file: Path) -> list[int]:
    """Size and modification time of a file, which identify its state."""
    status = file.stat()
    return [status.st_size, status.st_mtime_ns]


def _finished(
    partial: Path, key: dict[str, Any], stamps: dict[str, list[int]]
) -> dict[tuple[str, ...], dict]:
    """Records of finished batches whose pictures have not changed; a truncated line is ignored."""
    if not partial.is_file():
        return {}
    lines = list(_lines(partial))
    if not lines or lines[0] != key:
        click.echo(f"{partial}: was written with other settings; starting afresh")
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
    """Rewrite the partial file without invalid records, so that new batches follow whole lines."""
    with whole(partial) as temporary:
        temporary.write_text("".join(json.dumps(line) + "\n" for line in (key, *records)))


def _points(record: dict) -> Iterator[tuple[str, list]]:
    return zip(record["names"], record["points"], strict=True)


def _report(joints: dict[str, np.ndarray], pictures: Pictures, output: Path) -> None:
    points = np.array(list(joints.values()))
    present = np.asarray((points >= 0).all(-1))
    torso = present[:, list(TORSO)].all(1)
    click.echo(
        f"{output}: {len(joints):,} images, {(~present.any(1)).sum():,} without a person; {present.sum(1).mean():.1f} of 18 "
        f"joints per image; {torso.sum():,} images with both shoulders and both hips, which generators are trained on"
    )
    for finding in validator.check(joints, pictures.sizes):
        click.echo(f"  {'ERROR' if finding.fatal else 'note'}: {finding}")
    click.echo(
        f"next: augment check-keypoints {output} --images {pictures.folder} --output sheet.png"
    )
    click.echo(f"then, in params.yaml: dataset: annotations: [{output}]")
