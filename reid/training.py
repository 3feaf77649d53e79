"""Training of a re-identification model on one set, resumable at any time.

A run that was killed and resumed ends with the weights of an uninterrupted one, bit for bit on a
CPU with the same numbers of processes and threads. Under `accelerate launch` or `torchrun` every
process takes its share of each batch.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env

from reid import batch_norm, small_maps
from reid.data import ReidSet, labels
from reid.generated import GeneratedParams
from reid.models import ReidModel, build
from reid.params import Budget, Plan, ReidParams, plan
from reid.run import OnLog, Run
from reid.sampling import batches
from reid.seeds import INITIALISE, key
from reid.update import Renewal, Task, Trainer

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class Trained:
    """A trained model and the record of its training.

    model: on the training device, in eval mode
    seconds: time of training, over all attempts
    resumed_from: step of the checkpoint that this attempt resumed from; 0 = from the start
    loss: mean since the last log
    accuracy: share of the training images classified correctly, since the last log
    degenerate_pairs: share of positive pairs that consist of an image with itself, mean over
        batches; None for sampler `shuffled`
    """

    model: ReidModel
    plan: Plan
    num_classes: int
    seconds: float
    resumed_from: int
    loss: float
    accuracy: float
    degenerate_pairs: float | None


def joined_processes() -> PartialState:
    """The processes of `torchrun`, or the only process."""
    # Without an accelerator, accelerate joins the processes only if told to use the CPU.
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
    code: str = "",
) -> Trained:
    """Train a model on `train_set`, and keep its state in `folder`/checkpoint.pt.

    A checkpoint of the same training is resumed. If params, seed, set, code or number of processes
    differ, training starts afresh and logs a warning.

    Args:
        train_set: The training images.
        params: Parameters of the training.
        budget: Whether params.epochs or params.iterations sets its length.
        generated: The treatment of the set's generated images. Its gate has no effect here, since
            it decides which images are in the set.
        seed: Random seed.
        folder: Folder of the checkpoint.
        on_log: Called in the main process with the step and the loss, its parts if there are
            several, the accuracy (means since the last call, of this process's share of the
            batches) and the learning_rate.
        renewal: Draws new images for every batch.
        code: A hash of the training code.

    Raises:
        ValueError: If the set contains junk or distractors, has images larger than
            params.image_size or fewer than two images, or the processes cannot share a batch.
        FloatingPointError: If the loss or a weight is not finite; the message names the step and
            the last checkpoint.
    """
    state = joined_processes()
    device = cast(torch.device, state.device)
    planned = check(train_set, params, budget, generated, state.num_processes)
    for note in planned.notes:
        log.warning(note)
    about = {
        "params": asdict(params),
        "budget": budget,
        "seed": seed,
        "processes": state.num_processes,
        "generated": asdict(generated),
        "data": train_set.fingerprint(),
        "renewal": None if renewal is None else renewal.about,
        "code": code,
    }
    _, num_classes = labels(train_set.pids)
    with _random_state_kept(device):
        torch.manual_seed(key(seed, INITIALISE, 0))
        model = build(params.backbone, num_classes, params.network)
        model = model.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        if device.type == "cpu":
            small_maps.replace(model)
        trainer = Trainer(model, Task(train_set, params, planned, generated, seed, renewal), state)
        run = Run(trainer, Path(folder) / CHECKPOINT, json.dumps(about, sort_keys=True))
        resumed_from = run.step
        run.finish(on_log)
        batch_norm.join(model)
        if params.statistics_batches:
            real = train_set.pixels[~train_set.generated].to(device)
            batch_norm.estimate_statistics(model, real, params, seed)
    state.wait_for_everyone()
    return Trained(
        model.eval(),
        planned,
        num_classes,
        run.seconds,
        resumed_from,
        run.last["loss"],
        run.last["accuracy"],
        run.degenerate_pairs(),
    )


def check(
    train_set: ReidSet,
    params: ReidParams,
    budget: Budget,
    generated: GeneratedParams,
    num_processes: int = 1,
) -> Plan:
    """Check everything that can be checked before the expensive part, and return the plan.

    Raises:
        ValueError: As in `train`.
    """
    special = int((train_set.pids <= 0).sum())
    if special:
        raise ValueError(
            f"{special} training images have pid -1 (junk) or 0 (distractor), which are not identities"
        )
    if any(side > limit for side, limit in zip(train_set.size, params.image_size, strict=True)):
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
            f"generated.own_batch_norm: a batch of {planned.batch_size} images has {num_generated} generated ones; each "
            f"process must have at least 2 of each kind; change generated.share or batch_size"
        )
    return planned


@contextmanager
def _random_state_kept(device: torch.device) -> Iterator[None]:
    """Restore torch's global random state, which initialisation and dropout draw from."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
