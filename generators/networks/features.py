"""Feature networks, with which perceptual, content and style losses compare images.

A feature network is VGG with torchvision's ImageNet weights, as in the papers, or the trunk of the
pose network that the pipeline has trained, which needs no outside weights. Layers have VGG's names
in both: relu<block>_<number>. In the pose network relu<k>_<any> is level k of the trunk: 1 at full
size, 2 at half, 3 at a quarter, 4 and 5 at an eighth of the size.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from urllib.error import URLError

import torch
from torch import Tensor, nn

FEATURE_KINDS = ("vgg19", "vgg16", "pose_network")
PERCEPTUAL_KINDS = ("none", *FEATURE_KINDS)
CONVOLUTIONS = {"vgg19": (2, 2, 4, 4, 4), "vgg16": (2, 2, 3, 3, 3)}  # of each block
CHANNELS = (64, 128, 256, 512, 512)


def feature_network(
    kind: str, layers: tuple[str, ...], pose_network: nn.Module | None
) -> nn.Module:
    """A frozen network: images [N, 3, H, W] in [-1, 1] -> one float32 map [N, C, h, w] per layer.

    Raises:
        ValueError: If the kind or a layer is unknown, or the kind is pose_network and no pose
            network is given.
        RuntimeError: If VGG's weights are not in torch hub's cache and cannot be downloaded; the
            message says how to get them.
    """
    if kind not in FEATURE_KINDS:
        raise ValueError(f"perceptual is {kind!r}; it must be one of {', '.join(FEATURE_KINDS)}")
    if kind != "pose_network":
        return _Vgg(kind, layers)
    if pose_network is None:
        raise ValueError(
            "perceptual: pose_network needs a trained pose network; run `augment train-pose-network` first"
        )
    return _Trunk(pose_network, layers)


class _Trunk(nn.Module):
    def __init__(self, pose_network: nn.Module, layers: tuple[str, ...]):
        super().__init__()
        # Frozen by its owner. The list keeps it from being registered as a part of this module, so
        # that moving or training this module leaves it alone.
        self.pose_network = [pose_network]
        self.levels = [min(_block(layer), 4) - 1 for layer in layers]

    def forward(self, images: Tensor) -> list[Tensor]:
        trunk = cast(Callable[[Tensor], list[Tensor]], self.pose_network[0].features)
        maps = trunk(images.float())
        return [maps[level].float() for level in self.levels]


class _Vgg(nn.Module):
    mean: Tensor
    std: Tensor

    def __init__(self, kind: str, layers: tuple[str, ...]):
        super().__init__()
        names, modules, inputs = [], [], 3
        for block, (convolutions, channels) in enumerate(
            zip(CONVOLUTIONS[kind], CHANNELS, strict=True), start=1
        ):
            for number in range(1, convolutions + 1):
                modules += [nn.Conv2d(inputs, channels, 3, padding=1), nn.ReLU()]
                names += ["", f"relu{block}_{number}"]
                inputs = channels
            modules.append(nn.MaxPool2d(2))
            names.append("")
        if unknown := [layer for layer in layers if layer not in names]:
            raise ValueError(
                f"{kind} has no layer {unknown[0]!r}; it has {', '.join(filter(None, names))}"
            )
        self.taken = [names.index(layer) for layer in layers]
        self.features = nn.Sequential(*modules[: max(self.taken) + 1])
        weights = vgg_weights(kind)
        self.load_state_dict({name: weights[name] for name in self.state_dict()})
        self.requires_grad_(False)
        transform = _weights(kind).transforms()
        self.register_buffer("mean", torch.tensor(transform.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(transform.std).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> list[Tensor]:
        maps, x = {}, ((images.float() + 1) / 2 - self.mean) / self.std
        for number, module in enumerate(self.features):
            x = module(x)
            if number in self.taken:
                maps[number] = x.float()
        return [maps[number] for number in self.taken]


def _block(layer: str) -> int:
    if not (layer.startswith("relu") and layer[4:5] in tuple("12345") and layer[5:6] == "_"):
        raise ValueError(f"unknown layer {layer!r}; layers are named relu1_1 to relu5_4")
    return int(layer[4])


def _weights(kind: str) -> Any:
    """torchvision's entry for the network's ImageNet weights."""
    import torchvision  # a second to import, and most generators do without it

    return getattr(torchvision.models, f"{kind.upper()}_Weights").IMAGENET1K_V1


def vgg_weights(kind: str) -> dict[str, Tensor]:
    """torchvision's weights, from torch hub's cache or downloaded into it.

    Raises:
        RuntimeError: If the weights can be neither read nor downloaded.
    """
    url = _weights(kind).url
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    try:
        return torch.hub.load_state_dict_from_url(
            url, str(folder), map_location="cpu", weights_only=True
        )
    except (URLError, OSError) as error:
        name = url.rsplit("/", 1)[-1]
        raise RuntimeError(
            f"perceptual: {kind} needs torchvision's {kind.upper().replace('VGG', 'VGG-')} weights, but {folder / name} was "
            f"not found and cannot be downloaded ({error}). On a machine with a connection run `python -c 'import torchvision; "
            f'torchvision.models.{kind}(weights="IMAGENET1K_V1")\'`, copy {name} from its torch hub cache '
            f"(~/.cache/torch/hub/checkpoints) into {folder} (TORCH_HOME moves that folder), or set perceptual: none or "
            "pose_network"
        ) from error
