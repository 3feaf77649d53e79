"""torchreid's backbones, with our head on their feature vectors, and its registry of data sets.

Only this module imports torchreid, and only when needed. A backbone is named `torchreid:NAME`.
"""

import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import cast

import torch
from torch import Tensor, nn

PREFIX = "torchreid:"
Item = tuple[str, int, int, int]  # torchreid's (file, pid, 0-based camid, dsetid)
# hacnn needs a GPU and a fixed image size; PCB classifies parts of an image and has no vector for
# the whole image.
OTHER = {"hacnn", "pcb_p4", "pcb_p6"}


def check(backbone: str) -> None:
    """Check that torchreid has a backbone.

    Raises:
        ValueError: If torchreid does not know the name, or is not installed.
    """
    known = names()
    if backbone not in known:
        raise ValueError(f"unknown backbone {backbone!r}; torchreid has {', '.join(known)}")


def names() -> list[str]:
    """Names of all available backbones, sorted."""
    return sorted(
        PREFIX + name for name in _models().__dict__["__model_factory"] if name not in OTHER
    )


def base(backbone: str, pretrained: bool) -> tuple[nn.Module, int]:
    """Build a network, images [N, 3, H, W] -> [N, channels, 1, 1].

    Returns:
        The network and its number of channels.

    Raises:
        ValueError: If torchreid has no ImageNet weights for it.
        OSError: If the weights can be neither read nor downloaded.
    """
    name = backbone.removeprefix(PREFIX)
    state = torch.get_rng_state()
    network = _build(name, pretrained)
    if pretrained:
        torch.set_rng_state(state)
        untrained = _build(name, pretrained=False).state_dict()
        if all(torch.equal(value, untrained[key]) for key, value in network.state_dict().items()):
            raise ValueError(
                f"torchreid has no ImageNet weights for {backbone}; set network.pretrained: false"
            )
    channels = cast(nn.Linear, network.classifier).in_features
    network.classifier = nn.Identity()  # replaced by our head
    return _Features(network), channels


def register_images(
    name: str, train: Sequence[Item], query: Sequence[Item], gallery: Sequence[Item]
) -> None:
    """Register a data set for torchreid's ImageDataManager; pids of `train` are classes from 0.

    Raises:
        ValueError: If torchreid is not installed, or already has a data set of this name.
    """
    data = _torchreid("to register a data set you need", "").data

    class Images(data.ImageDataset):
        _junk_pids = [0, -1]

        def __init__(self, root="", **settings):
            super().__init__(list(train), list(query), list(gallery), **settings)

    Images.__name__ = Images.__qualname__ = name
    try:
        data.register_image_dataset(name, Images)
    except ValueError as error:
        raise ValueError(
            f"torchreid already has a data set named {name!r}; choose another name"
        ) from error


class _Features(nn.Module):
    """The features of a torchreid network, as maps [N, channels, 1, 1].

    With loss "triplet" the network returns (logits, features) in training, and features in eval
    mode.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        output = self.network(images)
        features = output[1] if self.training else output
        return features[:, :, None, None]


def _build(name: str, pretrained: bool) -> nn.Module:
    try:
        with warnings.catch_warnings():
            # Warnings that some names have no weights; `base` checks this for all names.
            warnings.simplefilter("ignore")
            return _models().build_model(
                name, num_classes=1, loss="triplet", pretrained=pretrained, use_gpu=False
            )
    except Exception as error:  # any error of the download
        if not pretrained:
            raise
        raise OSError(
            f"torchreid cannot load the ImageNet weights of {name} ({type(error).__name__}: {error}). On a machine with "
            f"network access run\n"
            f"    python -c \"from torchreid.reid.models import build_model; build_model('{name}', 1, pretrained=True)\"\n"
            "and copy its folder ~/.cache/torch to this one, or set network.pretrained: false"
        ) from error


def _models() -> ModuleType:
    return _torchreid(f"backbones {PREFIX}NAME need", ", or choose another backbone").models


def _torchreid(needs: str, instead: str) -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its Cython evaluator is missing
            import torchreid.reid
    except ImportError as error:
        raise ValueError(f"{needs} torchreid ({error}): pip install torchreid{instead}") from error
    return torchreid.reid
