"""Opens the model that renders: a trained generator's file, or the puppet, which needs none.

A generator's file may also hold a packed pose network.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from generators.body.body_parts import USUAL
from generators.puppet.puppet import Puppet, PuppetParams
from generators.registry import GENERATORS
from generators.training.checkpoint import load_generator, load_pose_network, read_trained_on

PUPPET = "puppet"
LARGEST_PUPPET_PX = 512  # the longer side; larger images are reduced


@dataclass(frozen=True)
class Model:
    """A generator that is ready to render.

    name: patn, ..., puppet
    file: its file; None for the puppet
    size: (height, width) in px of its images; None for the puppet, which takes the source's size
    pose_network: a generators.pose_network.PoseEstimator, if any
    trained_on: from checkpoint.read_trained_on; empty for the puppet
    """

    name: str
    file: Path | None
    generator: Any
    size: tuple[int, int] | None
    pose_network: Any | None
    trained_on: dict

    @property
    def parsing(self) -> str | None:
        """Source of the generator's parsing maps in training (generators.body.parsing.KINDS), if any."""
        return None if self.file is None else self.generator.parsing

    @property
    def network_size(self) -> tuple[int, int]:
        """`size` of a model that is a network."""
        assert self.size is not None
        return self.size


def device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def open_model(name: str, pose_network: Path | None) -> Model:
    """Open the model of `--model`: a file, or `puppet`.

    Args:
        pose_network: a file that holds a pose network; it takes precedence over one in the model's
            file.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file holds no finished generator, or no pose network.
    """
    finder, where = None, device()
    if pose_network is not None:
        finder = load_pose_network(_existing(pose_network), where)
        if finder is None:
            raise ValueError(
                f"{pose_network}: holds no pose network; pass the file that `augment train-pose-network` wrote"
            )
    if name == PUPPET:
        return Model(PUPPET, None, _puppet(), None, finder, {})
    file = _existing(Path(name))
    generator = load_generator(file, where)
    if generator.name not in GENERATORS:
        raise ValueError(
            f"{file}: holds {generator.name}, which renders no images; pass a generator's file"
        )
    finder = load_pose_network(file, where) if finder is None else finder
    return Model(
        generator.name,
        file,
        generator,
        tuple(generator.params.image_size),
        finder,
        read_trained_on(file),
    )


def _existing(file: Path) -> Path:
    if not file.is_file():
        raise FileNotFoundError(
            f"{file}: not found; --model takes a generator's file, or {PUPPET}, which needs no file"
        )
    return file


def _puppet() -> Any:
    """The puppet with the shipped params, but no colour cast, because the background stays."""
    params = PuppetParams(
        image_size=(128, 64),
        parts=USUAL,
        soft=0.012,
        dilation=0.15,
        cast=0.0,
        cast_limits=(1.0, 1.0),
        parsing=True,
    )
    return Puppet(params)
