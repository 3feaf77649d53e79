"""Pseudo labels: another person's parsing map, with similar clothes in another pose.

spt_journal, section 3.2, eq. (1) and (2).

With pseudo labels, a network learns how parsing maps move from pose to pose without two images of
one person. Each of the ten rigid body parts is compared separately: an affine map takes the
candidate's part onto the source's, and eq. (1) measures how much their labels differ in it.

The search is fast because the parts of body_parts.py are parallelograms. The map that eq. (2) fits
to their four corners is then exact: points with the same (u, v) in two frames correspond. So every
image is sampled once, at the same grid of (u, v) in each of its parts, and pairs are compared by
their rows of labels alone. With one-hot maps, the square in eq. (1) is twice the share of points
whose labels differ, whatever the part's size in px.
"""

import torch
from torch import Tensor

from generators.body import body_parts
from generators.body.pose import size_of, visible
from generators.body.skeleton import TORSO
from generators.spt.params import SearchParams
from generators.training.pairs import ImageSet

CHUNK = 64  # sources that are compared at once


def search(images: ImageSet, rows: Tensor, params: SearchParams, seed: int) -> Tensor:
    """The best candidate of every source, as rows (source, pseudo label) of `images`.

    Sources without a usable torso, or whose candidates all have very similar poses, get no label
    and are left out.

    Args:
        images: The images.
        rows: The images that are sources and candidates, int64 [M].
        params: Parameters of the search.
        seed: Random seed for drawing the candidates.

    Returns:
        int64 [P, 2].

    Raises:
        ValueError: If no source gets a label, or the images have no parsing maps.
    """
    if images.parsing is None:
        raise ValueError(
            "the search for pseudo labels needs parsing maps; set the generator's `parsing`"
        )
    size = size_of(images.pixels)
    keypoints = body_parts.tidy(images.keypoints, size)
    rows = rows.to(keypoints.device)
    rows = rows[body_parts.usable(keypoints[rows], size)]
    keypoints = keypoints[rows]
    labels = part_labels(images.parsing[rows], keypoints, params.points)
    valid = valid_parts(keypoints)
    draws = torch.Generator().manual_seed(seed)
    number = min(params.candidates, len(rows))
    best = []
    for start in range(0, len(rows), CHUNK):
        sources = torch.arange(start, min(start + CHUNK, len(rows)), device=rows.device)
        drawn = (
            torch.rand(len(sources), len(rows), generator=draws)
            .topk(number)
            .indices.to(rows.device)
        )
        distance = label_distances(labels[sources], labels[drawn], valid[sources], valid[drawn])
        near = pose_distances(keypoints[sources], keypoints[drawn]) < params.min_pose_distance
        distance = distance.masked_fill(near | (drawn == sources[:, None]), float("inf"))
        lowest, place = distance.min(1)
        pair = torch.stack([sources, drawn.gather(1, place[:, None])[:, 0]], 1)
        best.append(pair[lowest.isfinite()])
    pairs = torch.cat(best) if best else rows.new_empty(0, 2)
    if not len(pairs):
        raise ValueError(
            "the search for pseudo labels found none: no two images have torsos in different poses"
        )
    return rows[pairs].cpu()


def part_labels(parsing: Tensor, keypoints: Tensor, points: tuple[int, int]) -> Tensor:
    """Labels at a grid of points in each part, uint8 [N, 10, points]; 0 outside the image.

    Args:
        parsing: uint8 [N, H, W].
        keypoints: float32 [N, 18, 2], tidy and with a usable torso.
        points: Numbers of points along and across a part.
    """
    size = size_of(parsing)
    centre, along, across = body_parts.frames(keypoints, size, body_parts.USUAL)[
        :, :, :, None
    ].unbind(2)  # [N, 10, 1, 2]
    u, v = ((2 * torch.arange(n, device=parsing.device) + 1) / n - 1 for n in points)
    u, v = (axis.flatten()[:, None] for axis in torch.meshgrid(u, v, indexing="ij"))
    y, x = (centre + u * along + v * across).round().long().unbind(-1)  # [N, 10, points]
    inside = (y >= 0) & (y < size[0]) & (x >= 0) & (x < size[1])
    place = y.clamp(0, size[0] - 1) * size[1] + x.clamp(0, size[1] - 1)
    return parsing.flatten(1).gather(1, place.flatten(1)).view(place.shape) * inside


def valid_parts(keypoints: Tensor) -> Tensor:
    """Visible parts, bool [N, 10].

    A head is visible with any joint of the face, a torso always, a limb with both its joints.
    """
    seen = visible(keypoints)
    head = seen[:, body_parts.FACE].any(1, keepdim=True)
    return torch.cat(
        [head, torch.ones_like(head), seen[:, body_parts.STARTS] & seen[:, body_parts.ENDS]], 1
    )


def label_distances(
    source: Tensor, candidates: Tensor, valid: Tensor, candidates_valid: Tensor
) -> Tensor:
    """Eq. (1) for each of C candidates: the mean squared difference over parts that both show.

    The torso is always visible, so there is always a part to compare.

    Args:
        source: Labels [S, 10, K].
        candidates: Labels [S, C, 10, K].
        valid: Visible parts of the source, bool [S, 10].
        candidates_valid: Visible parts of the candidates, bool [S, C, 10].

    Returns:
        float32 [S, C].
    """
    differ = 2 * (source[:, None] != candidates).float().mean(-1)
    both = valid[:, None] & candidates_valid
    return (differ * both).sum(-1) / both.sum(-1)


def pose_distances(source: Tensor, candidates: Tensor) -> Tensor:
    """Mean distance of the joints that both show, in torso scales, with aligned torso centres.

    Args:
        source: Keypoints [S, 18, 2] with a torso.
        candidates: Keypoints [S, C, 18, 2] with a torso.

    Returns:
        float32 [S, C].
    """
    first, second = (_centred(keypoints) for keypoints in (source, candidates.flatten(0, 1)))
    second = second.view(candidates.shape)
    both = visible(source)[:, None] & visible(candidates)
    return ((first[:, None] - second).norm(dim=-1) * both).sum(-1) / both.sum(-1)


def _centred(keypoints: Tensor) -> Tensor:
    middle = keypoints[:, list(TORSO)].mean(1, keepdim=True)
    return (keypoints - middle) / body_parts.torso_scale(keypoints)[:, None, None]
