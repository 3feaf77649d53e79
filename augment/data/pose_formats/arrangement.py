"""Checks of where joints lie: axes, direction, order, unit and scale of the coordinates."""

import numpy as np

from augment.data.pose_formats import anatomy
from augment.data.pose_formats.finding import Finding, Rows

MIN_IMAGES = 10  # images that a judgement needs
PLAUSIBLE = 0.75  # share of anatomy's relations that must hold; Market-1501's annotations: 0.9997
REPAIRED = 0.9  # ... and that must hold after a change for the change to be suggested
OUTSIDE = 0.2  # share of joints outside their images above which the scale is wrong
# If the joints of all but 1 % of the images lie within this share of height and width, the scale is
# wrong. Market-1501: 0.95 and 1.0.
SMALL = 0.6
NICE = (1 / 8, 1 / 6, 1 / 5, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 2, 2, 3, 4, 5, 6, 8)


def unit(rows: Rows) -> tuple[list[Finding], np.ndarray]:
    present = anatomy.seen(rows.points)
    values = rows.points[present]
    if np.quantile(np.abs(values), 0.99) > 1 or len(values) < MIN_IMAGES:
        return [], rows.points
    lowest = -1 if (values[:, 1] < 0).mean() > 0.01 else 0
    size = np.nan_to_num(rows.sizes, nan=100)[:, None]
    pixels = (rows.points - lowest) / (1 - lowest) * size
    message = f"coordinates are shares of the image, in [{lowest}, 1], not pixels: multiply by its height and width"
    example = rows.examples(present.any(1))
    return [Finding("scale", True, message, example)], np.where(present[..., None], pixels, -1.0)


def arrangement(rows: Rows) -> tuple[list[Finding], np.ndarray]:
    """Check axes, direction and joint order by whether people are upright."""
    judged, broken = (relations.sum(1) for relations in anatomy.relations(rows.points))
    if (judged > 0).sum() < MIN_IMAGES or _upright(rows.points, PLAUSIBLE):
        return [], rows.points
    present = anatomy.seen(rows.points)[..., None]
    flipped = np.where(present, rows.points * (-1, 1), -1.0)  # y upwards; used in comparisons only
    # Single mistakes first: they are likelier than two at once.
    candidates = {
        ("swapped_axes", "x and y are swapped (y comes first here)"): rows.points[..., ::-1],
        (
            "upside_down",
            "y is counted from the bottom of the image; it must be from the top",
        ): flipped,
    }
    for name, order in anatomy.ORDERS.items():
        text = f"the joints are in another order; it looks like {name}, and must be OpenPose-18"
        candidates["order", text] = anatomy.reorder(rows.points, order)
        both = f"{text}; and x and y are swapped"
        candidates["order", both] = anatomy.reorder(rows.points[..., ::-1], order)
    examples = rows.examples(2 * broken > judged)
    for (kind, text), points in candidates.items():
        if _upright(points, REPAIRED):
            if kind == "swapped_axes" and rows.outside().mean() > 0.01:
                text += f"; {_place(rows)}"
            return [Finding(kind, True, text, examples)], points
    share = 1 - anatomy.plausibility(rows.points)
    message = (
        f"the joints are in an order that is not OpenPose-18 ({share:.0%} of them break anatomy: heads below hips, knees below "
        "ankles and the like), or belong to other images"
    )
    return [Finding("order", True, message, examples)], rows.points


def _upright(points: np.ndarray, share: float) -> bool:
    """Whether anatomy's relations hold overall, and no single one is broken in most images."""
    return anatomy.plausibility(points) >= share and anatomy.weakest(points, MIN_IMAGES) > 0.5


def scale(rows: Rows) -> tuple[list[Finding], np.ndarray]:
    known = ~np.isnan(rows.sizes[:, 0]) & anatomy.seen(rows.points).any(1)
    outside, present = rows.outside(), anatomy.seen(rows.points)
    if known.sum() < 1 or (rows.points[present] < -1).any(-1).mean() > 0.5:  # none, or y upwards
        return [], rows.points
    reach = np.where(present[..., None], rows.points, 0).max(1)[known] / rows.sizes[known]
    ratio = np.quantile(reach, 0.99, axis=0)  # of the furthest joint to height and width
    share = outside[known].sum() / present[known].sum()
    if known.sum() >= MIN_IMAGES and (share > OUTSIDE or (ratio < SMALL).all()):
        where = (
            f"{share:.0%} of the joints lie outside their images"
            if share > OUTSIDE
            else (
                f"all joints lie in the upper left {ratio[0]:.0%} of the height and {ratio[1]:.0%} of the width"
            )
        )
        message = f"the scale is wrong: {where}; the keypoints seem to be for images {_times(ratio)} as large"
        return [
            Finding("scale", True, message, rows.examples(outside.any(1) | (share <= OUTSIDE)))
        ], rows.points
    if not outside.any():
        return [], rows.points
    message = f"{outside.sum():,} joints in {outside.any(1).sum():,} images lie outside their image"
    return [Finding("outside", False, message, rows.examples(outside.any(1)))], rows.points


def _place(rows: Rows) -> str:
    row = int(np.flatnonzero(rows.outside().any(1))[0])
    height, width = rows.sizes[row].astype(int)
    y, x = np.where(anatomy.seen(rows.points)[row, :, None], rows.points[row], 0).max(0)
    return (
        f"joints reach to y {y:.0f} and x {x:.0f} in an image of height {height} and width {width}"
    )


def _times(ratio: np.ndarray) -> str:
    """How many times as large, in words.

    People reach to the edges of crops, so the reach of joints gives the ratio of the image sizes.
    """
    texts = []
    for factor in ratio:
        nice = min(NICE, key=lambda value: abs(np.log(value / factor)))
        texts.append(f"{nice:.2g}" if abs(np.log(nice / factor)) < 0.15 else f"{factor:.2g}")
    return (
        f"{texts[0]} times"
        if texts[0] == texts[1]
        else f"{texts[0]} times (height) and {texts[1]} times (width)"
    )
