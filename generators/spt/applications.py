"""SPT's applications (spt_journal, section 4.4).

They give SPT's foreground network inputs other than those of pose transfer. Clothing texture
transfer paints one person's textures on another's parsing map and pose. Manipulation paints a
person on an edited map. Virtual try-on paints a piece of clothing on a person's map. None of them
needs further training.

The paper's notation -> ours: I'_out = G_A^F(E_A^F(p_c, S_c, I_c), E_S^F(p_t, S_t)) -> painted;
M_f -> Painted.changed.

Departure: the paper shows persons in front of plain backgrounds. Here, pixels outside the person,
or outside the try-on region, are those of the original image. Where an edited map shows less of the
person than the original one, the background network fills in, or plates.fill if SPT has none.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from generators.body import parsing
from generators.body.plates import fill
from generators.body.pose import pose_maps
from generators.spt.appearance import Side, foreground_mask, hole
from generators.spt.spt import Spt
from generators.training.phases import autocast


@dataclass(frozen=True)
class Look:
    """A person or a piece of clothing in an image.

    image: float32 [N, 3, H, W] in [-1, 1]
    labels: parsing map, int64 [N, H, W]
    keypoints: float32 [N, 18, 2] at (H, W)
    """

    image: Tensor
    labels: Tensor
    keypoints: Tensor


@dataclass(frozen=True)
class Painted:
    """The result of an application.

    image: float32 [N, 3, H, W] in [-1, 1]
    changed: bool [N, 1, H, W]; all other pixels are those of the image painted on
    """

    image: Tensor
    changed: Tensor


def check(spt: Spt) -> None:
    """Check that an SPT can render a given parsing map.

    Raises:
        ValueError: If it cannot.
    """
    if spt.params.configuration == "baseline":
        raise ValueError(
            "spt.configuration baseline uses no parsing maps; train one with ts_pred, ts_gt or e2e"
        )


@torch.no_grad()
def painted(spt: Spt, look: Look, layout: Look) -> Tensor:
    """The textures of `look` on the parsing map and in the pose of `layout`.

    Returns:
        I'_out, float32 [N, 3, H, W] in [-1, 1].
    """
    source, target = side(spt, look), side(spt, layout)
    for network in spt.networks.values():
        network.eval()
    with autocast(spt.params.training.appearance.precision, look.image.device):
        warp = spt.renderer.warp(source, target)
        conditions = (source.parsing, source.pose, target.parsing, target.pose)
        return spt.networks["foreground"](look.image, *conditions, warp).float()


def texture_transfer(spt: Spt, look: Look, onto: Look, background: str = "own") -> Painted:
    """The clothes of `look` on the person of `onto`, in front of the latter's background.

    Args:
        spt: The generator.
        look: The person whose clothes are taken.
        onto: The person who gets them.
        background: `own` for the pixels of `onto` outside its person, or `network` for the
            background network's output.

    Raises:
        ValueError: If the background is `network` and SPT has no background network.
    """
    image = painted(spt, look, onto)
    mask = foreground_mask(side(spt, onto), spt.renderer.size)
    if background == "own":
        return Painted(torch.where(mask > 0, image, onto.image), mask > 0)
    if "background" not in spt.networks:
        raise ValueError(
            "spt.background is none: this SPT has no background network; keep the image's own background"
        )
    behind = _behind(spt, onto)
    return Painted(
        image * mask + behind * (1 - mask), torch.ones_like(mask, dtype=torch.bool)
    )  # eq. (6)


def manipulate(spt: Spt, look: Look, labels: Tensor) -> Painted:
    """A person painted on an edited parsing map, int64 [N, H, W], in the original pose."""
    image = painted(spt, look, replace(look, labels=labels))
    person = (labels != 0)[:, None]
    bared = (look.labels != 0)[:, None] & ~person
    # With a rim, since the pixels around a person show both person and background.
    rim = max(1, spt.renderer.size[0] // 64)
    bared = (F.max_pool2d(bared.float(), 2 * rim + 1, 1, rim) > 0) & ~person
    kept = torch.where(bared, _behind(spt, look), look.image) if bared.any() else look.image
    return Painted(torch.where(person, image, kept), person | bared)


def try_on(spt: Spt, clothing: Look, person: Look, region: int) -> Painted:
    """A piece of clothing on a person: I_out = I'_out M_f + I_t (1 - M_f).

    M_f is the `region` of the person's parsing map.
    """
    image, mask = painted(spt, clothing, person), (person.labels == region)[:, None]
    return Painted(torch.where(mask, image, person.image), mask)


def side(spt: Spt, look: Look) -> Side:
    """A look as input of the networks, with pose maps and one-hot parsing map."""
    maps = pose_maps(look.keypoints, spt.renderer.size, spt.params.sigma_px)
    return Side(look.keypoints, maps, parsing.one_hot(look.labels), look.labels)


@torch.no_grad()
def _behind(spt: Spt, look: Look) -> Tensor:
    """The image with its person replaced by background: float32 [N, 3, H, W] in [-1, 1]."""
    mask = hole(side(spt, look), spt.renderer.size)
    if "background" not in spt.networks:
        return fill((look.image + 1) / 2, mask) * 2 - 1
    with autocast(spt.params.training.appearance.precision, look.image.device):
        return spt.networks["background"](look.image, mask).float()
