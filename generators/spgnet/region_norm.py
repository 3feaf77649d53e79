"""Region-adaptive normalisation: one style per body region of the source, applied to the target's.

Lv, Li, Li, Li, Lin, He, Zuo: "Learning Semantic Person Image Generation by Region-Adaptive
Normalization" (CVPR 2021), section 3.2 and Fig. 2. The normalisation is that of SEAN (Zhu, Abdal,
Qin, Wonka, CVPR 2020) without its noise, and without styles that of SPADE (Park, Liu, Wang, Zhu,
CVPR 2019).

At every pixel, the style map C [N, D, H, W] holds the style of the pixel's label. C itself is never
convolved: it is linear in the one-hot map, so convolving the one-hot map with kernels made of the
styles gives the same numbers, with L channels (10) instead of D (128), and for all samples in one
batched product.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generators.networks.layers import conv, norm

KERNEL = 3  # of the convolutions on layout and style map


def region_means(features: Tensor, one_hot: Tensor) -> Tensor:
    """Region-wise average pooling of features [N, D, H, W] over one_hot [N, L, H, W].

    Returns:
        float32 [N, L, D]; 0 for an absent region.
    """
    with torch.autocast(features.device.type, enabled=False):  # sums of thousands of pixels
        shares = one_hot.float() / one_hot.float().sum((2, 3), keepdim=True).clamp(min=1)
        return torch.einsum("ndhw,nlhw->nld", features.float(), shares)


@dataclass(frozen=True)
class Layout:
    """A parsing map at one scale.

    one_hot: [N, L, h, w]
    patches: [N, h w, 9 L], the 3x3 neighbourhood of every pixel
    """

    one_hot: Tensor
    patches: Tensor

    @classmethod
    def at(cls, one_hot: Tensor, size: tuple[int, int]) -> "Layout":
        """The layout of a full-size one-hot map at `size`: the label in the middle of each cell."""
        small = F.interpolate(one_hot, size, mode="nearest-exact")
        return cls(small, F.unfold(small, KERNEL, padding=KERNEL // 2).transpose(1, 2).contiguous())


class StyleEncoder(nn.Module):
    """Source image [N, 3, H, W] and one-hot parsing map [N, L, H, W] -> styles [N, L, D].

    This is Fig. 1 a, right: an encoder-decoder, region-wise average pooling, and two layers that
    treat each region separately (grouped 1x1 convolutions). A region that the source does not show
    gets a style learned for its label.
    """

    def __init__(self, labels: int, channels: int, norm_kind: str):
        super().__init__()
        half = channels // 2
        self.features = nn.Sequential(
            conv(3, half, 3, norm_kind),
            norm(norm_kind, half),
            nn.LeakyReLU(0.2),
            conv(half, channels, 3, norm_kind, stride=2),
            norm(norm_kind, channels),
            nn.LeakyReLU(0.2),
            conv(channels, channels, 3, norm_kind, stride=2),
            norm(norm_kind, channels),
            nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2),
            conv(channels, channels, 3, norm_kind),
            norm(norm_kind, channels),
            nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.Tanh(),
        )
        wide = labels * channels
        self.regions = nn.Sequential(
            nn.Conv2d(wide, wide, 1, groups=labels),
            nn.ReLU(),
            nn.Conv2d(wide, wide, 1, groups=labels),
        )

    def forward(self, image: Tensor, one_hot: Tensor) -> Tensor:
        means = region_means(self.features(image), one_hot)
        return self.regions(means.flatten(1)[..., None, None]).view_as(means)


class RegionNorm(nn.Module):
    """SEAN of eq. (6) and (7): h [N, C, h, w], layout, styles [N, L, D] -> [N, C, h, w].

    With style_channels 0 it is SPADE, and styles are not used.
    """

    def __init__(
        self, channels: int, labels: int, hidden: int, style_channels: int, norm_kind: str
    ):
        super().__init__()
        free = (
            nn.BatchNorm2d(channels, affine=False)
            if norm_kind == "batch"
            else nn.InstanceNorm2d(channels)
        )
        self.normalise = free
        self.hidden = nn.Conv2d(labels, hidden, KERNEL, padding=KERNEL // 2)
        self.layout = nn.Conv2d(hidden, 2 * channels, KERNEL, padding=KERNEL // 2)
        self.style = (
            nn.Conv2d(style_channels, 2 * channels, KERNEL, padding=KERNEL // 2)
            if style_channels
            else None
        )
        # theta_alpha and theta_beta of eq. (7) before a sigmoid, which keeps the mixture between
        # its two parts, as in SEAN.
        self.theta = nn.Parameter(torch.zeros(2)) if style_channels else None

    def start(self) -> None:
        """Initialise to alpha = 1 and beta = 0, apart from small weights.

        Training so starts as plain normalisation.
        """
        for module in (self.layout, self.style):
            if module is not None:
                nn.init.normal_(module.weight, 0.0, 0.02)
                bias = cast(Tensor, module.bias)
                with torch.no_grad():
                    bias.copy_(torch.arange(len(bias)) < len(bias) // 2)

    def forward(self, h: Tensor, layout: Layout, styles: Tensor | None) -> Tensor:
        alpha, beta = self.scale_and_shift(layout, styles).chunk(2, 1)
        return torch.addcmul(beta, alpha, self.normalise(h).to(alpha.dtype))  # eq. (6)

    def scale_and_shift(self, layout: Layout, styles: Tensor | None) -> Tensor:
        """alpha and beta of eq. (7), [N, 2 C, h, w].

        The mixture is taken of the weights, which are small, not of the maps.
        """
        hidden, weight, bias = (
            F.relu(self.hidden(layout.one_hot)),
            self.layout.weight,
            cast(Tensor, self.layout.bias),
        )
        if self.style is None or self.theta is None:
            return F.conv2d(hidden, weight, bias, padding=KERNEL // 2)
        theta = torch.sigmoid(self.theta).repeat_interleave(len(bias) // 2)
        bias = torch.lerp(cast(Tensor, self.style.bias), bias, theta)
        layout_part = F.conv2d(
            hidden, theta[:, None, None, None] * weight, bias, padding=KERNEL // 2
        )
        # The style map's convolution as described at the top of this module, with channels last
        # like the other maps.
        weight = (1 - theta)[:, None, None, None] * self.style.weight
        kernels = torch.einsum("nld,odyx->nlyxo", styles, weight).flatten(1, 3)  # [N, 9 L, 2 C]
        style_part = torch.matmul(layout.patches, kernels).transpose(1, 2).view_as(layout_part)
        return layout_part + style_part
