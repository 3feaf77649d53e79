"""Re-identification models: a base that makes maps of an image, global average pooling, and a
head.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from reid import torchreid_door
from reid.heads import LinearHead, Output, bnneck
from reid.inception import Inception


@dataclass(frozen=True)
class NetworkParams:
    pretrained: bool  # ImageNet weights for the base
    last_stride: Literal[
        1, 2
    ]  # of the last stage of a ResNet: 1 doubles the sides of its maps (bag of tricks), 2 as published
    width: float  # factor on the channels of inception; 1 is the published network
    head: Literal[
        "linear", "bnneck", "bnneck_cosine"
    ]  # open-reid's, bag of tricks'; the latter with a cosine classifier
    embedding: int | None  # numbers per image before the classifier, of head linear; open-reid 128
    dropout: float  # of head linear; open-reid 0.5

    def __post_init__(self):
        if self.head == "linear" and (self.embedding is None or self.embedding < 1):
            raise ValueError(
                f"network.embedding must be at least 1 where network.head is linear, got {self.embedding}"
            )
        if self.head != "linear" and (self.embedding is not None or self.dropout):
            raise ValueError(
                f"network.head {self.head} has neither an embedding of its own nor dropout: set network.embedding: null "
                f"and network.dropout: 0.0 (they are {self.embedding} and {self.dropout})"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"network.dropout must lie in [0, 1), got {self.dropout}")
        if self.width <= 0:
            raise ValueError(f"network.width must be positive, got {self.width}")


class ReidModel(nn.Module):
    """`base` makes maps [N, channels, h, w] of images, `head` the Output of their means."""

    def __init__(self, base: nn.Module, head: nn.Module):
        super().__init__()
        self.base = base
        self.head = head

    def forward(self, images: Tensor) -> Output:
        """Normalised images [N, 3, H, W] -> Output."""
        return self.head(self.base(images).mean((2, 3)))


def _inception(params: NetworkParams) -> tuple[nn.Module, int]:
    if params.pretrained:
        raise ValueError(
            "inception has no ImageNet weights: it is trained from scratch; set network.pretrained: false"
        )
    base = Inception(params.width)
    return base, base.channels


TIMM_RESNET50 = "resnet50.tv_in1k"  # torchvision's first ImageNet weights, the ones open-reid used


def _resnet50(params: NetworkParams) -> tuple[nn.Module, int]:
    import timm  # takes longer to import than all the rest; the other models do without

    try:
        base = timm.create_model(
            TIMM_RESNET50, pretrained=params.pretrained, num_classes=0, global_pool=""
        )
    except (
        Exception
    ) as error:  # timm passes on whatever the download raises: OSError, RuntimeError, httpx errors
        if not params.pretrained:
            raise
        raise OSError(
            f"the ImageNet weights {TIMM_RESNET50} are neither in the local cache nor downloadable "
            f"({type(error).__name__}: {error}). On a machine with network access run\n"
            f"    python -c \"import timm; timm.create_model('{TIMM_RESNET50}', pretrained=True)\"\n"
            "and copy its folder ~/.cache/huggingface to this one, or set network.pretrained: false"
        ) from error
    return base, base.num_features


BASES = {"inception": _inception, "resnet50": _resnet50}


def check_backbone(name: str) -> None:
    """Raises ValueError, which lists the names there are, for a backbone that `build` does not
    know."""
    if name.startswith(torchreid_door.PREFIX):
        torchreid_door.check(name)
    elif name not in BASES:
        raise ValueError(
            f"unknown backbone {name!r}; there are {', '.join(sorted(BASES))}, and torchreid's as {torchreid_door.PREFIX}NAME"
        )


def build(name: str, num_classes: int, params: NetworkParams) -> ReidModel:
    """A new model; its first weights come from torch's global generator.

    Raises:
        ValueError: an unknown name, or one that cannot be had as `params` want it.
        OSError: its ImageNet weights are wanted, but cannot be read or downloaded.
    """
    check_backbone(name)
    if params.width != 1 and name != "inception":
        raise ValueError(
            f"{name} comes in one width; set network.width: 1.0 (it is {params.width})"
        )
    if name in BASES:
        base, channels = BASES[name](params)
    else:
        base, channels = torchreid_door.base(name, params.pretrained)
    if params.last_stride == 1:
        _keep_last_side(base, name)
    if params.head == "linear":
        return ReidModel(base, LinearHead(channels, num_classes, params.embedding, params.dropout))
    return ReidModel(base, bnneck(channels, num_classes, cosine=params.head == "bnneck_cosine"))


def _keep_last_side(base: nn.Module, name: str) -> None:
    """The last stage of a ResNet no longer halves the sides of its maps (bag of tricks, section
    3.4).
    """
    halving = [
        module
        for stage, module in base.named_modules()
        if "layer4" in stage.split(".")
        and isinstance(module, nn.Conv2d)
        and module.stride == (2, 2)
    ]
    if not halving:
        raise ValueError(
            f"{name} is no ResNet, whose last stage could keep its sides; set network.last_stride: 2"
        )
    for module in halving:
        module.stride = (1, 1)
