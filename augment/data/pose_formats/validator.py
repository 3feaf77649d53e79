"""Finds the usual mistakes in other tools' keypoint files, and reports them with examples.

A judgement needs MIN_IMAGES images that show the joints in question. Thresholds are set so that the
annotations of Market-1501 (32,668 images) and of mini_market have no findings, by a wide margin.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from augment.data.pose_formats import anatomy, names
from augment.data.pose_formats.arrangement import MIN_IMAGES, arrangement, scale, unit
from augment.data.pose_formats.finding import EXAMPLES, Finding, Rows, gather
from generators.body import skeleton

TURNED = 0.5  # share of faces with left and right swapped; Market-1501: 0.01
MERGED = 0.5  # share of images with a left and a right joint in one place; Market-1501: 0.03
ABSENT = 0.95  # a joint that is missing in more images is reported; Market-1501's rarest: 0.61


def check(
    keypoints: Mapping[str, np.ndarray],
    sizes: Mapping[str, tuple[int, int]],
    matched: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Findings on imported keypoints, fatal ones first.

    Each check runs on keypoints in which the earlier findings are repaired, so that one mistake is
    reported once.

    Args:
        keypoints: name in the file -> [18, 2] (y, x).
        sizes: image -> (height, width) px.
        matched: image -> name in the file; by default the result of names.match.
    """
    if matched is None:
        matched = names.match(keypoints, sizes)
    findings = list(_names(keypoints, sizes, matched))
    rows = gather(keypoints, sizes, matched)
    if not len(rows.names):
        return findings
    for examine in (_missing, arrangement, unit, scale, _sides, _merged, _absent):
        new, repaired = examine(rows)
        findings += new
        if repaired is None:
            break
        rows = replace(rows, points=repaired)
    return sorted(findings, key=lambda finding: not finding.fatal)


def suspects(
    keypoints: Mapping[str, np.ndarray],
    sizes: Mapping[str, tuple[int, int]],
    matched: Mapping[str, str] | None = None,
) -> list[str]:
    """Images with implausible keypoints (joints outside, broken anatomy), the worst first.

    The arguments are those of `check`.
    """
    if matched is None:
        matched = names.match(keypoints, sizes)
    rows = gather({name: keypoints[name] for name in matched.values()}, sizes, matched)
    if not len(rows.names):
        return []
    image_of = {name: image for image, name in matched.items()}
    _, broken = anatomy.relations(rows.points)
    number = broken.sum(1) + rows.outside().sum(1)
    order = np.argsort(-number, kind="stable")
    return [image_of[rows.names[row]] for row in order if number[row]]


def _names(keypoints: Mapping, sizes: Mapping, matched: Mapping[str, str]) -> Iterable[Finding]:
    if not keypoints:
        yield Finding("missing", True, "the file holds no keypoints at all")
        return
    lost = sorted(set(keypoints) - set(matched.values()))
    if not lost or not sizes:
        return
    free = [image for image in sizes if image not in matched]
    hint = names.suggestion(lost, free)
    share = (
        f"{len(lost):,} of {len(keypoints):,} names match"
        if matched
        else f"none of the {len(keypoints):,} names matches"
    )
    message = f"{share} {'no' if matched else 'an'} image: {_quoted(lost)}; images are {_quoted(sorted(sizes))}"
    yield Finding("names", not matched, message + (f"; {hint}" if hint else ""))


def _missing(rows: Rows) -> tuple[list[Finding], np.ndarray | None]:
    zeros = (rows.points == 0).all(-1)
    present = anatomy.seen(rows.points) & ~zeros
    if not present.any():
        value = "0" if zeros.any() else "-1"
        message = f"every joint of all {len(rows.names):,} images is missing ({value}): the tool that wrote them found no one"
        return [
            Finding("missing", True, message, rows.examples(np.ones(len(rows.names), bool)))
        ], None
    # One joint in the very corner is rare; two in one image are missing joints.
    several = zeros.sum(1) >= 2
    repaired = np.where((zeros & several[:, None])[..., None], -1.0, rows.points)
    if several.mean() <= 0.01:
        return [], repaired
    message = f"missing joints are written as (0, 0) in {several.sum():,} images; they must be -1 in both columns"
    return [Finding("zeros", True, message, rows.examples(several))], repaired


def _sides(rows: Rows) -> tuple[list[Finding], np.ndarray]:
    findings = []
    for kind, right, left, what in (
        ("left_right", anatomy.RIGHT_SHOULDER, anatomy.LEFT_SHOULDER, "left and right"),
        ("eyes", anatomy.RIGHT_EYE, anatomy.LEFT_EYE, "left and right eye"),
    ):
        judged, wrong = anatomy.turned(rows.points, right, left)
        if judged.sum() >= MIN_IMAGES and wrong.sum() > TURNED * judged.sum():
            message = f"{what} are swapped: of {judged.sum():,} people who face the camera, {wrong.sum():,} have the right "
            message += f"{'eye' if kind == 'eyes' else 'shoulder'} at the image's right; or the images are mirrored"
            findings.append(Finding(kind, True, message, rows.examples(wrong)))
    return findings, rows.points


def _merged(rows: Rows) -> tuple[list[Finding], np.ndarray]:
    """Left and right joints in one place, from a network that cannot distinguish them."""
    present, joints, which = anatomy.seen(rows.points), [], np.zeros(len(rows.names), bool)
    for right, left in anatomy.PAIRS:
        both = present[:, right] & present[:, left]
        height = np.nan_to_num(rows.sizes[:, 0], nan=100)
        same = both & (
            np.linalg.norm(rows.points[:, right] - rows.points[:, left], axis=-1) < height / 100
        )
        if both.sum() >= MIN_IMAGES and same.sum() > MERGED * both.sum():
            joints.append(
                f"{skeleton.JOINTS[left].removeprefix('left_')} ({same.sum() / both.sum():.0%})"
            )
            which |= same
    if not joints:
        return [], rows.points
    message = f"left and right are in one place in most images: {', '.join(joints)}; the network cannot distinguish them"
    return [Finding("merged", False, message, rows.examples(which))], rows.points


def _absent(rows: Rows) -> tuple[list[Finding], np.ndarray]:
    if len(rows.names) < MIN_IMAGES:
        return [], rows.points
    present, findings = anatomy.seen(rows.points), []
    if rare := [
        (skeleton.JOINTS[joint], share)
        for joint, share in enumerate(1 - present.mean(0))
        if share > ABSENT
    ]:
        joints = ", ".join(f"{name.replace('_', ' ')} ({share:.1%})" for name, share in rare)
        findings.append(Finding("absent", False, f"missing in nearly all images: {joints}"))
    torso = np.asarray(present[:, list(skeleton.TORSO)].all(1))
    if torso.mean() < 0.5:
        message = f"{torso.sum():,} of {len(torso):,} images have both shoulders and both hips; only these train generators"
        findings.append(Finding("torso", False, message, rows.examples(~torso)))
    return findings, rows.points


def _quoted(texts: list[str]) -> str:
    return ", ".join(repr(text) for text in texts[:EXAMPLES]) + (
        ", ..." if len(texts) > EXAMPLES else ""
    )
