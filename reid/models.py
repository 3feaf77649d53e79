"""Re-identification models: a base that turns an image into maps, average pooling, and a head."""

from dataclasses import dataclass
from typing import Literal, cast

from torch import Tensor, nn

from reid import torchreid_door
from reid.heads import LinearHead, Output, bnneck
from reid.inception import Inception

TIMM_RESNET50 = "resnet50.tv_in1k"  # torchvision's first ImageNet weights, the ones open-reid used


@dataclass(frozen=True)
class NetworkParams:
    """Section `network`.

    pretrained: ImageNet weights for the base
    last_stride: stride of a ResNet's last stage; 2 as published, 1 doubles the sides of its maps
        (bag of tricks)
    width: factor on the channels of inception; 1 is the published network
    head: open-reid's, bag of tricks', or the latter with a cosine classifier
    embedding: numbers per image before the classifier of head linear; open-reid 128
    dropout: dropout of head linear; open-reid 0.5

    Raises:
        ValueError: If a value is invalid.
    """

    pretrained: bool
    last_stride: Literal[1, 2]
    width: float
    head: Literal["linear", "bnneck", "bnneck_cosine"]
    embedding: int | None
    dropout: float

    def __post_init__(self):
        if self.head == "linear" and (self.embedding is None or self.embedding < 1):
            raise ValueError(
                f"network.embedding must be at least 1 if network.head is linear, got {self.embedding}"
            )
        if self.head != "linear" and (self.embedding is not None or self.dropout):
            raise ValueError(
                f"network.head {self.head} has neither a separate embedding nor dropout: set network.embedding: null and "
                f"network.dropout: 0.0 (they are {self.embedding} and {self.dropout})"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"network.dropout must lie in [0, 1), got {self.dropout}")
        if self.width <= 0:
            raise ValueError(f"network.width must be positive, got {self.width}")


class ReidModel(nn.Module):
    """A base that turns images into maps [N, channels, h, w], and a head on the maps' means."""

    def __init__(self, base: nn.Module, head: nn.Module):
        super().__init__()
        self.base = base
        self.head = head

    def forward(self, images: Tensor) -> Output:
        """Output for normalised images [N, 3, H, W]."""
        return self.head(self.base(images).mean((2, 3)))


def _inception(params: NetworkParams) -> tuple[nn.Module, int]:
    if params.pretrained:
        raise ValueError(
            "inception has no ImageNet weights: it is trained from scratch; set network.pretrained: false"
        )
    base = Inception(params.width)
    return base, base.channels


def _resnet50(params: NetworkParams) -> tuple[nn.Module, int]:
    import timm  # slow to import, and the other models do not need it

    try:
        base = timm.create_model(
            TIMM_RESNET50, pretrained=params.pretrained, num_classes=0, global_pool=""
        )
    # timm passes on any error of the download: OSError, RuntimeError, httpx errors.
    except Exception as error:
        if not params.pretrained:
            raise
        raise OSError(
            f"the ImageNet weights {TIMM_RESNET50} are not in the local cache and cannot be downloaded "
            f"({type(error).__name__}: {error}). On a machine with network access run\n"
            f"    python -c \"import timm; timm.create_model('{TIMM_RESNET50}', pretrained=True)\"\n"
            "and copy its folder ~/.cache/huggingface to this one, or set network.pretrained: false"
        ) from error
    return base, cast(int, base.num_features)


BASES = {"inception": _inception, "resnet50": _resnet50}


def check_backbone(name: str) -> None:
    """Check that `build` knows a backbone.

    Raises:
        ValueError: If it does not; the message lists the known names.
    """
    if name.startswith(torchreid_door.PREFIX):
        torchreid_door.check(name)
    elif name not in BASES:
        raise ValueError(
            f"unknown backbone {name!r}; available: {', '.join(sorted(BASES))}, and torchreid's as {torchreid_door.PREFIX}NAME"
        )


def build(name: str, num_classes: int, params: NetworkParams) -> ReidModel:
    """Build a model; its initial weights come from torch's global generator.

    Raises:
        ValueError: If the name is unknown, or the backbone does not support `params`.
        OSError: If its ImageNet weights can be neither read nor downloaded.
    """
    check_backbone(name)
    if params.width != 1 and name != "inception":
        raise ValueError(f"{name} has a fixed width; set network.width: 1.0 (it is {params.width})")
    if name in BASES:
        base, channels = BASES[name](params)
    else:
        base, channels = torchreid_door.base(name, params.pretrained)
    if params.last_stride == 1:
        _keep_last_side(base, name)
    if params.head == "linear" and params.embedding is not None:
        return ReidModel(base, LinearHead(channels, num_classes, params.embedding, params.dropout))
    return ReidModel(base, bnneck(channels, num_classes, cosine=params.head == "bnneck_cosine"))


def _keep_last_side(base: nn.Module, name: str) -> None:
    """Set a ResNet's last stage not to halve the sides of its maps (bag of tricks, section 3.4)."""
    halving = [
        module
        for stage, module in base.named_modules()
        if "layer4" in stage.split(".")
        and isinstance(module, nn.Conv2d)
        and module.stride == (2, 2)
    ]
    if not halving:
        raise ValueError(f"{name} is not a ResNet, so network.last_stride cannot be 1; set it to 2")
    for module in halving:
        module.stride = (1, 1)
