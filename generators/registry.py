"""The generators by name. A generator is imported only when its class is requested.

A generator's registry key, package, main module and section of params.yaml share one name.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a real import would load torch
    from generators.training.generator import Trainable

_CLASSES = {
    "patn": "Patn", "apatn": "Apatn", "spt": "Spt", "spgnet": "SpgNet",
    "warping_gan": "WarpingGan", "puppet": "Puppet", "pose_network": "PoseEstimator",
}  # fmt: skip
POSE_NETWORK = "pose_network"
TRAINABLE = tuple(_CLASSES)
GENERATORS = tuple(name for name in TRAINABLE if name != POSE_NETWORK)


def generator_class(name: str) -> "type[Trainable]":
    """The class of generators/<name>/<name>.py.

    Raises:
        ValueError: If the name is unknown.
    """
    if name not in _CLASSES:
        raise ValueError(f"unknown generator {name!r}; available: {', '.join(sorted(GENERATORS))}")
    return getattr(import_module(f"generators.{name}.{name}"), _CLASSES[name])
