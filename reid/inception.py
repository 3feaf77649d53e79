"""The base of open-reid's `inception`.

It is neither GoogLeNet nor Inception-v2, and has no published weights.
"""

import torch
from torch import Tensor, nn


class Inception(nn.Sequential):
    """Images [N, 3, H, W] -> maps [N, channels, h, w].

    Three 3x3 convolutions, a pooling, then six blocks. At width 1 an image of 144 x 56 px gives
    1536 maps of 10 x 4.
    """

    def __init__(self, width: float):
        def scaled(channels: int) -> int:
            return max(1, round(channels * width))

        stem = scaled(32)
        layers = [
            _conv(3, stem, 3),
            _conv(stem, stem, 3),
            _conv(stem, stem, 3),
            nn.MaxPool2d(2, 2, padding=1),
        ]
        channels = stem
        for out in (scaled(64), scaled(128), scaled(256)):
            layers += [_AverageBlock(channels, out), _MaxBlock(4 * out, out)]
            channels = 4 * out + 2 * out
        super().__init__(*layers)
        self.channels = channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")


class _AverageBlock(nn.Module):
    """[N, C, h, w] -> [N, 4 out, h, w]."""

    def __init__(self, channels: int, out: int):
        super().__init__()
        self.branches = nn.ModuleList(
            [
                nn.Sequential(_conv(channels, out, 1), _conv(out, out, 3)),
                nn.Sequential(_conv(channels, out, 1), _conv(out, out, 3), _conv(out, out, 3)),
                _conv(channels, out, 1),
                nn.Sequential(nn.AvgPool2d(3, 1, padding=1), _conv(channels, out, 1)),
            ]
        )

    def forward(self, maps: Tensor) -> Tensor:
        return _concatenate([branch(maps) for branch in self.branches])


class _MaxBlock(nn.Module):
    """[N, C, h, w] -> [N, C + 2 out, h / 2, w / 2], sides rounded up."""

    def __init__(self, channels: int, out: int):
        super().__init__()
        self.branches = nn.ModuleList(
            [
                nn.Sequential(_conv(channels, out, 1), _conv(out, out, 3, stride=2)),
                nn.Sequential(
                    _conv(channels, out, 1), _conv(out, out, 3), _conv(out, out, 3, stride=2)
                ),
                nn.MaxPool2d(3, 2, padding=1),
            ]
        )

    def forward(self, maps: Tensor) -> Tensor:
        return _concatenate([branch(maps) for branch in self.branches])


def _concatenate(branches: list[Tensor]) -> Tensor:
    """Branches [N, c, h, w] -> [N, all c, h, w].

    In the backward pass each branch receives a slice of the gradient's channels. On a CPU the gradient
    of ReLU takes 38 times as long on a slice of 16 channels as on a copy of it.
    """
    for maps in branches:
        if maps.requires_grad:
            maps.register_hook(_packed)
    return torch.cat(branches, dim=1)


def _packed(gradient: Tensor) -> Tensor:
    return gradient.contiguous(memory_format=torch.channels_last)


def _conv(channels: int, out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(inplace=True),
    )
