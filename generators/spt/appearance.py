"""SPT's rendering (spt_journal, 3.3).

A person is painted in another pose, composed with the background, and moved back.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generators.body import body_parts, parsing, part_drawing
from generators.body.plates import fill
from generators.body.pose import pose_masks
from generators.spt.networks import BackgroundNetwork
from generators.spt.params import SptParams
from generators.spt.part_warp import PartWarp
from generators.training.batch import Batch, required
from generators.training.pairs import decode


@dataclass(frozen=True)
class Side:
    """A person in a pose, with a known or predicted parsing map.

    keypoints: [N, 18, 2]
    pose: pose maps [N, 18, H, W]
    parsing: probabilities [N, 10, H, W]; None until predicted, and for the baseline
    labels: the likeliest labels, int64 [N, H, W]; None like `parsing`
    """

    keypoints: Tensor
    pose: Tensor
    parsing: Tensor | None = None
    labels: Tensor | None = None


@dataclass(frozen=True)
class Cycle:
    """A batch's persons in the target poses, and these outputs moved back into the source poses.

    Images are [N, 3, H, W].
    """

    source: Side
    target: Side  # with S~_pt
    output: Tensor  # I~_pt
    back: Side  # with S~_ps
    back_image: Tensor  # I~_ps
    warp: PartWarp  # from the source to the target
    # I_aux and the background network's output for it, while that network is trained.
    auxiliary: Tensor | None = None
    inpainted: Tensor | None = None


def foreground_mask(side: Side, size: tuple[int, int]) -> Tensor:
    """Omega of eq. (6), [N, 1, H, W]: the probability of not being background.

    Without a parsing map it is 1 on the rigid body parts.
    """
    return _on_parts(side, size) if side.parsing is None else 1 - side.parsing[:, :1]


def hole(side: Side, size: tuple[int, int]) -> Tensor:
    """Mask of the person with a rim of 1/64 of the height.

    Pixels on the rim show both person and background.
    """
    person = (
        _on_parts(side, size)
        if side.labels is None
        else (side.labels != 0)[:, None].to(side.pose.dtype)
    )
    rim = max(1, size[0] // 64)
    return F.max_pool2d(person, 2 * rim + 1, 1, rim)


def _on_parts(side: Side, size: tuple[int, int]) -> Tensor:
    parts = body_parts.frames(body_parts.tidy(side.keypoints, size), size, body_parts.USUAL)
    return (part_drawing.part_masks(parts, size, 1.0).amax(1, keepdim=True) > 0.5).to(
        side.pose.dtype
    )


def auxiliary_images(folder: str, size: tuple[int, int]) -> Tensor:
    """All images of a folder, uint8 [K, 3, H, W].

    Raises:
        ValueError: If the folder has no images, or one cannot be read.
    """
    paths = sorted(
        path for path in Path(folder).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png")
    )
    if not paths:
        raise ValueError(
            f"spt.auxiliary: {folder} has no .jpg or .png image; name another folder, or null"
        )
    return decode(paths, size)


class Renderer:
    """Rendering with H_S and H_A.

    Args:
        params: Parameters of SPT.
        networks: Those of semantic, foreground and background that the configuration has.
    """

    def __init__(self, params: SptParams, networks: dict[str, nn.Module]):
        self.params, self.networks = params, networks
        self.size = params.image_size

    def pose_code(self, side: Side) -> Tensor:
        """The pose input of H_S: heat maps, pose mask or both."""
        maps = [side.pose] if self.params.pose_heat_maps else []
        if self.params.pose_masks:
            maps.append(pose_masks(side.keypoints, self.size))
        return torch.cat(maps, 1)

    def parsing_logits(self, source: Side, target: Side) -> Tensor:
        """Output of H_S: logits [N, 10, H, W]."""
        return self.networks["semantic"](
            source.parsing, self.pose_code(source), self.pose_code(target)
        )

    def sides(self, batch: Batch) -> tuple[Side, Side]:
        """Source and target of a batch; the target has no parsing map yet.

        Raises:
            ValueError: If the configuration needs parsing maps and the batch has none.
        """
        target = Side(batch.target_keypoints, batch.target_pose)
        if self.params.configuration == "baseline":
            return Side(batch.source_keypoints, batch.source_pose), target
        labels = required(batch.source_parsing, "spt")
        return Side(
            batch.source_keypoints, batch.source_pose, parsing.one_hot(labels), labels
        ), target

    def parsed(self, source: Side, target: Side, truth: Callable[[], Tensor], frozen: bool) -> Side:
        """`target` with its parsing map, as the configuration provides it.

        Args:
            source: The source.
            target: The target, without a parsing map.
            truth: Returns the true labels, for configuration ts_gt.
            frozen: Whether H_S is frozen.
        """
        if self.params.configuration == "baseline":
            return target
        if self.params.configuration == "ts_gt":
            labels = truth()
            return replace(target, parsing=parsing.one_hot(labels), labels=labels)
        if frozen:
            self.networks["semantic"].eval()
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            predicted = self.parsing_logits(source, target).float().softmax(1)
        return replace(target, parsing=predicted, labels=predicted.argmax(1))

    def transfer(self, image: Tensor, source: Side, target: Side, warp: PartWarp) -> Tensor:
        """Output of H_A, eq. (6): the source's person in the target's pose, [N, 3, H, W]."""
        person = self.networks["foreground"](
            image, source.parsing, source.pose, target.parsing, target.pose, warp
        )
        if "background" not in self.networks:
            return person
        background = self.networks["background"](image, hole(source, self.size))
        mask = foreground_mask(target, self.size)
        return person * mask + background * (1 - mask)

    def warp(self, source: Side, target: Side) -> PartWarp:
        """The warp of the foreground network's skips, from source to target."""
        return PartWarp(self.params.skips, source.keypoints, target.keypoints, self.size)

    def render(self, batch: Batch, frozen: bool = True) -> tuple[Side, Side, PartWarp, Tensor]:
        """Source, target with its parsing map, the warp between them, and the output I~_pt."""
        source, target = self.sides(batch)
        target = self.parsed(source, target, lambda: _true_parsing(batch), frozen)
        warp = self.warp(source, target)
        return source, target, warp, self.transfer(batch.source_image, source, target, warp)

    def cycle(self, batch: Batch, frozen: bool = True) -> Cycle:
        """Into the target pose and back; H_S is frozen if `frozen`."""
        source, target, warp, image = self.render(batch, frozen)
        back = self.parsed(
            target,
            Side(source.keypoints, source.pose),
            lambda: required(source.labels, "spt"),
            frozen,
        )
        back_image = self.transfer(image, target, back, self.warp(target, source))
        return Cycle(source, target, image, back, back_image, warp)

    def with_auxiliary(self, cycle: Cycle, batch: Batch, images: Tensor | None) -> Cycle:
        """The cycle with auxiliary images inpainted behind its persons (Algorithm 1, lines 6, 7).

        Args:
            cycle: The cycle of the batch.
            batch: The batch.
            images: uint8 [K, 3, H, W] to draw from at random, or None for the batch's own images.
                Those have their persons filled in, and each goes behind another image's person.
        """
        if "background" not in self.networks:
            return cycle
        behind = hole(cycle.source, self.size)
        if images is None:
            plates = fill((batch.source_image + 1) / 2, behind) * 2 - 1
            auxiliary = plates.roll(1, 0)
        else:
            rows = torch.randint(len(images), (len(batch),))
            auxiliary = images[rows].to(batch.source_image.device).float() / 127.5 - 1
        network = cast(BackgroundNetwork, self.networks["background"])
        if network.training:
            network.mean_scene.lerp_(auxiliary.mean(0), 0.01)
        return replace(cycle, auxiliary=auxiliary, inpainted=network(auxiliary, behind))


def _true_parsing(batch: Batch) -> Tensor:
    if batch.target_parsing is None or not batch.target_parsing.any():
        raise ValueError(
            "spt.configuration ts_gt paints on the true parsing maps of the target images, and this batch has none; ts_gt "
            "is only for evaluation, so set configuration to ts_pred or e2e to generate"
        )
    return batch.target_parsing
