"""The training loop: updates, logged means, checkpoints."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from reid import checkpoint
from reid.sampling import IdentityBatches
from reid.update import Trainer

log = logging.getLogger(__name__)

OnLog = Callable[[int, dict[str, float]], None]

LOOK_ITERATIONS = 10  # losses are fetched from the device and checked at least this often


class Run:
    """A training run in progress, resumed from its checkpoint if it has one.

    step: number of updates made
    seconds: time of training, over all attempts
    last: means of the values that `trainer` returns, at the last log

    Args:
        trainer: Makes the updates.
        file: The checkpoint.
        about: JSON of everything that determines the training; a checkpoint must agree with it.
    """

    def __init__(self, trainer: Trainer, file: Path, about: str):
        self.trainer, self.file, self.about = trainer, file, about
        self.params, self.iterations = trainer.task.params, trainer.task.plan.iterations
        self.step = 0
        self.saved = 0  # the checkpoint's step
        self.seconds = 0.0
        self.window: list[dict[str, float]] = []  # values of the updates since the last log
        self.last = {"loss": math.nan, "accuracy": math.nan}
        self._resume()
        trainer.start()

    def finish(self, on_log: OnLog | None) -> None:
        """Make the remaining updates."""
        main_process = self.trainer.state.is_main_process
        before, clock = self.seconds, time.perf_counter()
        pending: list[dict[str, Tensor]] = []  # values of the last updates, still on the device
        for step in self._progress():
            pending.append(self.trainer(step))
            self.step = step + 1
            end = self.step == self.iterations
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
                if on_log is not None and main_process:
                    rate = self.trainer.learning_rate(step)
                    on_log(self.step, self.last | {"learning_rate": rate})
            if saves and main_process:
                self._save()

    def degenerate_pairs(self) -> float | None:
        """Mean of `IdentityBatches.degenerate_pairs` over the batches; None for other samplers."""
        batches = self.trainer.batches
        if not isinstance(batches, IdentityBatches):
            return None
        return float(np.mean([batches.degenerate_pairs(step) for step in range(self.step)]))

    def _look(self, pending: list[dict[str, Tensor]]) -> None:
        """Move values from the device to the window.

        Raises:
            FloatingPointError: If a loss is not finite.
        """
        # One transfer for all values.
        numbers = iter(
            torch.stack([value for values in pending for value in values.values()]).tolist()
        )
        fetched = [{name: next(numbers) for name in values} for values in pending]
        pending.clear()
        batches = self.trainer.batches
        for step, values in enumerate(fetched, self.step - len(fetched)):
            if not math.isfinite(values["loss"]):
                raise self._diverged(f"the loss is {values['loss']} at step {step + 1}")
            if isinstance(batches, IdentityBatches):
                values["degenerate_pairs"] = batches.degenerate_pairs(step)
        self.window += fetched

    def _diverged(self, what: str) -> FloatingPointError:
        last = f"{self.file} is at step {self.saved}" if self.saved else "no checkpoint exists yet"
        return FloatingPointError(f"{what}; {last}; lower learning_rate")

    def _progress(self) -> Iterator[int]:
        """The remaining steps, with a progress bar that counts images."""
        size = self.trainer.task.plan.batch_size
        with tqdm(
            total=self.iterations * size,
            initial=self.step * size,
            unit="image",
            unit_scale=True,
            desc="train re-ID",
            disable=not self.trainer.state.is_main_process,
        ) as bar:
            for step in range(self.step, self.iterations):
                yield step
                bar.update(size)
                if self.window:
                    bar.set_postfix(loss=f"{self.window[-1]['loss']:.3f}", refresh=False)

    def _save(self) -> None:
        # The gradient of a finite loss may not be finite, and no checkpoint may contain its result.
        if not self.trainer.finite():
            raise self._diverged(f"weights are not finite after step {self.step}")
        progress = {
            "step": self.step,
            "seconds": self.seconds,
            "window": self.window,
            "last": self.last,
        }
        checkpoint.save(self.file, self.about, progress | self.trainer.state_dict())
        self.saved = self.step

    def _resume(self) -> None:
        stored = checkpoint.load(self.file, self.about, self.trainer.device)
        if stored is None:
            return
        self.trainer.load_state_dict(stored)
        self.step = self.saved = stored["step"]
        self.seconds, self.window, self.last = stored["seconds"], stored["window"], stored["last"]
        log.info("%s: resuming at step %d of %d", self.file, self.step, self.iterations)
