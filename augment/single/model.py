"""What renders: a finished generator's file, perhaps with a pose network packed into it, or the
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
LARGEST_PUPPET_PX = 512  # its longer side: larger images are reduced to it


@dataclass(frozen=True)
class Model:
    """A generator that is ready to render.

    name: patn, ..., puppet
    file: where it was read; None for the puppet
    size: (height, width) in px of its images; None: as the source's
    pose_network: a generators.pose_network.PoseEstimator; None where there is none
    trained_on: as generators.checkpoint.read_trained_on; empty for the puppet
    """

    name: str
    file: Path | None
    generator: Any
    size: tuple[int, int] | None
    pose_network: Any | None
    trained_on: dict

    @property
    def parsing(self) -> str | None:
        """Where the generator's parsing maps came from in training, generators.parsing.KINDS; None
        where it uses none.
        """
        return None if self.file is None else self.generator.parsing


def device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def open_model(given: str, pose_network: Path | None) -> Model:
    """The model of `--model`: a file, or `puppet`. pose_network: a file that holds one, before that
    of the model's own file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no finished generator, or no pose network.
    """
    finder, where = None, device()
    if pose_network is not None:
        finder = load_pose_network(_existing(pose_network), where)
        if finder is None:
            raise ValueError(
                f"{pose_network}: holds no pose network; name the file that `augment train-pose-network` wrote"
            )
    if given == PUPPET:
        return Model(PUPPET, None, _puppet(), None, finder, {})
    file = _existing(Path(given))
    generator = load_generator(file, where)
    if generator.name not in GENERATORS:
        raise ValueError(
            f"{file}: is a {generator.name}, which renders nothing; name a generator's file"
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
            f"{file}: not found; --model wants a generator's file, or {PUPPET}, which needs none"
        )
    return file


def _puppet() -> Any:
    """The puppet as params.yaml ships it, without a cast: here a person stays before the own
    background.
    """
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
