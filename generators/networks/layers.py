"""Building blocks that two or more generators share."""

from torch import Tensor, nn

NORMS = ("batch", "instance")


def norm(kind: str, channels: int) -> nn.Module:
    """Normalisation over `channels`.

    `batch` is affine; `instance` is not, and has no running statistics.

    Raises:
        ValueError: If the kind is unknown.
    """
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "instance":
        return nn.InstanceNorm2d(channels)
    raise ValueError(f"norm is {kind!r}; it must be one of {', '.join(NORMS)}")


def conv(inputs: int, outputs: int, kernel: int, norm_kind: str, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size (stride 1) or halves it (stride 2).

    Stride 1 pads by reflection, stride 2 with zeros, as in the public PATN. The convolution has a
    bias only with instance norm, since batch norm adds its own.
    """
    padding_mode = "reflect" if stride == 1 else "zeros"
    return nn.Conv2d(
        inputs,
        outputs,
        kernel,
        stride,
        kernel // 2,
        bias=norm_kind == "instance",
        padding_mode=padding_mode,
    )


class ResidualBlock(nn.Module):
    """x + conv-norm-activation-dropout-conv-norm(x); size and number of channels stay the same."""

    def __init__(self, channels: int, norm_kind: str, activation: nn.Module, dropout: float):
        super().__init__()
        self.body = nn.Sequential(
            conv(channels, channels, 3, norm_kind),
            norm(norm_kind, channels),
            activation,
            nn.Dropout(dropout),
            conv(channels, channels, 3, norm_kind),
            norm(norm_kind, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def initialise(network: nn.Module) -> None:
    """Initialise a network as in the public PATN.

    Convolution weights are drawn from N(0, 0.02^2), batch-norm weights from N(1, 0.02^2). The
    biases of convolutions are zero.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
