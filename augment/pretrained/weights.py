"""Loads pretrained weights from torch hub's cache.

This project does not ship them; they are downloads of 10 to 250 MB. TORCH_HOME moves the cache. A
network without its weights is `Unavailable`, with the reason and the file.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Unavailable:
    """A network or metric that is not available: the reason, and the file that it needs."""

    reason: str
    file: str


@dataclass(frozen=True)
class Outside:
    """A pretrained network.

    library: package that it needs
    url: address of its weights
    build: builds the network from its weights and their file
    """

    library: str
    url: str
    build: Callable[[dict[str, Tensor], Path], nn.Module]

    @property
    def file(self) -> Path:
        return Path(torch.hub.get_dir()) / "checkpoints" / self.url.rsplit("/", 1)[-1]


def load(outside: Outside, device: str) -> nn.Module | Unavailable:
    """The network in evaluation mode, from its file in torch hub's cache; never a download."""
    file, lacking = outside.file, []
    if not file.is_file():
        lacking.append(
            f"{file.name} is not in torch hub's cache; download {outside.url} and put it there"
        )
    if find_spec(outside.library) is None:
        lacking.append(f"{outside.library} is not installed: pip install 'reid-augment[metrics]'")
    if lacking:
        return Unavailable("; ".join(lacking), str(file))
    try:
        network = outside.build(torch.load(file, map_location="cpu", weights_only=True), file)
    except (RuntimeError, UnpicklingError, EOFError, KeyError, OSError) as error:
        problem = str(error).splitlines()[0] if str(error) else type(error).__name__
        return Unavailable(
            f"{file.name} does not hold the weights of {outside.url} ({problem}); download it again",
            str(file),
        )
    return network.requires_grad_(False).eval().to(device)


def filled(network: nn.Module, weights: dict[str, Tensor]) -> nn.Module:
    network.load_state_dict(weights)
    return network
