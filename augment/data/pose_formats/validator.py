"""What is wrong with keypoints, said with examples: the mistakes that people make with other tools'
files.

A judgement needs MIN_IMAGES images that show the joints in question. Thresholds were set so that
the annotations of Market-1501 (32,668 images) and of mini_market have no finding, by a wide margin.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from augment.data.pose_formats import anatomy, names
from generators.body import skeleton

MIN_IMAGES = 10
PLAUSIBLE = 0.75  # share of anatomy's relations that must hold; Market-1501's annotations: 0.9997
REPAIRED = 0.9  # ... and that must hold after a change for the change to be named
OUTSIDE = 0.2  # share of joints outside their images from which on the scale is wrong; below, they are counted
SMALL = 0.6  # of height and width, where all but 1 % of the images have all joints: the scale is wrong. Market-1501: 0.95, 1.0
TURNED = 0.5  # share of faces with left and right the wrong way round; Market-1501: 0.01
MERGED = 0.5  # share of images with a left and a right joint in one place, from which on it is said; Market-1501: 0.03
ABSENT = 0.95  # a joint that is missing in more than this is named; Market-1501's rarest: 0.61
NICE = (1 / 8, 1 / 6, 1 / 5, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 2, 2, 3, 4, 5, 6, 8)
EXAMPLES = 3


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    kind: names, missing, zeros, scale, swapped_axes, upside_down, order, outside, left_right, eyes,
        merged, absent or torso
    fatal: whether nothing good can come of these keypoints
    """

    kind: str
    fatal: bool
    message: str
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.message + (
            f" (for example {', '.join(self.examples)})" if self.examples else ""
        )


@dataclass(frozen=True)
class _Rows:
    """Images with keypoints: names [N], points float64 [N, 18, 2], sizes float64 [N, 2], NaN where
    no image is known.
    """

    names: list[str]
    points: np.ndarray
    sizes: np.ndarray

    def examples(self, which: np.ndarray) -> tuple[str, ...]:
        return tuple(self.names[row] for row in np.flatnonzero(which)[:EXAMPLES])


def check(
    keypoints: Mapping[str, np.ndarray], sizes: Mapping[str, tuple[int, int]]
) -> list[Finding]:
    """Findings on keypoints [18, 2] by name, as importers give them, with images' (height, width)
    px by path; fatal ones first.

    Every check is made as if what the one before it has found were mended, so that one mistake is
    reported once.
    """
    matched = names.match(keypoints, sizes)
    found = list(_names(keypoints, sizes, matched))
    rows = _gather(keypoints, sizes, matched)
    if not len(rows.names):
        return found
    for examine in (_missing, _arrangement, _unit, _scale, _sides, _merged, _absent):
        findings, mended = examine(rows)
        found += findings
        if mended is None:
            break
        rows = replace(rows, points=mended)
    return sorted(found, key=lambda finding: not finding.fatal)


def suspects(
    keypoints: Mapping[str, np.ndarray], sizes: Mapping[str, tuple[int, int]]
) -> list[str]:
    """Images whose own keypoints are hard to believe, by joints outside and anatomy: the worst
    first.
    """
    matched = names.match(keypoints, sizes)
    rows = _gather({name: keypoints[name] for name in matched.values()}, sizes, matched)
    if not len(rows.names):
        return []
    image_of = {name: image for image, name in matched.items()}
    _, broken = anatomy.relations(rows.points)
    broken = broken.sum(1) + _outside(rows).sum(1)
    order = np.argsort(-broken, kind="stable")
    return [image_of[rows.names[row]] for row in order if broken[row]]


def _gather(
    keypoints: Mapping[str, np.ndarray], sizes: Mapping, matched: Mapping[str, str]
) -> _Rows:
    """The keypoints that have an image; all of them, where none has."""
    image_of = {name: image for image, name in matched.items()}
    chosen = [name for name in keypoints if name in image_of] or list(keypoints)
    unknown = (np.nan, np.nan)
    of_image = [sizes[image_of[name]] if name in image_of else unknown for name in chosen]
    points = np.array([keypoints[name] for name in chosen], np.float64).reshape(-1, 18, 2)
    return _Rows(chosen, points, np.array(of_image, np.float64).reshape(-1, 2))


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


def _missing(rows: _Rows) -> tuple[list[Finding], np.ndarray | None]:
    zeros = (rows.points == 0).all(-1)
    there = anatomy.seen(rows.points) & ~zeros
    if not there.any():
        value = "0" if zeros.any() else "-1"
        message = f"every joint of all {len(rows.names):,} images is missing ({value}): the tool that wrote them found nobody"
        return [
            Finding("missing", True, message, rows.examples(np.ones(len(rows.names), bool)))
        ], None
    # A joint in the very corner is rare, two in one image are none.
    several = zeros.sum(1) >= 2
    mended = np.where((zeros & several[:, None])[..., None], -1.0, rows.points)
    if several.mean() <= 0.01:
        return [], mended
    message = f"missing joints are written as (0, 0) in {several.sum():,} images; they must be -1 in both columns"
    return [Finding("zeros", True, message, rows.examples(several))], mended


def _unit(rows: _Rows) -> tuple[list[Finding], np.ndarray]:
    there = anatomy.seen(rows.points)
    values = rows.points[there]
    if np.quantile(np.abs(values), 0.99) > 1 or len(values) < MIN_IMAGES:
        return [], rows.points
    lowest = -1 if (values[:, 1] < 0).mean() > 0.01 else 0
    size = np.nan_to_num(rows.sizes, nan=100)[:, None]
    pixels = (rows.points - lowest) / (1 - lowest) * size
    message = f"coordinates are shares of the image, in [{lowest}, 1], not pixels: multiply by its height and width"
    example = rows.examples(there.any(1))
    return [Finding("scale", True, message, example)], np.where(there[..., None], pixels, -1.0)


def _arrangement(rows: _Rows) -> tuple[list[Finding], np.ndarray]:
    """Axes, direction and order of joints: whether people stand upright, and what change would make
    them.
    """
    judged, broken = (one.sum(1) for one in anatomy.relations(rows.points))
    if (judged > 0).sum() < MIN_IMAGES or _upright(rows.points, PLAUSIBLE):
        return [], rows.points
    there = anatomy.seen(rows.points)[..., None]
    fallen = np.where(
        there, rows.points * (-1, 1), -1.0
    )  # y upwards; only comparisons are made with it
    # Without a known order first: one mistake is likelier than two.
    candidates = {
        ("swapped_axes", "x and y are swapped (y comes first here)"): rows.points[..., ::-1],
        (
            "upside_down",
            "y is counted from the bottom of the image; it must be from the top",
        ): fallen,
    }
    for name, order in anatomy.ORDERS.items():
        text = f"the joints are in another order; it looks like {name}, and must be OpenPose-18"
        candidates["order", text] = anatomy.reorder(rows.points, order)
        both = f"{text}; and x and y are swapped"
        candidates["order", both] = anatomy.reorder(rows.points[..., ::-1], order)
    examples = rows.examples(2 * broken > judged)
    for (kind, text), points in candidates.items():
        if _upright(points, REPAIRED):
            if kind == "swapped_axes" and _outside(rows).mean() > 0.01:
                text += f"; {_place(rows)}"
            return [Finding(kind, True, text, examples)], points
    share = 1 - anatomy.plausibility(rows.points)
    message = (
        f"the joints are in an order that is not OpenPose-18 ({share:.0%} of them break anatomy: heads below hips, knees below "
        "ankles and the like), or belong to other images"
    )
    return [Finding("order", True, message, examples)], rows.points


def _upright(points: np.ndarray, share: float) -> bool:
    """Whether anatomy's relations hold on the whole, and no single one is broken in most images."""
    return anatomy.plausibility(points) >= share and anatomy.weakest(points, MIN_IMAGES) > 0.5


def _scale(rows: _Rows) -> tuple[list[Finding], np.ndarray]:
    known = ~np.isnan(rows.sizes[:, 0]) & anatomy.seen(rows.points).any(1)
    outside, there = _outside(rows), anatomy.seen(rows.points)
    if known.sum() < 1 or (rows.points[there] < -1).any(-1).mean() > 0.5:  # none, or y upwards
        return [], rows.points
    reach = np.where(there[..., None], rows.points, 0).max(1)[known] / rows.sizes[known]
    ratio = np.quantile(reach, 0.99, axis=0)  # of the furthest joint to height and width
    share = outside[known].sum() / there[known].sum()
    if known.sum() >= MIN_IMAGES and (share > OUTSIDE or (ratio < SMALL).all()):
        where = (
            f"{share:.0%} of the joints lie outside their images"
            if share > OUTSIDE
            else (
                f"all joints lie in the upper left {ratio[0]:.0%} of the height and {ratio[1]:.0%} of the width"
            )
        )
        message = f"the scale is wrong: {where}; keypoints look as if made for images {_times(ratio)} as large"
        return [
            Finding("scale", True, message, rows.examples(outside.any(1) | (share <= OUTSIDE)))
        ], rows.points
    if not outside.any():
        return [], rows.points
    message = f"{outside.sum():,} joints in {outside.any(1).sum():,} images lie outside their image"
    return [Finding("outside", False, message, rows.examples(outside.any(1)))], rows.points


def _sides(rows: _Rows) -> tuple[list[Finding], np.ndarray]:
    found = []
    for kind, right, left, what in (
        ("left_right", anatomy.RIGHT_SHOULDER, anatomy.LEFT_SHOULDER, "left and right"),
        ("eyes", anatomy.RIGHT_EYE, anatomy.LEFT_EYE, "left and right eye"),
    ):
        judged, wrong = anatomy.turned(rows.points, right, left)
        if judged.sum() >= MIN_IMAGES and wrong.sum() > TURNED * judged.sum():
            message = f"{what} are swapped: of {judged.sum():,} people who face the camera, {wrong.sum():,} have the right "
            message += f"{'eye' if kind == 'eyes' else 'shoulder'} at the image's right; or the images are mirrored"
            found.append(Finding(kind, True, message, rows.examples(wrong)))
    return found, rows.points


def _merged(rows: _Rows) -> tuple[list[Finding], np.ndarray]:
    """Left and right joints in one place: a network that cannot tell them apart puts both where one
    of them is.
    """
    there, names_of, which = anatomy.seen(rows.points), [], np.zeros(len(rows.names), bool)
    for right, left in anatomy.PAIRS:
        both = there[:, right] & there[:, left]
        height = np.nan_to_num(rows.sizes[:, 0], nan=100)
        same = both & (
            np.linalg.norm(rows.points[:, right] - rows.points[:, left], axis=-1) < height / 100
        )
        if both.sum() >= MIN_IMAGES and same.sum() > MERGED * both.sum():
            names_of.append(
                f"{skeleton.JOINTS[left].removeprefix('left_')} ({same.sum() / both.sum():.0%})"
            )
            which |= same
    if not names_of:
        return [], rows.points
    message = f"left and right are in one place in most images: {', '.join(names_of)}; whoever found them cannot tell the two"
    return [Finding("merged", False, message, rows.examples(which))], rows.points


def _absent(rows: _Rows) -> tuple[list[Finding], np.ndarray]:
    if len(rows.names) < MIN_IMAGES:
        return [], rows.points
    there, found = anatomy.seen(rows.points), []
    if rare := [
        (skeleton.JOINTS[joint], share)
        for joint, share in enumerate(1 - there.mean(0))
        if share > ABSENT
    ]:
        listed = ", ".join(f"{name.replace('_', ' ')} ({share:.1%})" for name, share in rare)
        found.append(Finding("absent", False, f"missing in nearly all images: {listed}"))
    torso = there[:, list(skeleton.TORSO)].all(1)
    if torso.mean() < 0.5:
        message = f"{torso.sum():,} of {len(torso):,} images have both shoulders and both hips; generators are trained on these"
        found.append(Finding("torso", False, message, rows.examples(~torso)))
    return found, rows.points


def _outside(rows: _Rows) -> np.ndarray:
    """Joints that lie outside their image, bool [N, 18]; False where it is not known."""
    beyond = (rows.points > rows.sizes[:, None] - 0.5) | (
        rows.points < -0.5
    )  # comparisons with NaN are False
    return anatomy.seen(rows.points) & beyond.any(-1) & ~np.isnan(rows.sizes[:, :1])


def _place(rows: _Rows) -> str:
    row = int(np.flatnonzero(_outside(rows).any(1))[0])
    height, width = rows.sizes[row].astype(int)
    y, x = np.where(anatomy.seen(rows.points)[row, :, None], rows.points[row], 0).max(0)
    return (
        f"joints reach to y {y:.0f} and x {x:.0f} in an image of height {height} and width {width}"
    )


def _times(ratio: np.ndarray) -> str:
    """How many times as large; people reach to the edges of crops, so the ratio is that of the
    images.
    """
    texts = []
    for one in ratio:
        nice = min(NICE, key=lambda value: abs(np.log(value / one)))
        texts.append(f"{nice:.2g}" if abs(np.log(nice / one)) < 0.15 else f"{one:.2g}")
    return (
        f"{texts[0]} times"
        if texts[0] == texts[1]
        else f"{texts[0]} times (height) and {texts[1]} times (width)"
    )


def _quoted(texts: list[str]) -> str:
    return ", ".join(repr(text) for text in texts[:EXAMPLES]) + (
        ", ..." if len(texts) > EXAMPLES else ""
    )
