"""The renderers of held-out pairs, by name.

| name | what it renders |
|---|---|
| patn, or any other trained generator | the source's person in the target's pose; of the target it receives only the pose |
| puppet-pose | the same by a puppet, in front of the source's background |
| puppet | a puppet in the target's scene: it also receives the target's background and colours, and its card says so |
| copy_source | the source image, unchanged |
| mean_image | the mean of all training images, for every pair |

The last two are references, which any generator must beat.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from augment import paths
from augment.augmentations import PUPPET
from augment.prepared import index
from augment.results.report_card.names import POSED, PUPPETS, REFERENCES, TARGETS_SCENE
from augment.results.report_card.pairs import HeldOut, several_of_one
from augment.results.report_card.settings import EvaluationParams
from generators.metrics.similarity import body_mask, cut_to_uint8
from generators.registry import GENERATORS
from generators.training.batch import Batch
from generators.training.checkpoint import load_generator, read_trained_on
from generators.training.generator import Generator
from generators.training.pairs import ImageSet, decode, make_batch
from generators.training.sheets import to_bytes

MASKED = 64  # images whose masks are drawn at a time
# Rows of pairs [n, 2] -> their images, float32 [n, 3, H, W] in [-1, 1].
Draw = Callable[[Tensor], Tensor]
Device = torch.device | str


@dataclass(frozen=True)
class Renderer:
    """A renderer that is ready to use.

    name: the name of its card; with a portion, e.g. patn-leak_free-0.3
    size: (height, width) of its images, px
    sees: what it receives from a pair, in words
    generator: the trained generator; None for puppets and references
    trained_on: paths of its training images, relative to data/prepared; None if it needs no
        training
    start: loads what it needs of the held-out images
    """

    name: str
    size: tuple[int, int]
    sees: tuple[str, ...]
    generator: Generator | None
    trained_on: list[str] | None
    start: Callable[[HeldOut], Draw]

    def outputs(self, held: HeldOut, pairs: Tensor, batch_size: int) -> Iterator[Tensor]:
        """Images uint8 [n, 3, H, W] of the rows `pairs` [P, 2] of `held`, batch by batch."""
        draw = self.start(held)
        for part in pairs.split(batch_size):
            yield to_bytes(draw(part))


@dataclass(frozen=True)
class Rendered:
    """The outputs of a renderer, and what they are compared with.

    images: the real images, at the renderer's size
    several: int64 [M, 2], additional pairs, for the diversity of outputs from one source
    outputs: uint8 [P + M, 3, H, W], images of held.pairs, then of `several`
    cut: uint8 [P, 3, H, W], images of held.pairs, truncated to integers instead of rounded, for the
        protocol that does so
    seconds: time of rendering
    """

    renderer: Renderer
    held: HeldOut
    images: ImageSet
    several: Tensor
    outputs: Tensor
    cut: Tensor
    seconds: float

    @property
    def paired(self) -> Tensor:
        """The outputs of held.pairs: uint8 [P, 3, H, W]."""
        return self.outputs[: len(self.held.pairs)]

    @cached_property
    def masks(self) -> Tensor:
        """Masks of the persons in the real images, from their keypoints: bool [N, 1, H, W]."""
        # In parts, because the distances of a pixel to all limbs take a hundred times the memory of
        # its mask.
        height, width = self.images.pixels.shape[2:]
        parts = self.images.keypoints.split(MASKED)
        return torch.cat([body_mask(part, (height, width)) for part in parts])

    @property
    def targets(self) -> Tensor:
        """The real targets: a copy, uint8 [P, 3, H, W]."""
        return self.images.pixels[self.held.pairs[:, 1]]


def known() -> list[str]:
    """All names that can be evaluated."""
    return sorted([*({*GENERATORS} - {PUPPET}), *PUPPETS, *REFERENCES])


def renderer(name: str, portion: float | None, size: tuple[int, int], device: Device) -> Renderer:
    """The renderer of a name.

    Args:
        portion: portion of the reduced set that the generator was trained on; None for one trained
            on all images.
        size: image size of puppets and references; a trained generator has its own.

    Raises:
        ValueError: If the name is unknown, or a renderer without training gets a portion.
        FileNotFoundError: If the generator is not trained.
    """
    if name not in known():
        raise ValueError(f"unknown generator {name!r}; available: {', '.join(known())}")
    if name not in (*PUPPETS, *REFERENCES):
        return _trained(name, portion, device)
    if portion is not None:
        raise ValueError(
            f"{name} is not trained, so --portion {portion} has no meaning; leave it out"
        )
    if name == "copy_source":
        return Renderer(
            name, size, ("source image",), None, None, lambda held: _sources(held, size)
        )
    if name == "mean_image":
        return Renderer(name, size, (), None, None, lambda held: _mean_image(size))
    sees, takes = POSED + (TARGETS_SCENE if name == PUPPET else ()), PUPPETS[name]
    return Renderer(name, size, sees, None, None, lambda held: _puppets(held, takes, size, device))


def render(renderer: Renderer, held: HeldOut, settings: EvaluationParams) -> Rendered:
    """Render all pairs, and those for diversity."""
    several = several_of_one(
        held, settings.diversity.sources, settings.diversity.poses, settings.seed
    )
    images, started = held.images(renderer.size), time.perf_counter()
    pairs = torch.cat([held.pairs, several])
    outputs, cut = (
        torch.empty((len(rows), *images.pixels.shape[1:]), dtype=torch.uint8)
        for rows in (pairs, held.pairs)
    )
    draw = renderer.start(held)
    with progress("render", len(pairs)) as bar:
        for rows in torch.arange(len(pairs)).split(settings.batch_size):
            drawn = draw(pairs[rows])
            outputs[rows] = to_bytes(drawn)
            paired = rows[rows < len(cut)]
            cut[paired] = cut_to_uint8(drawn[: len(paired)]).cpu()
            bar.update(len(rows))
    return Rendered(renderer, held, images, several, outputs, cut, time.perf_counter() - started)


def generator_images(generator: Generator, held: HeldOut) -> ImageSet:
    """All images at a trained generator's size, with the kind of parsing maps that it uses."""
    return held.images(generator.params.image_size, generator.parsing)


def generator_batch(generator: Generator, images: ImageSet, pairs: Tensor, device: Device) -> Batch:
    """Pairs as a trained generator receives them: of the target, only the pose.

    Args:
        images: from `generator_images`.
    """
    batch = make_batch(images, pairs, generator.params.sigma_px, device)
    blank = None if batch.target_parsing is None else torch.zeros_like(batch.target_parsing)
    return replace(batch, target_image=torch.zeros_like(batch.target_image), target_parsing=blank)


def _trained(name: str, portion: float | None, device: Device) -> Renderer:
    file = paths.generator_model(name, portion) / "generator.pt"
    if not file.is_file():
        flags = "" if portion is None else f" --portion {portion}"
        raise FileNotFoundError(
            f"{file}: not found; run `augment train-generator --generator {name}{flags}` first"
        )
    generator, trained_on = load_generator(file, device), read_trained_on(file)["images"]
    if not isinstance(generator, Generator):
        raise ValueError(f"{file}: holds {generator.name}, which renders no images")
    sees = (*POSED, *(["source parsing map"] if generator.parsing == "files" else []))

    def start(held: HeldOut) -> Draw:
        images = generator_images(generator, held)
        return lambda pairs: generator.generate(
            generator_batch(generator, images, pairs, device)
        ).float()

    card = name if portion is None else f"{name}-leak_free-{portion}"
    return Renderer(card, tuple(generator.params.image_size), sees, generator, trained_on, start)


def _puppets(held: HeldOut, takes: tuple[str, ...], size: tuple[int, int], device: Device) -> Draw:
    from augment.generation import puppets  # not a dependency of a trained generator's card

    puppet = puppets.build()
    keypoints = {
        Path(path).name: points
        for path, points in zip(held.rows["path"], held.keypoints.numpy(), strict=True)
    }
    studio = puppets.studio(held.rows, keypoints, puppet, size, device)
    return lambda pairs: (
        puppet.render(studio[pairs[:, 0]], studio[pairs[:, 1]], takes).mul(2).sub(1)
    )


def _sources(held: HeldOut, size: tuple[int, int]) -> Draw:
    pixels = held.images(size).pixels
    return lambda pairs: pixels[pairs[:, 0]].float() / 127.5 - 1


def _mean_image(size: tuple[int, int]) -> Draw:
    rows = index.read(paths.PREPARED / "index.csv")
    training = decode(
        [paths.PREPARED / path for path in rows["path"][rows["split"] == "train"]], size
    )
    total = torch.stack([part.sum(0, dtype=torch.int64) for part in training.split(1024)]).sum(0)
    mean = (total.double() / len(training) / 127.5 - 1).float()
    return lambda pairs: mean.expand(len(pairs), -1, -1, -1)


def progress(what: str, number: int) -> tqdm:
    """A progress bar over images."""
    return tqdm(total=number, desc=what, unit="img")
