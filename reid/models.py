"""Re-identification models: a base that makes a feature map, and one head for all of them.

The head is open-reid's (Cysu/open-reid, to which the experiment's paper refers): global average pooling -> linear
embedding -> batch norm -> ReLU -> dropout -> linear classifier.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

CLASSIFIER_STD = 0.001  # open-reid


@dataclass(frozen=True)
class NetworkParams:
    pretrained: bool  # ImageNet weights for the base
    embedding: int  # numbers per image before the classifier, open-reid 128
    dropout: float  # open-reid 0.5
    width: float  # factor on the channels of the base; 1 is the published network

    def __post_init__(self):
        if self.embedding < 1:
            raise ValueError(f"network.embedding must be at least 1, got {self.embedding}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"network.dropout must lie in [0, 1), got {self.dropout}")
        if self.width <= 0:
            raise ValueError(f"network.width must be positive, got {self.width}")


class ReidModel(nn.Module):
    """`base` makes a feature map [N, channels, h, w]; the rest is the head."""

    def __init__(self, base: nn.Module, channels: int, num_classes: int, params: NetworkParams):
        super().__init__()
        self.base = base
        self.embedding = nn.Linear(channels, params.embedding)
        self.norm = nn.BatchNorm1d(params.embedding)
        self.dropout = nn.Dropout(params.dropout)
        self.classifier = nn.Linear(params.embedding, num_classes)
        nn.init.kaiming_normal_(self.embedding.weight, mode="fan_out")
        nn.init.zeros_(self.embedding.bias)
        nn.init.normal_(self.classifier.weight, std=CLASSIFIER_STD)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised images [N, 3, H, W] -> (embedding [N, D] after batch norm and before ReLU, logits [N, C])."""
        pooled = self.base(images).mean((2, 3))  # [N, channels]
        embedding = self.norm(self.embedding(pooled))
        return embedding, self.classifier(self.dropout(embedding.relu()))


class Inception(nn.Sequential):
    """The base of open-reid's `inception`, which is neither GoogLeNet nor Inception-v2 and has no published weights.

    Three 3x3 convolutions, a pooling, then six blocks; an image of 144 x 56 px ends as 1536 maps of 10 x 4.
    """

    def __init__(self, width: float):
        def scaled(channels: int) -> int:
            return max(1, round(channels * width))

        stem = scaled(32)
        layers = [_conv(3, stem, 3), _conv(stem, stem, 3), _conv(stem, stem, 3), nn.MaxPool2d(2, 2, padding=1)]
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
        return torch.cat([branch(maps) for branch in self.branches], dim=1)


class _MaxBlock(nn.Module):
    """[N, C, h, w] -> [N, C + 2 out, h / 2, w / 2], sides rounded up."""

    def __init__(self, channels: int, out: int):
        super().__init__()
        self.branches = nn.ModuleList(
            [
                nn.Sequential(_conv(channels, out, 1), _conv(out, out, 3, stride=2)),
                nn.Sequential(_conv(channels, out, 1), _conv(out, out, 3), _conv(out, out, 3, stride=2)),
                nn.MaxPool2d(3, 2, padding=1),
            ]
        )

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([branch(maps) for branch in self.branches], dim=1)


def _conv(channels: int, out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(inplace=True),
    )


def _inception(num_classes: int, params: NetworkParams) -> ReidModel:
    if params.pretrained:
        raise ValueError("inception has no ImageNet weights: it is trained from scratch; set network.pretrained: false")
    base = Inception(params.width)
    return ReidModel(base, base.channels, num_classes, params)


TIMM_RESNET50 = "resnet50.tv_in1k"  # torchvision's first ImageNet weights, the ones open-reid used


def _resnet50(num_classes: int, params: NetworkParams) -> ReidModel:
    if params.width != 1:
        raise ValueError(f"resnet50 comes in one width; set network.width: 1.0 (it is {params.width})")
    import timm  # takes longer to import than all the rest; the other models do without

    try:
        base = timm.create_model(TIMM_RESNET50, pretrained=params.pretrained, num_classes=0, global_pool="")
    except Exception as error:  # timm passes on whatever the download raises: OSError, RuntimeError, httpx errors
        if not params.pretrained:
            raise
        raise RuntimeError(
            f"the ImageNet weights {TIMM_RESNET50} are neither in the local cache nor downloadable "
            f"({type(error).__name__}: {error}). On a machine with network access run\n"
            f"    python -c \"import timm; timm.create_model('{TIMM_RESNET50}', pretrained=True)\"\n"
            "and copy its folder ~/.cache/huggingface to this one, or set network.pretrained: false"
        ) from error
    return ReidModel(base, base.num_features, num_classes, params)


MODELS = {"inception": _inception, "resnet50": _resnet50}


def build(name: str, num_classes: int, params: NetworkParams) -> ReidModel:
    """A new model; its first weights come from torch's global generator. ValueError lists the names there are."""
    if name not in MODELS:
        raise ValueError(f"unknown re-ID model {name!r}; there are {', '.join(sorted(MODELS))}")
    return MODELS[name](num_classes, params)
