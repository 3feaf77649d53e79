"""Convolutions with very small output maps on a CPU, as matrix products.

For images of 64 x 32 px, a ResNet-18 ends in maps of 2 x 1 px. At that size oneDNN takes five times
as long as the equivalent matrix product, because it cannot split the weight's gradient over
positions, and two thirds of the weights only ever meet the padding.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MOST_PLACES = 8  # with more output positions oneDNN is as fast


class SmallMapConv2d(nn.Module):
    """An nn.Conv2d with the same weights and names, which computes small maps by a matrix product.

    Maps are small if they have at most MOST_PLACES positions.
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
        # A view if maps are channels last.
        flat = maps.permute(0, 2, 3, 1).reshape(number, -1, channels)
        flat = F.pad(flat, (0, 0, 0, 1))  # a last position of zeros, for the padding
        met = flat.index_select(1, taps.flatten()).reshape(number * places.numel(), -1)
        weight = self.weight[:, :, *live].permute(0, 2, 3, 1).reshape(len(self.weight), -1)
        return F.linear(met, weight, self.bias).reshape(number, *places, -1).permute(0, 3, 1, 2)


def replace(model: nn.Module) -> None:
    """Replace every convolution of `model` that may compute small maps by a SmallMapConv2d."""
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.Conv2d) and _plain(layer):
                setattr(parent, name, SmallMapConv2d(layer))


def _plain(conv: nn.Conv2d) -> bool:
    return (
        conv.groups == 1
        and conv.dilation == (1, 1)
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
    """The rows and columns of the kernel that ever meet the map, and the positions they meet.

    Returns:
        (live, taps). live: slices of the kernel's rows and columns. taps, int64 [output rows,
        output columns, kernel rows, kernel columns]: positions in the map, counted row by row; the
        number of positions stands for the padding.
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
