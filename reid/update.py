"""One update of a model: its batch, its losses, and the optimiser's step.

The batch, the augmentation and the dropout of a step depend only on (seed, step). With several
processes, each takes its share of every batch, and batch norm uses only that share.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from accelerate import PartialState
from torch import Tensor, nn

from reid import batch_norm
from reid.augmentation import augmented, draw
from reid.data import ReidSet, labels
from reid.generated import GeneratedParams, Teacher
from reid.heads import Output
from reid.losses import criterion
from reid.models import ReidModel
from reid.optimiser import optimiser
from reid.params import Plan, ReidParams, learning_rate_factor
from reid.precision import autocast, resolve
from reid.sampling import batches
from reid.seeds import AUGMENT, DROPOUT, key


class Renewal(Protocol):
    """Draws new images for every batch.

    It is called with the step, the batch's rows of the training set, int64 [B] on the CPU, and the
    slice of them that this process trains on. It returns that slice's images, float32 [b, 3, h, w]
    in [0, 255] of the set's size, on the training device. Its draws must depend only on the step.

    about: plain values; a checkpoint trained with other values is not resumed
    """

    about: dict[str, Any]

    def __call__(self, step: int, rows: Tensor, mine: slice) -> Tensor: ...


@dataclass(frozen=True)
class Task:
    """The data and parameters of a training run."""

    train_set: ReidSet
    params: ReidParams
    plan: Plan
    generated: GeneratedParams
    seed: int
    renewal: Renewal | None


class Trainer:
    """A model in training, on the device of its weights.

    A call makes one update and returns the loss, its parts if there are several, and the accuracy
    of this process's share of the batch: scalars, still on the device.
    """

    def __init__(self, model: ReidModel, task: Task, state: PartialState):
        self.model, self.task, self.state = model, task, state
        generated, train_set = task.generated, task.train_set
        self.device = next(model.parameters()).device
        self.pixels = train_set.pixels.to(self.device)
        self.label = labels(train_set.pids)[0].to(self.device)
        self.kind = train_set.generated.cpu()
        mixed = bool(self.kind.any())
        self.batches = batches(train_set, task.params, task.plan, generated, task.seed)
        self.norms = batch_norm.part(model) if generated.own_batch_norm and mixed else []
        self.teacher = (
            Teacher(model, generated.teacher) if generated.teacher.weight and mixed else None
        )
        self.optimiser, self.rates = optimiser(model, task.params)
        self.criterion = criterion(task.params.loss)
        self.network: nn.Module = model

    def start(self) -> None:
        """Set the model to train mode and join the processes, once its weights are loaded."""
        self.model.train()
        if self.state.num_processes > 1:
            # A batch without generated images does not use their batch norms.
            self.network = nn.parallel.DistributedDataParallel(
                self.model, find_unused_parameters=bool(self.norms)
            )

    def __call__(self, step: int) -> dict[str, Tensor]:
        params, seed, rank = self.task.params, self.task.seed, self.state.process_index
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * self._rate_factor(step)
        # Strided rows, so that each process gets the same number of generated images.
        mine = slice(rank, None, self.state.num_processes)
        # Drawn for the whole batch in every process, so that the augmentation of an image does not
        # depend on the number of processes.
        generator = torch.Generator().manual_seed(key(seed, AUGMENT, step))
        size = self.task.plan.batch_size
        draws = draw(size, params.image_size, params.augment, generator).rows(mine)
        rows = self.batches(step)
        kind, index = self.kind[rows[mine]], rows[mine].to(self.device)
        renewal = self.task.renewal
        images = self.pixels[index] if renewal is None else renewal(step, rows, mine)
        images = augmented(images, draws, params.image_size)

        for norm in self.norms:
            norm.num_real = int((~kind).sum())
        torch.manual_seed(key(seed, DROPOUT + rank, step))
        with autocast(self.device, resolve(params.precision, self.device)):
            output = self.network(images)
        parts = self._losses(images, output, self.label[index], kind.to(self.device))
        loss = sum(parts.values(), start=torch.zeros((), device=self.device))
        self.model.zero_grad()
        loss.backward()
        self.optimiser.step()
        if self.teacher is not None:
            self.teacher.average.update_parameters(self.model)
        accuracy = (output.logits.argmax(1) == self.label[index]).float().mean()
        several = len(parts) > 1 or self.teacher is not None  # whose loss may start late
        values = {"loss": loss} | (parts if several else {}) | {"accuracy": accuracy}
        return {name: value.detach() for name, value in values.items()}

    def learning_rate(self, step: int) -> float:
        """The head's learning rate at a step."""
        return self.rates[-1] * self._rate_factor(step)

    def _rate_factor(self, step: int) -> float:
        return learning_rate_factor(step, self.task.plan.iterations, self.task.params)

    def _losses(
        self, images: Tensor, output: Output, label: Tensor, kind: Tensor
    ) -> dict[str, Tensor]:
        """The losses by name; `kind`, bool [N], marks generated rows."""
        params, generated = self.task.params, self.task.generated
        smoothing = torch.where(kind, generated.label_smoothing, params.label_smoothing)
        parts = self.criterion(output, label, smoothing)
        if self.teacher is not None and bool(kind.any()):
            with autocast(images.device, resolve(params.precision, images.device)):
                parts["teacher"] = self.teacher.loss(images[kind], output.logits[kind])
        return parts

    def finite(self) -> bool:
        """Whether all weights and statistics of the model are finite."""
        return all(bool(value.isfinite().all()) for value in self.model.state_dict().values())

    def state_dict(self) -> dict[str, Any]:
        """Everything that an update changes."""
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "teacher": None if self.teacher is None else self.teacher.average.state_dict(),
        }

    def load_state_dict(self, stored: dict[str, Any]) -> None:
        """Restore the state of `state_dict`."""
        self.model.load_state_dict(stored["model"])
        self.optimiser.load_state_dict(stored["optimiser"])
        if self.teacher is not None:
            self.teacher.average.load_state_dict(stored["teacher"])
