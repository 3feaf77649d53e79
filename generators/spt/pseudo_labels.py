"""Pseudo labels: for an image's parsing map, that of somebody else in the same kind of clothes and
in another pose.

spt_journal, section 3.2, eq. (1) and (2). It lets a network learn how parsing maps move from pose
to pose without two images
of one person. Each of the ten rigid body parts is compared in itself: an affine map takes the part
of the candidate onto that of the source, and eq. (1) counts how much their labels differ there.

How it is made quick. The parts of body_parts.py are parallelograms, so the map that eq. (2) fits to
their four corners meets
all four: the points with the same (u, v) in two frames belong together. Every image is therefore
sampled once, at the same grid of (u, v) in each of its parts, and a pair is compared by its rows of
labels alone. With one-hot maps the square in eq. (1) is twice the share of points whose labels
differ, whatever the part's size in px.
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
    """The best candidate of every source: int64 [P, 2], rows (source, pseudo label) of `images`.

    rows int64 [M]: the images that are sources and candidates. Those without a usable torso, or
    whose candidates are all in very similar poses, get no label and are left out. ValueError where
    nobody gets one, or where there are no parsing maps.
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
    found = torch.cat(best) if best else rows.new_empty(0, 2)
    if not len(found):
        raise ValueError(
            "the search for pseudo labels found none: no two images have torsos in different poses"
        )
    return rows[found].cpu()


def part_labels(parsing: Tensor, keypoints: Tensor, points: tuple[int, int]) -> Tensor:
    """Labels at points[0] x points[1] places of each part: uint8 [N, 10, points], 0 outside the
    image.

    parsing uint8 [N, H, W], keypoints float32 [N, 18, 2], tidy and with a usable torso.
    """
    size = size_of(parsing)
    centre, along, across = body_parts.frames(keypoints, size, body_parts.USUAL)[
        :, :, :, None
    ].unbind(2)  # [N, 10, 1, 2]
    u, v = ((2 * torch.arange(n, device=parsing.device) + 1) / n - 1 for n in points)
    u, v = (one.flatten()[:, None] for one in torch.meshgrid(u, v, indexing="ij"))
    y, x = (centre + u * along + v * across).round().long().unbind(-1)  # [N, 10, points]
    inside = (y >= 0) & (y < size[0]) & (x >= 0) & (x < size[1])
    place = y.clamp(0, size[0] - 1) * size[1] + x.clamp(0, size[1] - 1)
    return parsing.flatten(1).gather(1, place.flatten(1)).view(place.shape) * inside


def valid_parts(keypoints: Tensor) -> Tensor:
    """Parts in sight, bool [N, 10]: a head with any joint of the face, the torso, a limb with both
    its joints.
    """
    seen = visible(keypoints)
    head = seen[:, body_parts.FACE].any(1, keepdim=True)
    return torch.cat(
        [head, torch.ones_like(head), seen[:, body_parts.STARTS] & seen[:, body_parts.ENDS]], 1
    )


def label_distances(
    source: Tensor, candidates: Tensor, valid: Tensor, candidates_valid: Tensor
) -> Tensor:
    """Eq. (1) for each of C candidates: the mean over parts that both show of the squared
    difference, float32 [S, C].

    source [S, 10, K], candidates [S, C, 10, K] labels; valid [S, 10], candidates_valid [S, C, 10]
    bool. The torso is in sight of all, so that there is always a part to compare.
    """
    differ = 2 * (source[:, None] != candidates).float().mean(-1)
    both = valid[:, None] & candidates_valid
    return (differ * both).sum(-1) / both.sum(-1)


def pose_distances(source: Tensor, candidates: Tensor) -> Tensor:
    """Mean distance of the joints that both show, in torso scales, the torsos' middles laid
    together: float32 [S, C].

    source [S, 18, 2], candidates [S, C, 18, 2] keypoints with a torso.
    """
    mine, theirs = (_placed(keypoints) for keypoints in (source, candidates.flatten(0, 1)))
    theirs = theirs.view(candidates.shape)
    both = visible(source)[:, None] & visible(candidates)
    return ((mine[:, None] - theirs).norm(dim=-1) * both).sum(-1) / both.sum(-1)


def _placed(keypoints: Tensor) -> Tensor:
    middle = keypoints[:, list(TORSO)].mean(1, keepdim=True)
    return (keypoints - middle) / body_parts.torso_scale(keypoints)[:, None, None]
