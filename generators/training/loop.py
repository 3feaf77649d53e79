"""The loop that trains every generator.

A generator describes its phases as data. The loop owns optimisers, schedule, precision, devices
and processes (Hugging Face accelerate), checkpoints, logging and sample sheets.

Randomness. Every draw is keyed. Pairs and flips are drawn by (seed, phase, iteration) for the whole
batch and then split over the processes. Dropout and pool draws are keyed by (seed, phase,
iteration, process). No random generator carries state from one iteration to the next. So (seed,
phase, iteration), stored in the checkpoint, is the whole state of the random numbers. A run that
was killed and restarted gives the same numbers as one that was not, bit for bit on CPU.

Several processes. Gradients are averaged with one all-reduce per optimiser instead of a DDP
wrapper, because a phase may call its networks several times, through closures, before one backward
pass. If losses are means over images and the batch is split evenly, this gives the gradients of one
process with the whole batch. Batch norm normalises each process's share separately; its running
statistics are averaged at every checkpoint.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env
from torch import Tensor, nn
from tqdm import tqdm

from generators.training.batch import Batch
from generators.training.generator import Trainable
from generators.training.pairs import ImageSet, make_batch
from generators.training.phases import Phase, TrainingParams, autocast, learning_rate
from generators.training.run import Run
from generators.training.sheets import draw_sheet, save_sheet

OnLog = Callable[[int, dict[str, float]], None]
OnSheet = Callable[[int, Path], None]
SHEET_PAIRS = 12


@dataclass(frozen=True)
class Trained:
    """The outcome of a call of train().

    iterations, seconds: iterations and duration of this call
    resumed_at: iteration at which it resumed
    message: how it started, in words
    """

    iterations: int
    seconds: float
    resumed_at: int
    message: str


def joined_processes() -> PartialState:
    """The processes of `torchrun`, or the only process."""
    # Without an accelerator, accelerate joins the processes only if told to use the CPU.
    return PartialState(
        cpu=parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()
    )


def train(
    generator: Trainable,
    images: ImageSet,
    pairs: Tensor,
    folder: Path,
    on_log: OnLog,
    on_sheet: OnSheet,
    pose_network: nn.Module | None = None,
) -> Trained:
    """Train all phases of a generator.

    The call writes folder/checkpoint.pt, folder/losses.csv and folder/samples/*.png; several
    processes share the folder. Called again with the same params and data, it resumes at the last
    checkpoint. With different ones it removes these files and starts afresh. Trained.message, which
    is also printed, says which.

    Args:
        generator: The generator to train.
        images: The images.
        pairs: Rows (source, target) of `images`, int64 [P, 2], drawn with replacement.
        folder: Folder of the run's files.
        on_log: Called by the main process with the iteration over all phases and the mean losses.
            Calls after the last checkpoint are repeated when a run resumes, as are on_sheet's.
        on_sheet: Called by the main process with the iteration and the path of a sample sheet.
        pose_network: For generators that use one; it is put on the training device and frozen.

    Raises:
        NonFiniteLoss: If a loss or a weight is not finite.
        ValueError: If the batch size, the pairs or the images do not fit.
    """
    processes = joined_processes()
    run = Run(
        generator,
        images.to(cast(torch.device, processes.device)),
        pairs,
        Path(folder),
        processes,
        pose_network,
    )
    loop = _Loop(run, on_log, on_sheet)
    started = time.monotonic()
    resumed_at, message = run.resume()
    processes.wait_for_everyone()
    if processes.is_main_process:
        tqdm.write(f"{generator.name}: {message}", file=sys.stderr)
        if run.saved_at is None:
            run.remove_leftovers()
    while run.phase < len(run.phases):
        loop.train_phase(run.phases[run.phase])
    processes.wait_for_everyone()
    return Trained(run.iterations - resumed_at, time.monotonic() - started, resumed_at, message)


class _Loop:
    """The iterations of a run, with its log and its sample sheets."""

    def __init__(self, run: Run, on_log: OnLog, on_sheet: OnSheet):
        self.run, self.on_log, self.on_sheet = run, on_log, on_sheet

    def train_phase(self, phase: Phase) -> None:
        """Train a phase to its end, then open the next one."""
        run, params = self.run, phase.training
        for trainer in run.trainers.values():
            trainer.network.train()
        with tqdm(
            total=params.iterations * params.batch_size,
            initial=run.step * params.batch_size,
            desc=phase.name,
            unit="image",
            disable=not run.processes.is_main_process,
            mininterval=1.0,
        ) as bar:
            while run.step < params.iterations:
                losses = self._iterate(phase)
                run.step += 1
                run.log.add(run.iterations, losses)
                bar.update(params.batch_size)
                last = run.step == params.iterations
                if last or run.step % params.log_every == 0:
                    bar.set_postfix(self._write_row(phase), refresh=False)
                if last or run.step % params.sheet_every == 0:
                    self._draw_sheet(phase)
                if last:
                    run.close_phase()
                if last or run.step % params.checkpoint_every == 0:
                    run.save()
                if last:
                    return

    def _iterate(self, phase: Phase) -> dict[str, Tensor]:
        """Take one step of the network and one of each discriminator; return their losses."""
        run, params = self.run, phase.training
        rank = run.processes.process_index
        # Key 0 is for the draws of the whole batch, rank + 1 for those of one process.
        key = (params.seed, run.phase, run.step)
        batch = self._batch(params, np.random.default_rng([*key, 0]))
        torch.manual_seed(
            int(np.random.SeedSequence([*key, rank + 1]).generate_state(1, np.uint64)[0])
        )
        draws = np.random.default_rng([*key, rank + 1])
        context = autocast(params.precision, run.device)
        rate = learning_rate(run.step, params)

        # Discriminators are frozen: the adversarial terms need gradients with respect to the image,
        # not to the discriminators' weights.
        for adversary in phase.adversaries:
            adversary.network.requires_grad_(False)
        with context:
            output = phase.render(batch)
            losses = phase.losses(batch, output)
        run.trainers["network"].step(losses, rate, run.processes)
        all_losses = dict(losses)

        for adversary in phase.adversaries:
            trainer = run.trainers[adversary.name]
            adversary.network.requires_grad_(True)
            with torch.no_grad():
                real, fake = adversary.judged(batch, output)
                fake = trainer.pool.exchange(fake, draws)
            with context:
                judged = adversary.losses(real, fake)
            trainer.step(judged, rate * adversary.rate, run.processes)
            all_losses |= {f"{adversary.name}/{name}": value for name, value in judged.items()}
        return all_losses

    def _batch(self, params: TrainingParams, draws: np.random.Generator) -> Batch:
        """This process's share of an iteration's batch."""
        run = self.run
        rows = torch.from_numpy(draws.integers(len(run.phase_pairs), size=params.batch_size))
        flips = torch.from_numpy(draws.random(params.batch_size) < 0.5) if params.flip else None
        share = params.batch_size // run.processes.num_processes
        start = run.processes.process_index * share
        part = slice(start, start + share)
        return self._make(run.phase_pairs[rows[part]], None if flips is None else flips[part])

    def _make(self, pairs: Tensor, flips: Tensor | None = None) -> Batch:
        run = self.run
        return make_batch(run.images, pairs, run.generator.params.sigma_px, run.device, flips)

    def _write_row(self, phase: Phase) -> dict[str, float]:
        """Log the mean losses since the last row."""
        run = self.run
        run.check_losses()
        values = run.log.close_row(phase.name, run.iterations)
        if run.processes.is_main_process:
            run.log.write(run.folder / "losses.csv")
            self.on_log(run.iterations, values)
        return values

    def _draw_sheet(self, phase: Phase) -> None:
        """Draw a sample sheet, of the same pairs every time, in evaluation mode."""
        run = self.run
        if not run.processes.is_main_process:
            return
        draws = np.random.default_rng(phase.training.seed)
        rows = torch.from_numpy(draws.integers(len(run.phase_pairs), size=SHEET_PAIRS))
        batch = self._make(run.phase_pairs[rows])
        phase.network.eval()
        with torch.no_grad(), autocast(phase.training.precision, run.device):
            output = phase.picture(phase.render(batch))
        phase.network.train()
        path = run.folder / "samples" / f"{phase.name}-{run.iterations:06d}.png"
        save_sheet(draw_sheet(batch, output, f"{phase.name}, iteration {run.iterations:,}"), path)
        self.on_sheet(run.iterations, path)
