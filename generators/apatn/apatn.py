"""APATN, the aligned pose-attentional transfer network.

Zhu, Huang, Xu, Shi, Cheng, Bai: "Progressive and Aligned Pose Attention Transfer for Person Image
Generation", section 3.2.2. No public code of it exists.

Idea. A PATB's mask lets the image code change in place, but cannot move it. An aligned block
(APATB) compares every position of the target pose with every position of the source pose, and
samples the image code by that alignment: what belongs to the left hand is fetched from where the
left hand was. Source and target pose have separate codes. One residual block updates both, so that
they stay comparable.

The paper's notation -> ours: as in patn.py; pose codes F^{S_c}, F^{S_t} -> source, target;
alignment A -> the weights of scaled_dot_product_attention. They are never held as a matrix, which
would take 16.8 million numbers per image at DeepFashion's 64 x 64 positions.

Where the paper leaves a choice, we took the one that matches its numbers of parameters: 2.76 M per
block and 16.93 M in total (ours: 2.75 M and 16.86 M at ngf 64, 5 blocks, with batch norm).
- theta, phi and gamma reduce to half the channels, as the text says of all three. A 1 x 1
  convolution restores the sampled code to full width before the concatenation of eq. (7). (gamma
  at full width without that convolution has as many parameters, but makes attention more
  expensive.)
- conv^P of eq. (7) is a 1 x 1 convolution at the width of the concatenation, as 4.2 says of the
  block's first kernel, then a 3 x 3. The text calls it a residual block: it adds to the old image
  code (or to the sampled one, if the old code is not in the concatenation). Without a sum, short
  trainings here stayed blurred.
- Two pose encoders with 18 channels each; bilinear upsampling with residual blocks in the decoder
  (3.3).
The parameter `block` selects the ablations of Table 5: apatb; cat_to_add, sampled and old image
code added instead of concatenated; without_cat, the sampled code alone; without_res, pose codes
that never change. Losses and discriminators are PATN's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generators.body.skeleton import JOINTS
from generators.networks.layers import ResidualBlock, conv, initialise, norm
from generators.networks.pose_attention import encoder
from generators.networks.pose_transfer import Transfer
from generators.networks.transfer_params import TransferParams
from generators.training.batch import Batch
from generators.training.validation import one_of

BLOCKS = ("apatb", "cat_to_add", "without_cat", "without_res")


@dataclass(frozen=True)
class ApatnParams(TransferParams):
    """Everything that defines an APATN.

    Raises:
        ValueError: If a value is invalid.
    """

    block: str  # apatb, or an ablation: cat_to_add, without_cat, without_res

    def __post_init__(self):
        super().__post_init__()
        one_of("apatn.block", self.block, BLOCKS)


class Apatb(nn.Module):
    """Aligned pose-attentional transfer block: image code and two pose codes, [N, C, h, w] each."""

    def __init__(self, channels: int, norm_kind: str, dropout: float, kind: str):
        super().__init__()
        self.kind = kind
        self.theta, self.phi, self.gamma = (nn.Conv2d(channels, channels // 2, 1) for _ in range(3))
        self.widen = nn.Conv2d(channels // 2, channels, 1)
        width = 2 * channels if kind in ("apatb", "without_res") else channels
        self.image = nn.Sequential(
            conv(width, width, 1, norm_kind),
            norm(norm_kind, width),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            conv(width, channels, 3, norm_kind),
            norm(norm_kind, channels),
        )
        if kind != "without_res":
            self.pose = ResidualBlock(channels, norm_kind, nn.ReLU(inplace=True), dropout)

    def forward(
        self, image: Tensor, source: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = (
            _rows(code) for code in (self.theta(target), self.phi(source), self.gamma(image))
        )
        # Eq. (5), with softmax over the source's positions, and eq. (6), without scaling of the
        # inner product.
        sampled = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        sampled = self.widen(
            sampled.transpose(-1, -2).reshape(image.shape[0], -1, *image.shape[2:])
        )
        if self.kind == "without_cat":
            fused = kept = sampled
        elif self.kind == "cat_to_add":
            fused = kept = sampled + image
        else:
            fused, kept = torch.cat([sampled, image], 1), image
        return kept + self.image(fused), *self.next_poses(source, target)  # eq. (7)

    def next_poses(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The pose codes for the next block, eq. (8)."""
        return (
            (source, target)
            if self.kind == "without_res"
            else (self.pose(source), self.pose(target))
        )

    def alignment(self, source: Tensor, target: Tensor) -> Tensor:
        """A of eq. (5) as a matrix [N, hw, hw], which forward() never holds.

        Each row belongs to a position of the target and sums to 1.
        """
        query, key = (_rows(code)[:, 0] for code in (self.theta(target), self.phi(source)))
        return torch.softmax(query @ key.transpose(1, 2), -1)


def _rows(code: Tensor) -> Tensor:
    """[N, C, h, w] -> [N, 1, hw, C], one head.

    Contiguous, as fused attention requires (channels_last codes already are).
    """
    return code.flatten(2).transpose(1, 2)[:, None].contiguous()


def decoder(ngf: int, norm_kind: str, downsamplings: int) -> nn.Sequential:
    """[N, 2^d ngf, H/2^d, W/2^d] -> image [N, 3, H, W] in [-1, 1] (3.3)."""

    def up(channels: int) -> list[nn.Module]:
        return [
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
            ResidualBlock(channels, norm_kind, nn.ReLU(inplace=True), 0.0),
            conv(channels, channels // 2, 3, norm_kind),
            norm(norm_kind, channels // 2),
            nn.ReLU(inplace=True),
        ]

    layers = [layer for level in reversed(range(downsamplings)) for layer in up(2 * ngf << level)]
    return nn.Sequential(
        *layers, nn.Conv2d(ngf, 3, 7, padding=3, padding_mode="reflect"), nn.Tanh()
    )


class ApatnNetwork(nn.Module):
    """Source image, source and target pose [N, 18, H, W] -> image [N, 3, H, W] in [-1, 1]."""

    def __init__(self, params: ApatnParams):
        super().__init__()
        ngf, kind, down = params.ngf, params.norm, params.downsamplings
        self.image_encoder = encoder(3, ngf, kind, down)
        self.source_encoder, self.target_encoder = (
            encoder(len(JOINTS), ngf, kind, down) for _ in range(2)
        )
        blocks = [
            Apatb(ngf << down, kind, params.dropout, params.block) for _ in range(params.blocks)
        ]
        self.blocks = nn.ModuleList(blocks)
        self.decoder = decoder(ngf, kind, down)
        initialise(self)
        for block in blocks:
            for layer in (block.gamma, block.widen):
                nn.init.xavier_uniform_(layer.weight)

    def forward(self, source_image: Tensor, source_pose: Tensor, target_pose: Tensor) -> Tensor:
        image = self.image_encoder(source_image)
        source, target = self.source_encoder(source_pose), self.target_encoder(target_pose)
        for block in self.blocks:
            image, source, target = block(image, source, target)
        return self.decoder(image)

    def alignments(self, source_pose: Tensor, target_pose: Tensor, places: Tensor) -> Tensor:
        """Where in the source each block looks for `places` of the target, as Apatn.alignment."""
        source, target = self.source_encoder(source_pose), self.target_encoder(target_pose)
        weights = F.adaptive_avg_pool2d(places, source.shape[2:]).flatten(2)
        weights = weights / weights.sum(2, keepdim=True).clamp(min=1e-12)
        alignments = []
        for block in cast(Iterable[Apatb], self.blocks):
            aligned = weights @ block.alignment(source, target)
            alignments.append(aligned.unflatten(2, source.shape[2:]))
            source, target = block.next_poses(source, target)
        return torch.stack(alignments)


class Apatn(Transfer):
    """APATN with fresh weights, drawn from params.training.seed."""

    name = "apatn"
    has_alignments = True
    Params = ApatnParams

    @staticmethod
    def build(params: ApatnParams) -> nn.Module:
        return ApatnNetwork(params)

    def alignment(self, batch: Batch, places: Tensor) -> Tensor:
        """Where in the source the blocks look when they draw places of the target (Figure 11).

        An image's alignment briefly takes a matrix of (h w)^2 numbers, so pass few images at once.

        Args:
            batch: Source and target of N images.
            places: float32 [N, K, H, W] >= 0, K weight maps over the target image, e.g. of a point,
                a limb or the whole person.

        Returns:
            float32 [blocks, N, K, h, w], weights over the source, which sum to 1 (to 0 if a map of
            places is empty).
        """
        network = cast(ApatnNetwork, self.networks["network"])
        places = places.to(next(network.parameters()).device)
        return self._evaluated(
            lambda _, source, target: network.alignments(source, target, places), batch
        )
