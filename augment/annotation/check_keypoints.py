"""check-keypoints: keypoint files -> a summary, problems, and a sheet of skeletons."""

from collections.abc import Mapping
from pathlib import Path

import click
import numpy as np

from augment.annotation import keypoint_sheet
from augment.annotation.keypoint_source import Source
from augment.data.pose_formats import anatomy, names, validator
from augment.files import whole
from generators.body import skeleton


def run(sources: list[Source], output: Path | None, count: int, seed: int) -> bool:
    """Print a summary and the findings, and write a sheet with images of all sources.

    Returns:
        Whether there are no fatal findings.
    """
    usable, shown, suspects = True, [], []
    for source in sources:
        keypoints = source.imported.keypoints
        matched = names.match(keypoints, source.sizes)
        _print(source, matched)
        for finding in validator.check(keypoints, source.sizes, matched):
            click.echo(f"  {'ERROR' if finding.fatal else 'note'}: {finding}")
            usable &= not finding.fatal
        shown += [keypoint_sheet.Shown(source, image, name) for image, name in matched.items()]
        suspects += validator.suspects(keypoints, source.sizes, matched)
    if output is not None and shown:
        with whole(output) as temporary:
            keypoint_sheet.draw(shown, suspects, count, seed).save(temporary)
        click.echo(f"{output}: {min(count, len(shown)):,} of {len(shown):,} images")
    elif output is not None:
        click.echo(f"{output}: not written, because no image has keypoints")
    if usable:
        click.echo("no problems found")
    return usable


def _print(source: Source, matched: Mapping[str, str]) -> None:
    imported = source.imported
    points = np.array(list(imported.keypoints.values()), np.float64).reshape(-1, 18, 2)
    present = anatomy.seen(points)
    click.echo(f"{source.title}: format {imported.format}; keypoints of {len(points):,} images")
    for sentence in (*imported.derived, *imported.notes):
        click.echo(f"  {sentence}")
    click.echo(
        f"  {len(matched):,} of {len(source.sizes):,} images in {source.folder} have keypoints{source.others}"
    )
    if not len(points):
        return
    torso = present[:, list(skeleton.TORSO)].all(1).sum()
    click.echo(
        f"  {(~present.any(1)).sum():,} without any joint, {present.all(1).sum():,} with all 18, {torso:,} with both shoulders "
        f"and hips; {present.sum(1).mean():.1f} joints per image"
    )
    shares = [
        f"{name.replace('_', ' ')} {share:.0%}"
        for name, share in zip(skeleton.JOINTS, present.mean(0), strict=True)
    ]
    for start in range(0, len(shares), 6):
        click.echo("  " + "".join(f"{text:22}" for text in shares[start : start + 6]).rstrip())
