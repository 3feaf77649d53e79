"""Training of a re-identification model on one set, resumable at any moment.

The batch, the augmentation and the dropout of a step follow from (seed, step) alone. So a run that
was killed and is
continued from its checkpoint ends with the weights of an unbroken one: to the bit on a CPU, for
equal numbers of processes and threads. Under `accelerate launch` or `torchrun` every process takes
its share of each batch; batch norm sees that share only.
"""

import json
import logging
import math
import os
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env
from torch import Tensor, nn
from tqdm import tqdm

from reid import batch_norm, small_maps
from reid.data import ReidSet, augment, draw, labels
from reid.generated import GeneratedParams, Teacher
from reid.heads import Output
from reid.identity_batches import IdentityBatches
from reid.losses import criterion
from reid.models import ReidModel, build
from reid.optimiser import optimiser
from reid.params import Budget, Plan, ReidParams, learning_rate_factor, plan
from reid.precision import autocast, resolve
from reid.sampling import Batches, batches
from reid.seeds import AUGMENT, DROPOUT, INITIALISE, key

log = logging.getLogger(__name__)

OnLog = Callable[[int, dict[str, float]], None]

CHECKPOINT = "checkpoint.pt"
LOOK_ITERATIONS = 10  # losses are fetched from the device, and looked at, so often at least


class Renewal(Protocol):
    """Draws images of a batch anew at every pass, where `train` is given one.

    It is called with the step, the batch's rows of the training set, int64 [B] on the CPU, and the
    slice of them that this process trains on; and returns that slice's images, float32 [b, 3, h, w]
    in [0, 255] of the set's size, on the training device. What it draws must follow from the step
    alone.
    """

    about: dict[
        str, Any
    ]  # plain values; a checkpoint that was trained with others is not continued

    def __call__(self, step: int, rows: Tensor, mine: slice) -> Tensor: ...


@dataclass(frozen=True)
class Trained:
    model: ReidModel  # on the training device, in eval mode
    plan: Plan
    num_classes: int
    seconds: float  # of training, in all attempts that led here together
    resumed_from: int  # step of the checkpoint this attempt began with; 0 = from the start
    loss: float  # mean since the last log
    accuracy: float  # share of the training images classified rightly, since the last log
    degenerate_pairs: (
        float | None
    )  # share of positive pairs that are an image with itself, mean over batches; None = shuffled


def joined_processes() -> PartialState:
    """The processes of `torchrun`, or the only one there is."""
    # The CPU is named outright, or accelerate would not join the processes of a machine without an
    # accelerator.
    return PartialState(
        cpu=parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()
    )


def train(
    train_set: ReidSet,
    params: ReidParams,
    budget: Budget,
    generated: GeneratedParams,
    seed: int,
    folder: Path,
    on_log: OnLog | None = None,
    renewal: Renewal | None = None,
) -> Trained:
    """Trains the model of `params` on `train_set`; keeps its state in `folder`/checkpoint.pt, and
    continues from it.

    `generated` says what is done with the images of the set that are generated; its gate, with
    which images are in it. A
    checkpoint of other params, another seed, another set or another number of processes is not
    continued: training starts afresh and logs a warning. `on_log(step, values)` gets loss, its
    parts where there are several, accuracy (means since the last call, of this process's share of
    the batches) and learning_rate, in the main process.

    Raises:
        ValueError: the set holds junk or distractors, has images larger than params.image_size or
            fewer than two, or a batch cannot be shared by the processes.
        FloatingPointError: the loss or a weight is not finite; names the step and the last
            checkpoint.
    """
    state = joined_processes()
    planned = check(train_set, params, budget, generated, state.num_processes)
    for note in planned.notes:
        log.warning(note)
    label, num_classes = labels(train_set.pids)
    about = {
        "params": asdict(params),
        "budget": budget,
        "seed": seed,
        "processes": state.num_processes,
    }
    about |= {"generated": asdict(generated), "data": train_set.fingerprint()}
    about["renewal"] = None if renewal is None else renewal.about
    with _random_state_kept(state.device):
        torch.manual_seed(key(seed, INITIALISE, 0))
        model = build(params.backbone, num_classes, params.network).to(
            state.device, memory_format=torch.channels_last
        )
        if state.device.type == "cpu":
            small_maps.replace(model)
        run = _Run(
            model,
            params,
            planned,
            generated,
            train_set.generated,
            batches(train_set, params, planned, generated, seed),
            seed,
            Path(folder) / CHECKPOINT,
            json.dumps(about, sort_keys=True),
            state,
            renewal,
        )
        resumed_from = run.step
        run.finish(train_set.pixels.to(state.device), label.to(state.device), on_log)
        batch_norm.join(model)
        if params.statistics_batches:
            real = train_set.pixels[~train_set.generated].to(state.device)
            batch_norm.estimate_statistics(model, real, params, seed)
    state.wait_for_everyone()
    degenerate = None
    if params.sampler == "identity":
        degenerate = float(
            np.mean([run.batches.degenerate_pairs(step) for step in range(run.step)])
        )
    last = run.last["loss"], run.last["accuracy"]
    return Trained(model.eval(), planned, num_classes, run.seconds, resumed_from, *last, degenerate)


def check(
    train_set: ReidSet,
    params: ReidParams,
    budget: Budget,
    generated: GeneratedParams,
    num_processes: int = 1,
) -> Plan:
    """All that can be checked before the expensive part. Returns the plan; raises ValueError as
    `train` does.
    """
    special = int((train_set.pids <= 0).sum())
    if special:
        raise ValueError(
            f"{special} training images have pid -1 (junk) or 0 (distractor), which are no identities"
        )
    if any(have > want for have, want in zip(train_set.size, params.image_size, strict=True)):
        raise ValueError(
            f"the training images, {train_set.size[0]} x {train_set.size[1]} px, are larger than image_size "
            f"{params.image_size[0]} x {params.image_size[1]}; load them at that size"
        )
    planned = plan(len(train_set), params, budget)
    if planned.batch_size % num_processes or planned.batch_size < 2 * num_processes:
        raise ValueError(
            f"a batch of {planned.batch_size} images cannot be shared by {num_processes} processes: "
            "it must divide evenly and leave each of them at least 2; change batch_size"
        )
    last = batches(train_set, params, planned, generated, seed=0)(planned.iterations - 1)
    num_generated = int(train_set.generated[last].sum())
    fewest = min(num_generated, planned.batch_size - num_generated) // num_processes
    if generated.own_batch_norm and train_set.generated.any() and fewest < 2:
        raise ValueError(
            f"generated.own_batch_norm: a batch of {planned.batch_size} images holds {num_generated} generated ones; each "
            f"process must have at least 2 of each kind; change generated.share or batch_size"
        )
    return planned


class _Run:
    """A training under way: what a checkpoint holds, and how to go on from there."""

    def __init__(
        self,
        model: ReidModel,
        params: ReidParams,
        planned: Plan,
        generated: GeneratedParams,
        kind: Tensor,  # bool [N], which images are generated
        batches: Batches | IdentityBatches,
        seed: int,
        checkpoint: Path,
        about: str,  # what a checkpoint must agree with to be continued
        state: PartialState,
        renewal: Renewal | None,
    ):
        self.model, self.params, self.plan, self.seed = model, params, planned, seed
        self.checkpoint, self.about, self.state, self.renewal = checkpoint, about, state, renewal
        self.generated, self.kind = generated, kind.cpu()
        self.batches = batches
        some = bool(self.kind.any())
        self.norms = batch_norm.part(model) if generated.own_batch_norm and some else []
        self.teacher = (
            Teacher(model, generated.teacher) if generated.teacher.weight and some else None
        )
        self.optimiser, self.rates = optimiser(model, params)
        self.criterion = criterion(params.loss)
        self.step = 0  # updates made
        self.saved = 0  # so many of them are in the checkpoint
        self.seconds = 0.0
        self.window: list[
            dict[str, float]
        ] = []  # loss, its parts and accuracy of the updates since the last log
        self.last = {"loss": math.nan, "accuracy": math.nan}
        self._resume()
        self.network = model
        if state.num_processes > 1:
            # A batch without generated images leaves their batch norms out.
            self.network = nn.parallel.DistributedDataParallel(
                model, find_unused_parameters=bool(self.norms)
            )

    def finish(self, pixels: Tensor, label: Tensor, on_log: OnLog | None) -> None:
        """Makes the remaining updates; pixels uint8 [N, 3, h, w] and label int64 [N] on the
        training device.
        """
        self.model.train()
        before, clock = self.seconds, time.perf_counter()
        pending: list[
            dict[str, Tensor]
        ] = []  # loss, its parts and accuracy of the last updates, still on the device
        for step in self._progress():
            rate = self._update(step, pixels, label, pending)
            self.step = step + 1
            end = self.step == self.plan.iterations
            logs = end or self.step % self.params.log_iterations == 0
            saves = end or self.step % self.params.checkpoint_iterations == 0
            if logs or saves or len(pending) == LOOK_ITERATIONS:
                self._look(pending)
                self.seconds = before + time.perf_counter() - clock
            if logs:
                names = dict.fromkeys(name for values in self.window for name in values)
                self.last = {
                    name: float(np.mean([values[name] for values in self.window if name in values]))
                    for name in names
                }
                self.window.clear()
                if on_log is not None and self.state.is_main_process:
                    on_log(self.step, self.last | {"learning_rate": rate})
            if saves and self.state.is_main_process:
                self._save()

    def _update(self, step: int, pixels: Tensor, label: Tensor, pending: list[Tensor]) -> float:
        """One update; returns the head's learning rate."""
        params, rank = self.params, self.state.process_index
        factor = learning_rate_factor(step, self.plan.iterations, params)
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        # Every so many-th row, so that all processes have as many generated images.
        mine = slice(rank, None, self.state.num_processes)
        # Drawn for the whole batch in every process: what happens to an image does not hang on
        # their number.
        generator = torch.Generator().manual_seed(key(self.seed, AUGMENT, step))
        draws = draw(self.plan.batch_size, params.image_size, params.augment, generator).rows(mine)
        rows = self.batches(step)
        kind, index = self.kind[rows[mine]], rows[mine].to(pixels.device)
        images = pixels[index] if self.renewal is None else self.renewal(step, rows, mine)
        images = augment(images, draws, params.image_size)

        for norm in self.norms:
            norm.num_real = int((~kind).sum())
        torch.manual_seed(key(self.seed, DROPOUT + rank, step))
        with autocast(pixels.device, resolve(params.precision, pixels.device)):
            output = self.network(images)
        parts = self._losses(images, output, label[index], kind.to(pixels.device))
        loss = sum(parts.values())
        self.model.zero_grad()
        loss.backward()
        self.optimiser.step()
        if self.teacher is not None:
            self.teacher.average.update_parameters(self.model)
        accuracy = (output.logits.argmax(1) == label[index]).float().mean()
        several = len(parts) > 1 or self.teacher is not None  # whose loss comes late
        named = {"loss": loss} | (parts if several else {}) | {"accuracy": accuracy}
        pending.append({name: value.detach() for name, value in named.items()})
        return self.rates[-1] * factor

    def _losses(
        self, images: Tensor, output: Output, label: Tensor, kind: Tensor
    ) -> dict[str, Tensor]:
        """What the model is trained to lower, by name; kind bool [N] says which rows are
        generated.
        """
        smoothing = torch.where(kind, self.generated.label_smoothing, self.params.label_smoothing)
        parts = self.criterion(output, label, smoothing)
        if self.teacher is not None and bool(kind.any()):
            with autocast(images.device, resolve(self.params.precision, images.device)):
                parts["teacher"] = self.teacher.loss(images[kind], output.logits[kind])
        return parts

    def _look(self, pending: list[dict[str, Tensor]]) -> None:
        fetched = iter(
            torch.stack([value for one in pending for value in one.values()]).tolist()
        )  # in one go
        values = [{name: next(fetched) for name in one} for one in pending]
        pending.clear()
        first = self.step - len(values) + 1
        for offset, one in enumerate(values):
            if not math.isfinite(one["loss"]):
                raise self._diverged(f"the loss is {one['loss']} at step {first + offset}")
            if self.params.sampler == "identity":
                one["degenerate_pairs"] = self.batches.degenerate_pairs(first - 1 + offset)
        self.window += values

    def _diverged(self, what: str) -> FloatingPointError:
        last = (
            f"{self.checkpoint} holds step {self.saved}"
            if self.saved
            else "there is no checkpoint yet"
        )
        return FloatingPointError(f"{what}; {last}; lower learning_rate")

    def _progress(self) -> Iterator[int]:
        """The steps still to be made, behind a bar that counts images."""
        size, iterations = self.plan.batch_size, self.plan.iterations
        with tqdm(
            total=iterations * size,
            initial=self.step * size,
            unit="image",
            unit_scale=True,
            desc="train re-ID",
            disable=not self.state.is_main_process,
        ) as bar:
            for step in range(self.step, iterations):
                yield step
                bar.update(size)
                if self.window:
                    bar.set_postfix(loss=f"{self.window[-1]['loss']:.3f}", refresh=False)

    def _save(self) -> None:
        # A finite loss can still have had a gradient that was not: no checkpoint may hold what came
        # of it.
        if not all(bool(value.isfinite().all()) for value in self.model.state_dict().values()):
            raise self._diverged(f"weights are not finite after step {self.step}")
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(
            {
                "about": self.about,
                "step": self.step,
                "seconds": self.seconds,
                "window": self.window,
                "last": self.last,
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "teacher": None if self.teacher is None else self.teacher.average.state_dict(),
            },
            partial,
        )
        os.replace(partial, self.checkpoint)
        self.saved = self.step

    def _resume(self) -> None:
        if not self.checkpoint.is_file():
            return
        try:
            stored = torch.load(self.checkpoint, map_location=self.state.device, weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
            log.warning("%s cannot be read (%s): training starts afresh", self.checkpoint, error)
            return
        theirs, ours = json.loads(stored["about"]), json.loads(self.about)
        differing = sorted(
            key for key in theirs.keys() | ours.keys() if theirs.get(key) != ours.get(key)
        )
        if differing:
            log.warning(
                "%s is of other %s: training starts afresh", self.checkpoint, ", ".join(differing)
            )
            return
        self.model.load_state_dict(stored["model"])
        self.optimiser.load_state_dict(stored["optimiser"])
        if self.teacher is not None:
            self.teacher.average.load_state_dict(stored["teacher"])
        self.step = self.saved = stored["step"]
        self.seconds, self.window, self.last = stored["seconds"], stored["window"], stored["last"]
        log.info(
            "%s: continuing from step %d of %d", self.checkpoint, self.step, self.plan.iterations
        )


@contextmanager
def _random_state_kept(device: torch.device) -> Iterator[None]:
    """Dropout and initialisation draw from torch's global generators; the caller gets theirs back
    as they were.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
