"""The model that renders: a trained generator's file, with or without a packed pose network, or the
puppet, which needs no file.
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
LARGEST_PUPPET_PX = 512  # of the longer side; larger images are reduced


@dataclass(frozen=True)
class Model:
    """A generator that is ready to render.

    name: patn, ..., puppet
    file: its file; None for the puppet
    size: (height, width) in px of its images; None for the puppet, which takes the source's size
    pose_network: a generators.pose_network.PoseEstimator, if any
    trained_on: as checkpoint.read_trained_on has it; empty for the puppet
    """

    name: str
    file: Path | None
    generator: Any
    size: tuple[int, int] | None
    pose_network: Any | None
    trained_on: dict

    @property
    def parsing(self) -> str | None:
        """Source of the generator's parsing maps in training, one of generators.body.parsing.KINDS;
        None if it uses none.
        """
        return None if self.file is None else self.generator.parsing

    @property
    def network_size(self) -> tuple[int, int]:
        """`size` of a model that is a network."""
        assert self.size is not None
        return self.size


def device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def open_model(given: str, pose_network: Path | None) -> Model:
    """The model of `--model`: a file, or `puppet`.

    Args:
        pose_network: a file that holds a pose network; it takes precedence over one in the model's
            own file.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file holds no finished generator, or no pose network.
    """
    finder, where = None, device()
    if pose_network is not None:
        finder = load_pose_network(_existing(pose_network), where)
        if finder is None:
            raise ValueError(
                f"{pose_network}: holds no pose network; give the file that `augment train-pose-network` wrote"
            )
    if given == PUPPET:
        return Model(PUPPET, None, _puppet(), None, finder, {})
    file = _existing(Path(given))
    generator = load_generator(file, where)
    if generator.name not in GENERATORS:
        raise ValueError(
            f"{file}: is a {generator.name}, which renders no images; give a generator's file"
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
            f"{file}: not found; --model takes a generator's file, or {PUPPET}, which needs none"
        )
    return file


def _puppet() -> Any:
    """The puppet with the shipped params, without a colour cast: here a person keeps the background."""
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
