"""check-keypoints: what keypoint files hold, whether it can be right, and a sheet to look at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from augment import paths, pose_formats, prepared
from augment.annotation import keypoint_sheet, picture_folder
from augment.files import whole
from augment.pose_formats import anatomy, names, validator


@dataclass(frozen=True)
class Source:
    """Keypoints of one file, the folder with its images: path relative to the folder -> (height, width) px, and what of the
    folder was left alone, in words."""

    title: str
    imported: pose_formats.Imported
    folder: Path
    sizes: dict[str, tuple[int, int]]
    others: str = ""


def of_files(files: Iterable[Path], folder: Path, format: str | None, threshold: float) -> list[Source]:
    """Raises as pose_formats.read and picture_folder.find."""
    imported = [(file, pose_formats.read(file, format, threshold)) for file in files]
    pictures = picture_folder.find(folder)
    others = f" (left alone: {pictures.others})" if pictures.others else ""
    return [Source(str(file), one, folder, pictures.sizes, others) for file, one in imported]


def of_prepared() -> list[Source]:
    """The prepared set's own keypoints. Raises FileNotFoundError where prepare has not run."""
    pictures, file = picture_folder.of_prepared(), paths.PREPARED / prepared.KEYPOINTS
    return [Source(str(file), pose_formats.read(file, "patn"), pictures.folder, pictures.sizes)]


def run(sources: list[Source], output: Path | None, count: int, seed: int) -> bool:
    """Print what there is and write the sheet of all sources' images: whether nothing fatal was found."""
    well, shown = True, []
    for source in sources:
        matched = names.match(source.imported.keypoints, source.sizes)
        _print(source, matched)
        for finding in validator.check(source.imported.keypoints, source.sizes):
            click.echo(f"  {'ERROR' if finding.fatal else 'note'}: {finding}")
            well &= not finding.fatal
        shown += [keypoint_sheet.Shown(source, image, name) for image, name in matched.items()]
    if output is not None and shown:
        suspects = [image for source in sources for image in validator.suspects(source.imported.keypoints, source.sizes)]
        with whole(output) as temporary:
            keypoint_sheet.draw(shown, suspects, count, seed).save(temporary)
        click.echo(f"{output}: {min(count, len(shown)):,} of {len(shown):,} images")
    elif output is not None:
        click.echo(f"{output}: not written, since no image has keypoints")
    if well:
        click.echo("nothing is wrong that would show")
    return well


def _print(source: Source, matched: Mapping[str, str]) -> None:
    imported = source.imported
    points = np.array(list(imported.keypoints.values()), np.float64).reshape(-1, 18, 2)
    there = anatomy.seen(points)
    click.echo(f"{source.title}: format {imported.format}; keypoints of {len(points):,} images")
    for sentence in (*imported.derived, *imported.notes):
        click.echo(f"  {sentence}")
    click.echo(f"  {len(matched):,} of {len(source.sizes):,} images in {source.folder} have keypoints{source.others}")
    if not len(points):
        return
    torso = there[:, anatomy.TORSO].all(1).sum()
    click.echo(
        f"  {(~there.any(1)).sum():,} without any joint, {there.all(1).sum():,} with all 18, {torso:,} with both shoulders and "
        f"hips; {there.sum(1).mean():.1f} joints an image"
    )
    shares = [f"{name.replace('_', ' ')} {share:.0%}" for name, share in zip(anatomy.NAMES, there.mean(0), strict=True)]
    for start in range(0, len(shares), 6):
        click.echo("  " + "".join(f"{one:22}" for one in shares[start : start + 6]).rstrip())
