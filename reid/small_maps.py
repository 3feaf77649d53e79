"""Convolutions on a CPU whose output has a few places only, as matrix products.

A ResNet-18 ends in maps of 2 x 1 px where images have 64 x 32. There oneDNN takes five times as
long as the matrix product that the convolution is, for it cannot split the weight's gradient along
places; and two thirds of the weights only ever meet the padding.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MOST_PLACES = 8  # in more than these oneDNN is as fast


class SmallMapConv2d(nn.Module):
    """An nn.Conv2d, with its weights under their names; maps of at most MOST_PLACES places come
    from a matrix product.
    """

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        self.weight, self.bias = conv.weight, conv.bias
        self.stride, self.padding = conv.stride, conv.padding

    def forward(self, maps: Tensor) -> Tensor:
        number, channels, *size = maps.shape
        live, taps = _places(tuple(size), tuple(self.weight.shape[2:]), self.stride, self.padding)
        places = taps.shape[:2]
        if places.numel() > MOST_PLACES:
            return F.conv2d(maps, self.weight, self.bias, self.stride, self.padding)
        flat = maps.permute(0, 2, 3, 1).reshape(
            number, -1, channels
        )  # a view where maps are channels last
        flat = F.pad(flat, (0, 0, 0, 1))  # a last place that is black, for the padding
        met = flat.index_select(1, taps.flatten()).reshape(number * places.numel(), -1)
        weight = self.weight[:, :, *live].permute(0, 2, 3, 1).reshape(len(self.weight), -1)
        return F.linear(met, weight, self.bias).reshape(number, *places, -1).permute(0, 3, 1, 2)


def replace(model: nn.Module) -> None:
    """Put a SmallMapConv2d in the place of every convolution of `model` that could make small
    maps.
    """
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.Conv2d) and _plain(layer):
                setattr(parent, name, SmallMapConv2d(layer))


def _plain(conv: nn.Conv2d) -> bool:
    neither = conv.groups == 1 and conv.dilation == (1, 1)
    return (
        neither
        and conv.kernel_size != (1, 1)
        and conv.padding_mode == "zeros"
        and not isinstance(conv.padding, str)
    )


@lru_cache(maxsize=64)
def _places(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
) -> tuple[tuple[slice, slice], Tensor]:
    """Which rows and columns of the kernel ever meet the map, and what they meet.

    int64 [output rows, output columns, kernel rows, kernel columns]: a place of the map, row by
    row, or their number for the padding.
    """
    height, width = size
    met, inside, live = [], [], []
    for side, taps, step, pad in zip(size, kernel, stride, padding, strict=True):
        outputs = torch.arange((side + 2 * pad - taps) // step + 1)
        position = outputs[:, None] * step - pad + torch.arange(taps)  # [outputs, taps]
        within = (position >= 0) & (position < side)
        used = within.any(0).nonzero().flatten()
        live.append(slice(int(used[0]), int(used[-1]) + 1))
        met.append(position[:, live[-1]])
        inside.append(within[:, live[-1]])
    place = met[0][:, None, :, None] * width + met[1][None, :, None, :]
    both = inside[0][:, None, :, None] & inside[1][None, :, None, :]
    return (live[0], live[1]), torch.where(both, place, height * width)
