"""The only file that imports torchreid: its backbones, each with our head on its own feature
vector, and its data sets.

A backbone is named `torchreid:NAME`. torchreid is imported when one is asked for, and may be
missing until then.
"""

import warnings
from collections.abc import Sequence
from types import ModuleType

import torch
from torch import Tensor, nn

PREFIX = "torchreid:"
# hacnn needs a GPU and an image size of its own; PCB classifies parts of an image and has no vector
# of the whole.
OTHER = {"hacnn", "pcb_p4", "pcb_p6"}


def check(backbone: str) -> None:
    """Raises ValueError for a name that torchreid does not know, or where torchreid is missing."""
    known = names()
    if backbone not in known:
        raise ValueError(f"unknown backbone {backbone!r}; torchreid has {', '.join(known)}")


def names() -> list[str]:
    return sorted(
        PREFIX + name for name in _models().__dict__["__model_factory"] if name not in OTHER
    )


def base(backbone: str, pretrained: bool) -> tuple[nn.Module, int]:
    """The network, images [N, 3, H, W] -> [N, channels, 1, 1], and channels. OSError where weights
    cannot be had.
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
    channels = network.classifier.in_features
    network.classifier = nn.Identity()  # ours takes its place
    return _Features(network), channels


# (file, pid, 0-based camid, dsetid), as torchreid has it.
Item = tuple[str, int, int, int]


def register_images(
    name: str, train: Sequence[Item], query: Sequence[Item], gallery: Sequence[Item]
) -> None:
    """Make a data set known to torchreid's ImageDataManager; pids of `train` are classes, 0 and up.

    Raises ValueError where torchreid is missing, or has a data set of this name.
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
            f"torchreid has a data set named {name!r} already; choose another name"
        ) from error


class _Features(nn.Module):
    """torchreid's networks give features in eval mode, and with loss "triplet" (logits, features)
    in training.
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
            warnings.simplefilter(
                "ignore"
            )  # that there are no weights for some names, which `base` finds out for all
            return _models().build_model(
                name, num_classes=1, loss="triplet", pretrained=pretrained, use_gpu=False
            )
    except Exception as error:  # whatever the download raises
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
            warnings.simplefilter("ignore")  # that its Cython evaluator is missing
            import torchreid.reid
    except ImportError as error:
        raise ValueError(f"{needs} torchreid ({error}): pip install torchreid{instead}") from error
    return torchreid.reid
