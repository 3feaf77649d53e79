"""Training of a re-identification model on one set, resumable at any moment.

The batch, the augmentation and the dropout of a step follow from (seed, step) alone. So a run that was killed and is
continued from its checkpoint ends with the weights of an unbroken one: to the bit on a CPU, for equal numbers of
processes and threads. Under `accelerate launch` or `torchrun` every process takes its share of each batch; batch norm
sees that share only.
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
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env
from torch import Tensor, nn
from tqdm import tqdm

from reid.data import ReidSet, augment, draw, labels
from reid.losses import identity_cross_entropy
from reid.models import ReidModel, build
from reid.params import Plan, ReidParams, learning_rate_factor, plan
from reid.precision import autocast, resolve

log = logging.getLogger(__name__)

OnLog = Callable[[int, dict[str, float]], None]

CHECKPOINT = "checkpoint.pt"
LOOK_ITERATIONS = 10  # losses are fetched from the device, and looked at, so often at least

# Streams of random numbers: one key each, so that no two share a seed.
INITIALISE, SHUFFLE, AUGMENT, STATISTICS, DROPOUT = range(5)


class Renewal(Protocol):
    """Draws images of a batch anew at every pass, where `train` is given one.

    It is called with the step, the batch's rows of the training set, int64 [B] on the CPU, and the slice of them that this
    process trains on; and returns that slice's images, float32 [b, 3, h, w] in [0, 255] of the set's size, on the training
    device. What it draws must follow from the step alone.
    """

    about: dict[str, Any]  # plain values; a checkpoint that was trained with others is not continued

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


def joined_processes() -> PartialState:
    """The processes of `torchrun`, or the only one there is."""
    # The CPU is named outright, or accelerate would not join the processes of a machine without an accelerator.
    return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available())


def train(
    train_set: ReidSet,
    params: ReidParams,
    seed: int,
    folder: Path,
    on_log: OnLog | None = None,
    renewal: Renewal | None = None,
) -> Trained:
    """Trains the model of `params` on `train_set`; keeps its state in `folder`/checkpoint.pt, and continues from it.

    A checkpoint of other params, another seed, another set or another number of processes is not
    continued: training starts afresh and logs a warning. `on_log(step, values)` gets loss, accuracy (means since the
    last call, of this process's share of the batches) and learning_rate, in the main process.

    Raises:
        ValueError: the set holds junk or distractors, has images larger than params.image_size or fewer than two, or a
            batch cannot be shared by the processes.
        FloatingPointError: the loss or a weight is not finite; names the step and the last checkpoint.
    """
    state = joined_processes()
    planned = check(train_set, params, state.num_processes)
    for note in planned.notes:
        log.warning(note)
    label, num_classes = labels(train_set.pids)
    about = {"params": asdict(params), "seed": seed, "processes": state.num_processes}
    about["data"] = train_set.fingerprint()
    about["renewal"] = None if renewal is None else renewal.about
    with _random_state_kept(state.device):
        torch.manual_seed(_key(seed, INITIALISE, 0))
        model = build(params.backbone, num_classes, params.network).to(state.device, memory_format=torch.channels_last)
        run = _Run(model, params, planned, seed, Path(folder) / CHECKPOINT, json.dumps(about, sort_keys=True), state, renewal)
        resumed_from = run.step
        run.finish(train_set.pixels.to(state.device), label.to(state.device), on_log)
        if params.statistics_batches:
            estimate_statistics(model, train_set.pixels[~train_set.generated].to(state.device), params, seed)
    state.wait_for_everyone()
    return Trained(model.eval(), planned, num_classes, run.seconds, resumed_from, *run.last)


def estimate_statistics(model: ReidModel, pixels: Tensor, params: ReidParams, seed: int) -> None:
    """Take batch norm's means and variances from real images, uint8 [N, 3, H, W], augmented as in training.

    Running statistics describe the mixture that the model was trained on; the images it is used on are real, and where
    most of the training images are generated the two lie far apart. After AdaBN (Li et al. 2016, "Revisiting Batch
    Normalization for Practical Domain Adaptation"), with the real training images as the target domain.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over the batches
    planned = plan(len(pixels), params)
    model.train()
    with torch.no_grad(), autocast(pixels.device, resolve(params.precision, pixels.device)):
        for step in range(params.statistics_batches):
            generator = torch.Generator().manual_seed(_key(seed, STATISTICS, step))
            draws = draw(planned.batch_size, params.image_size, params.augment, generator)
            rows = batch(step, planned, seed).to(pixels.device)
            model(augment(pixels[rows], draws, params.image_size))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def check(train_set: ReidSet, params: ReidParams, num_processes: int = 1) -> Plan:
    """All that can be checked before the expensive part. Returns the plan; raises ValueError as `train` does."""
    special = int((train_set.pids <= 0).sum())
    if special:
        raise ValueError(f"{special} training images have pid -1 (junk) or 0 (distractor), which are no identities")
    if any(have > want for have, want in zip(train_set.size, params.image_size, strict=True)):
        raise ValueError(
            f"the training images, {train_set.size[0]} x {train_set.size[1]} px, are larger than image_size "
            f"{params.image_size[0]} x {params.image_size[1]}; load them at that size"
        )
    planned = plan(len(train_set), params)
    if planned.batch_size % num_processes or planned.batch_size < 2 * num_processes:
        raise ValueError(
            f"a batch of {planned.batch_size} images cannot be shared by {num_processes} processes: "
            "it must divide evenly and leave each of them at least 2; change batch_size"
        )
    return planned


class _Run:
    """A training under way: what a checkpoint holds, and how to go on from there."""

    def __init__(
        self,
        model: ReidModel,
        params: ReidParams,
        planned: Plan,
        seed: int,
        checkpoint: Path,
        about: str,  # what a checkpoint must agree with to be continued
        state: PartialState,
        renewal: Renewal | None,
    ):
        self.model, self.params, self.plan, self.seed = model, params, planned, seed
        self.checkpoint, self.about, self.state, self.renewal = checkpoint, about, state, renewal
        self.optimiser, self.rates = _optimiser(model, params)
        self.step = 0  # updates made
        self.saved = 0  # so many of them are in the checkpoint
        self.seconds = 0.0
        self.window: list[tuple[float, float]] = []  # (loss, accuracy) of the updates since the last log
        self.last = (math.nan, math.nan)
        self._resume()
        self.network = nn.parallel.DistributedDataParallel(model) if state.num_processes > 1 else model

    def finish(self, pixels: Tensor, label: Tensor, on_log: OnLog | None) -> None:
        """Makes the remaining updates; pixels uint8 [N, 3, h, w] and label int64 [N] on the training device."""
        self.model.train()
        before, clock = self.seconds, time.perf_counter()
        pending: list[Tensor] = []  # [loss, accuracy] of the last updates, still on the device
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
                loss, accuracy = self.last = tuple(np.mean(self.window, axis=0).tolist())
                self.window.clear()
                if on_log is not None and self.state.is_main_process:
                    on_log(self.step, {"loss": loss, "accuracy": accuracy, "learning_rate": rate})
            if saves and self.state.is_main_process:
                self._save()

    def _update(self, step: int, pixels: Tensor, label: Tensor, pending: list[Tensor]) -> float:
        """One update; returns the head's learning rate."""
        params, rank = self.params, self.state.process_index
        factor = learning_rate_factor(step, self.plan.iterations, params)
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        share = self.plan.batch_size // self.state.num_processes
        mine = slice(rank * share, (rank + 1) * share)
        # Drawn for the whole batch in every process: what happens to an image does not hang on their number.
        generator = torch.Generator().manual_seed(_key(self.seed, AUGMENT, step))
        draws = draw(self.plan.batch_size, params.image_size, params.augment, generator).rows(mine)
        rows = batch(step, self.plan, self.seed)
        index = rows[mine].to(pixels.device)
        images = pixels[index] if self.renewal is None else self.renewal(step, rows, mine)
        images = augment(images, draws, params.image_size)

        torch.manual_seed(_key(self.seed, DROPOUT + rank, step))
        with autocast(pixels.device, resolve(params.precision, pixels.device)):
            _, logits = self.network(images)
        loss = identity_cross_entropy(logits, label[index], params.label_smoothing)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        accuracy = (logits.argmax(1) == label[index]).float().mean()
        pending.append(torch.stack([loss.detach(), accuracy]))
        return self.rates[-1] * factor

    def _look(self, pending: list[Tensor]) -> None:
        values = torch.stack(pending).tolist()
        pending.clear()
        first = self.step - len(values) + 1
        for offset, (loss, _) in enumerate(values):
            if not math.isfinite(loss):
                raise self._diverged(f"the loss is {loss} at step {first + offset}")
        self.window += [tuple(value) for value in values]

    def _diverged(self, what: str) -> FloatingPointError:
        last = f"{self.checkpoint} holds step {self.saved}" if self.saved else "there is no checkpoint yet"
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
                    bar.set_postfix(loss=f"{self.window[-1][0]:.3f}", refresh=False)

    def _save(self) -> None:
        # A finite loss can still have had a gradient that was not: no checkpoint may hold what came of it.
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
        differing = sorted(key for key in theirs.keys() | ours.keys() if theirs.get(key) != ours.get(key))
        if differing:
            log.warning("%s is of other %s: training starts afresh", self.checkpoint, ", ".join(differing))
            return
        self.model.load_state_dict(stored["model"])
        self.optimiser.load_state_dict(stored["optimiser"])
        self.step = self.saved = stored["step"]
        self.seconds, self.window, self.last = stored["seconds"], stored["window"], stored["last"]
        log.info("%s: continuing from step %d of %d", self.checkpoint, self.step, self.plan.iterations)


def batch(step: int, planned: Plan, seed: int) -> Tensor:
    """Rows of the training set for update `step`, int64 [batch_size]: cut from shuffled epochs laid end to end."""
    position = torch.arange(step * planned.batch_size, (step + 1) * planned.batch_size)
    epoch, offset = position // planned.images_per_epoch, position % planned.images_per_epoch
    orders = [_order(planned.num_images, seed, one) for one in range(int(epoch[0]), int(epoch[-1]) + 1)]
    return torch.stack(orders)[epoch - epoch[0], offset]


@lru_cache(maxsize=2)  # a batch touches one epoch, or the end of one and the start of the next
def _order(num_images: int, seed: int, epoch: int) -> Tensor:
    generator = torch.Generator().manual_seed(_key(seed, SHUFFLE, epoch))
    return torch.randperm(num_images, generator=generator)


def _key(seed: int, stream: int, position: int) -> int:
    """A seed of its own for each (seed, stream, position)."""
    return int(np.random.SeedSequence([seed, stream, position]).generate_state(1, np.uint64)[0] >> 1)


def _optimiser(model: ReidModel, params: ReidParams) -> tuple[torch.optim.Optimizer, list[float]]:
    """The optimiser and the full learning rate of each of its groups: the base, then the head."""
    base = list(model.base.parameters())
    inside = {id(weight) for weight in base}
    head = [weight for weight in model.parameters() if id(weight) not in inside]
    rates = [params.learning_rate * params.base_factor, params.learning_rate]
    groups = [{"params": weights, "lr": rate} for weights, rate in zip((base, head), rates, strict=True)]
    if params.optimiser == "sgd":
        nesterov = params.momentum > 0
        optimiser = torch.optim.SGD(groups, momentum=params.momentum, weight_decay=params.weight_decay, nesterov=nesterov)
    else:
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[params.optimiser]
        # Fused: one pass over the weights instead of a dozen.
        optimiser = kind(groups, betas=(params.momentum, 0.999), weight_decay=params.weight_decay, fused=True)
    return optimiser, rates


@contextmanager
def _random_state_kept(device: torch.device) -> Iterator[None]:
    """Dropout and initialisation draw from torch's global generators; the caller gets theirs back as they were."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
