"""Networks of SPGNet's second stage: encoders, feature deformation, SPGBlocks, discriminator.

Lv, Li, Li, Li, Lin, He, Zuo: "Learning Semantic Person Image Generation by Region-Adaptive
Normalization" (CVPR 2021), section 3.2 and Fig. 1 b.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generators.body.parsing import LABELS
from generators.body.pose import size_of
from generators.networks.layers import ResidualBlock, conv, norm
from generators.spgnet.flow import VISIBILITY, Flow, at_scale, warp
from generators.spgnet.params import PatchParams, SpgNetworkParams
from generators.spgnet.region_norm import Layout, RegionNorm, StyleEncoder
from generators.spgnet.spatn import POSE_CHANNELS


class EncoderBlock(nn.Sequential):
    """PEBlock or AEBlock: [N, inputs, H, W] -> [N, channels, H/stride, W/stride].

    It ends with two residual blocks.
    """

    def __init__(self, inputs: int, channels: int, stride: int, norm_kind: str):
        super().__init__(
            conv(inputs, channels, 3, norm_kind, stride),
            norm(norm_kind, channels),
            nn.ReLU(),
            *(ResidualBlock(channels, norm_kind, nn.ReLU(), 0.0) for _ in range(2)),
        )


class Deformation(nn.Module):
    """F_W of eq. (5): image features [N, C, h, w] and a flow -> warped features [N, C, h, w].

    The gate gives visible, invisible and background pixels separate channels.
    """

    def __init__(self, channels: int, norm_kind: str):
        super().__init__()
        self.gated = nn.Conv2d(len(VISIBILITY) * channels, channels, 1)
        self.fuse = ResidualBlock(channels, norm_kind, nn.ReLU(), 0.0)

    def forward(self, features: Tensor, flow: Flow) -> Tensor:
        grid, visibility = at_scale(flow, size_of(features))
        warped = warp(features, grid)
        return self.fuse(self.gated((visibility[:, :, None] * warped[:, None]).flatten(1, 2)))


class UpBlock(nn.Sequential):
    """[N, inputs, h, w] -> [N, channels, 2h, 2w]."""

    def __init__(self, inputs: int, channels: int, norm_kind: str):
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(inputs, 4 * channels, 3, padding=1),
            nn.PixelShuffle(2),
            norm(norm_kind, channels),
        )


class ConditionalNorm(nn.Module):
    """Norm of an SpgBlock: a RegionNorm (spade, full), or an unconditional norm (baselines)."""

    def __init__(self, channels: int, params: SpgNetworkParams):
        super().__init__()
        styles = params.style_channels if params.takes_styles else 0
        self.conditional = params.takes_layout
        self.norm = (
            RegionNorm(channels, len(LABELS), params.hidden, styles, params.norm)
            if self.conditional
            else norm(params.norm, channels)
        )

    def forward(self, h: Tensor, layout: Layout | None, styles: Tensor | None) -> Tensor:
        return self.norm(h, layout, styles) if self.conditional else self.norm(h)


class SpgBlock(nn.Module):
    """Pose features, warped image features and decoder features f_t -> new f_t (Fig. 1 b).

    All are [N, C, h, w].
    """

    def __init__(self, channels: int, params: SpgNetworkParams):
        super().__init__()
        self.norms = nn.ModuleList(ConditionalNorm(2 * channels, params) for _ in range(2))
        self.convs = nn.ModuleList(
            nn.Conv2d(2 * channels, channels, 3, padding=1) for _ in range(2)
        )

    def forward(
        self,
        pose: Tensor,
        warped: Tensor,
        decoded: Tensor,
        layout: Layout | None,
        styles: Tensor | None,
    ) -> Tensor:
        first = self.convs[0](F.relu(self.norms[0](torch.cat([pose, warped], 1), layout, styles)))
        return decoded + self.convs[1](
            F.relu(self.norms[1](torch.cat([first, decoded], 1), layout, styles))
        )


class SpgNetwork(nn.Module):
    """The second stage (eq. 4), which draws the source's person in the target pose."""

    def __init__(self, params: SpgNetworkParams):
        super().__init__()
        self.params = params
        widths = [min(scale + 1, 4) * params.nf for scale in range(params.scales)]  # channels
        pose_channels = POSE_CHANNELS + (len(LABELS) if params.variant == "baseline_s" else 0)

        def path(inputs: int) -> nn.ModuleList:
            return nn.ModuleList(
                EncoderBlock(previous, width, 1 if scale == 0 else 2, params.norm)
                for scale, (previous, width) in enumerate(
                    zip([inputs, *widths[:-1]], widths, strict=True)
                )
            )

        self.pose_path = path(pose_channels)
        self.image_path = path(3)
        self.deformations = nn.ModuleList(Deformation(width, params.norm) for width in widths)
        self.bottleneck = nn.Conv2d(2 * widths[-1], widths[-1], 1)
        self.blocks = nn.ModuleList(SpgBlock(width, params) for width in widths)
        self.ups = nn.ModuleList(
            UpBlock(below, width, params.norm)
            for width, below in zip(widths, widths[1:], strict=False)
        )
        self.last = nn.Sequential(
            nn.ReLU(), nn.Conv2d(params.nf, 3, 7, padding=3, padding_mode="reflect"), nn.Tanh()
        )
        self.style_encoder = (
            StyleEncoder(len(LABELS), params.style_channels, params.norm)
            if params.takes_styles
            else None
        )
        start(self)

    def forward(
        self,
        image: Tensor,
        source_map: Tensor | None,
        target_pose: Tensor,
        target_map: Tensor | None,
        flow: Flow,
    ) -> Tensor:
        """Image [N, 3, H, W] in [-1, 1] of the source's person in the target pose.

        Args:
            image: Source image [N, 3, H, W] in [-1, 1].
            source_map: One-hot parsing map [N, 10, H, W], or None if the variant does not use it.
            target_pose: [N, 30, H, W].
            target_map: One-hot parsing map [N, 10, H, W], or None if the variant does not use it.
            flow: The flow from target to source, as in flow.py.
        """
        params, pose, pose_features, image_features = self.params, target_pose, [], []
        if params.variant == "baseline_s":
            pose = torch.cat([pose, cast(Tensor, target_map)], 1)
        styles = None if self.style_encoder is None else self.style_encoder(image, source_map)
        for pose_block, image_block, deformation in zip(
            self.pose_path, self.image_path, self.deformations, strict=True
        ):
            pose, image = pose_block(pose), image_block(image)
            pose_features.append(pose)
            image_features.append(deformation(image, flow))
        decoded = self.bottleneck(torch.cat([pose_features[-1], image_features[-1]], 1))
        for scale in reversed(range(params.scales)):
            if scale < params.scales - 1:
                decoded = self.ups[scale](decoded)
            layout = None
            if params.takes_layout:
                layout = Layout.at(cast(Tensor, target_map), size_of(decoded))
            decoded = self.blocks[scale](
                pose_features[scale], image_features[scale], decoded, layout, styles
            )
        return self.last(decoded)


def start(network: nn.Module) -> None:
    """Apply He's initialisation, that of the region norms, and small weights in the last layer."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, RegionNorm):
            module.start()
        if isinstance(module, SpgNetwork):
            last = cast(nn.Conv2d, module.last[1])
            nn.init.normal_(last.weight, 0.0, 0.02)  # otherwise tanh would start saturated


def patch_discriminator(inputs: int, params: PatchParams) -> nn.Sequential:
    """PatchGAN: [N, inputs, H, W] -> logits [N, 1, h, w], one per patch."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, params.ndf, 4, 2, 1), nn.LeakyReLU(0.2)]
    for number in range(params.layers):
        before, after = (params.ndf * min(2**deep, 8) for deep in (number, number + 1))
        stride = 2 if number < params.layers - 1 else 1
        layers += [
            nn.Conv2d(before, after, 4, stride, 1),
            norm(params.norm, after),
            nn.LeakyReLU(0.2),
        ]
    return nn.Sequential(*layers, nn.Conv2d(params.ndf * min(2**params.layers, 8), 1, 4, 1, 1))
