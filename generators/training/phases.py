"""The training of a generator as data: its phases and their parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from generators.training.batch import Batch
from generators.training.pairs import ImageSet
from generators.training.validation import at_least, not_negative, one_of

PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class TrainingParams:
    """Parameters of one phase's training.

    Raises:
        ValueError: If a value is invalid.
    """

    iterations: int
    decay_start: int  # number of iterations at the full learning rate; then it falls linearly to 0
    batch_size: int  # pairs per iteration, over all processes
    learning_rate: float
    betas: tuple[float, float]  # of Adam
    flip: bool  # mirror half of the pairs
    seed: int
    precision: str  # auto (bfloat16 if the device has it in hardware), float32, bfloat16
    log_every: int
    sheet_every: int
    checkpoint_every: int

    def __post_init__(self):
        for name in ("iterations", "batch_size", "log_every", "sheet_every", "checkpoint_every"):
            at_least(f"training.{name}", getattr(self, name), 1)
        if not 0 <= self.decay_start <= self.iterations:
            raise ValueError(
                f"training.decay_start is {self.decay_start}; it must lie in 0 to iterations ({self.iterations})"
            )
        one_of("training.precision", self.precision, PRECISIONS)
        not_negative("training.seed", self.seed)


# A discriminator's input from a batch and the output: (real, fake), [N, C, H, W] each.
Judged = Callable[[Batch, Any], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Adversary:
    """A discriminator and its training; it takes a step after each step of the judged network.

    judged(batch, output) -> (real, fake): input of the discriminator, [N, C, H, W] each
    losses(real, fake) -> {name: weighted scalar}: their sum is minimised over the discriminator's
        parameters; `fake` has no gradient and comes through a pool of `pool_size` samples
    rate: its learning rate, as a multiple of the judged network's
    """

    name: str
    network: nn.Module
    judged: Judged
    losses: Callable[[Tensor, Tensor], dict[str, Tensor]]
    pool_size: int
    rate: float = 1.0


@dataclass(frozen=True)
class Phase:
    """One phase of a generator's training.

    network: the trained network, whose parameters belong to generator.networks; several networks
        form an nn.ModuleDict
    render(batch) -> output: whatever the losses and adversaries need, made by `network`
    losses(batch, output) -> {name: weighted scalar}: their sum is minimised over `network`'s
        parameters; adversarial terms are among them, with the discriminators frozen
    picture(output) -> float32 [N, 3, H, W] in [-1, 1], for the sample sheets
    pairs(images, training pairs) -> int64 [P, 2]: rows (source, target) of this phase's pairs, made
        once and from these arguments only; None for the unchanged training pairs
    """

    name: str
    network: nn.Module
    training: TrainingParams
    render: Callable[[Batch], Any]
    losses: Callable[[Batch, Any], dict[str, Tensor]]
    picture: Callable[[Any], Tensor]
    adversaries: tuple[Adversary, ...]
    pairs: Callable[[ImageSet, Tensor], Tensor] | None = None


def learning_rate(step: int, params: TrainingParams) -> float:
    """The learning rate of iteration `step`, counted from 0.

    It is constant, then falls linearly to 0 (patn_apatn, 3.5, implementation details).
    """
    if step < params.decay_start:
        return params.learning_rate
    return (
        params.learning_rate * (params.iterations - step) / (params.iterations - params.decay_start)
    )


def supports_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 in hardware.

    Recent GPUs and CPUs with AVX512-BF16 do.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


def uses_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether a `precision` parameter means bfloat16 on a device."""
    return precision == "bfloat16" or (precision == "auto" and supports_bfloat16(device))


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """The mixed-precision context of a `precision` parameter on a device."""
    return torch.autocast(device.type, torch.bfloat16, enabled=uses_bfloat16(precision, device))
