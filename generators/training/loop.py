"""Phase, Adversary and train: the one loop that trains every generator.

A generator describes its phases as data; the loop owns optimisers, schedule, precision, devices and
processes (Hugging Face accelerate), checkpoints, logging and sample sheets.

Randomness. Every draw is keyed: pairs and flips by (seed, phase, iteration), drawn for the whole
batch and then split over the processes; dropout and pool draws by (seed, phase, iteration,
process). No generator carries state from one iteration to the next, so (seed, phase, iteration),
stored in the checkpoint, is the whole state of the random numbers, and a run that was killed and
started again repeats, to the bit on CPU, what it would have done.

Several processes. Gradients are averaged with one all-reduce per optimiser instead of a DDP
wrapper, because a phase calls its networks as it likes (several times, through closures) before one
backward pass. Losses that are means over images, with the batch split evenly, then give the
gradients of one process with the whole batch. Batch norm counts each process's share by itself; its
running statistics are averaged at every checkpoint.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import gather_object, parse_flag_from_env, reduce
from torch import Tensor, nn
from tqdm import tqdm

from generators import code
from generators.training import checkpoint
from generators.training.batch import Batch
from generators.training.generator import Trainable
from generators.training.losslog import LossLog, NonFiniteLoss
from generators.training.pairs import ImageSet, digest, fingerprint, make_batch
from generators.training.phases import (
    Adversary,
    Phase,
    TrainingParams,
    autocast,
    learning_rate,
    uses_bfloat16,
)
from generators.training.sheets import draw_sheet, save_sheet
from generators.training.trainer import Trainer

__all__ = ["Adversary", "NonFiniteLoss", "Phase", "Trained", "TrainingParams", "train"]
SHEET_PAIRS = 12


@dataclass(frozen=True)
class Trained:
    """How a call of train went: iterations and seconds of this call, the iteration it resumed at,
    and that in words.
    """

    iterations: int
    seconds: float
    resumed_at: int
    message: str


def joined_processes() -> PartialState:
    """The processes of `torchrun`, or the only one there is."""
    # The CPU is named outright, or accelerate would not join the processes of a machine without an
    # accelerator.
    return PartialState(
        cpu=parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()
    )


def train(
    generator: Trainable,
    images: ImageSet,
    pairs: Tensor,
    folder: Path,
    on_log: Callable[[int, dict[str, float]], None],
    on_sheet: Callable[[int, Path], None],
    pose_network: nn.Module | None = None,
) -> Trained:
    """Train all phases of a generator on the rows pairs int64 [P, 2] of `images`, drawn with
    replacement.

    Writes folder/checkpoint.pt, folder/losses.csv and folder/samples/*.png (several processes share
    the folder). Started again with the same params and data it resumes at the last checkpoint; with
    others it removes these files and starts afresh, and says so in Trained.message (printed, too).
    The callbacks are called by the main process, with the iteration counted over all phases; those
    after the last checkpoint are called again when a run is resumed. pose_network, for generators
    that use one, is put on the training device and frozen.

    Raises NonFiniteLoss, and ValueError for a batch that does not fit the processes, pairs or
    images.
    """
    processes = joined_processes()
    run = _Run(
        generator,
        images.to(processes.device),
        pairs,
        Path(folder),
        processes,
        on_log,
        on_sheet,
        pose_network,
    )
    started = time.monotonic()
    resumed_at, message = run.resume()
    processes.wait_for_everyone()
    if processes.is_main_process:
        tqdm.write(f"{generator.name}: {message}", file=sys.stderr)
        if run.saved_at is None:
            run.remove_leftovers()
    while run.phase < len(run.phases):
        run.train_phase()
    processes.wait_for_everyone()
    return Trained(run.iterations - resumed_at, time.monotonic() - started, resumed_at, message)


class _Run:
    """The state of one call of train."""

    def __init__(self, generator, images, pairs, folder, processes, on_log, on_sheet, pose_network):
        self.generator, self.images, self.pairs, self.folder = generator, images, pairs, folder
        self.processes, self.on_log, self.on_sheet = processes, on_log, on_sheet
        if pose_network is not None:
            pose_network = pose_network.to(processes.device).eval().requires_grad_(False)
        self.phases: tuple[Phase, ...] = generator.phases(pose_network)
        self.path = folder / "checkpoint.pt"
        self.phase, self.step, self.saved_at = 0, 0, None
        self.trainers: dict[str, Trainer] = {}
        self.log = LossLog([])
        self._check()
        self.networks = dict(generator.networks)
        for phase in self.phases:
            self.networks |= {
                f"{phase.name}/{adversary.name}": adversary.network
                for adversary in phase.adversaries
            }
        for network in [*self.networks.values(), *(phase.network for phase in self.phases)]:
            network.to(processes.device, memory_format=torch.channels_last)
        self.identity = {
            "name": generator.name,
            "code": code.of_generator(type(generator)),
            "params": asdict(generator.params),
            "data": fingerprint(images, pairs),
            "pose_network": None
            if pose_network is None
            else digest(pose_network.state_dict().values()),
            "processes": processes.num_processes,
            "bfloat16": [
                uses_bfloat16(phase.training.precision, processes.device) for phase in self.phases
            ],
        }

    @property
    def iterations(self) -> int:
        """Iterations done, over all phases."""
        return sum(phase.training.iterations for phase in self.phases[: self.phase]) + self.step

    def _check(self) -> None:
        size = tuple(self.images.pixels.shape[2:])
        if size != tuple(self.generator.params.image_size):
            raise ValueError(
                f"the images are {size} px, but image_size is {tuple(self.generator.params.image_size)}"
            )
        if len(self.pairs) == 0:
            raise ValueError(
                "there are no training pairs: no identity has two images with shoulders and hips"
            )
        owned = {
            id(p) for network in self.generator.networks.values() for p in network.parameters()
        }
        for phase in self.phases:
            if phase.training.batch_size % self.processes.num_processes:
                raise ValueError(
                    f"training.batch_size {phase.training.batch_size} cannot be split evenly over "
                    f"{self.processes.num_processes} processes"
                )
            if any(id(p) not in owned for p in phase.network.parameters()):
                raise ValueError(
                    f"phase {phase.name} trains what is not among {self.generator.name}.networks"
                )

    def resume(self) -> tuple[int, str]:
        """Take up the checkpoint, if there is one of this very run: its iteration, and what
        happened in words.
        """
        if not self.path.exists():
            self._open_phase()
            return 0, "starts at iteration 0"
        state = checkpoint.load(self.path, self.processes.device)
        changed = checkpoint.differences(state.get("identity", {}), self.identity)
        if changed:
            self._open_phase()
            return 0, f"starts afresh: {self.path} belongs to another run ({'; '.join(changed)})"
        try:
            self._restore(state)
        except (KeyError, RuntimeError, ValueError) as error:
            raise ValueError(
                f"{self.path}: was written by other code ({error}); delete it to start afresh"
            ) from error
        self.saved_at = self.iterations
        if self.processes.is_main_process:
            self.log.write(self.folder / "losses.csv")
        done = self.phase == len(self.phases)
        return (
            self.iterations,
            f"{'is complete' if done else 'resumes'} at iteration {self.iterations}",
        )

    def _restore(self, state: dict[str, Any]) -> None:
        for name, network in self.networks.items():
            network.load_state_dict(state["networks"][name])
        self.phase, self.step = state["phase"], state["step"]
        self._open_phase()
        for name, trainer in self.trainers.items():
            trainer.optimiser.load_state_dict(state["optimisers"][name])
            trainer.pool.samples = state["pools"][self.processes.process_index][name]
        self.log.restore(state["log"])

    def remove_leftovers(self) -> None:
        """Remove what another run, or this one before its first checkpoint, has left in the
        folder.
        """
        for path in (
            self.path,
            self.folder / "losses.csv",
            *sorted((self.folder / "samples").glob("*.png")),
        ):
            path.unlink(missing_ok=True)

    def _open_phase(self) -> None:
        self.trainers = {}
        if self.phase < len(self.phases):
            phase = self.phases[self.phase]
            self.phase_pairs = (
                self.pairs if phase.pairs is None else phase.pairs(self.images, self.pairs)
            )
            self.trainers["network"] = Trainer(phase.network, phase.training, 0)
            for adversary in phase.adversaries:
                self.trainers[adversary.name] = Trainer(
                    adversary.network, phase.training, adversary.pool_size
                )

    def train_phase(self) -> None:
        """Train the present phase to its end and open the next one."""
        phase, params = self.phases[self.phase], self.phases[self.phase].training
        for trainer in self.trainers.values():
            trainer.network.train()
        with tqdm(
            total=params.iterations * params.batch_size,
            initial=self.step * params.batch_size,
            desc=phase.name,
            unit="image",
            disable=not self.processes.is_main_process,
            mininterval=1.0,
        ) as bar:
            while self.step < params.iterations:
                losses = self._iterate(phase)
                self.step += 1
                self.log.add(self.iterations, losses)
                bar.update(params.batch_size)
                last = self.step == params.iterations
                if last or self.step % params.log_every == 0:
                    bar.set_postfix(self._write_row(phase), refresh=False)
                if last or self.step % params.sheet_every == 0:
                    self._draw_sheet(phase)
                if last:
                    self.phase, self.step, self.trainers, self.log = (
                        self.phase + 1,
                        0,
                        {},
                        LossLog(self.log.rows),
                    )
                    self._open_phase()
                if last or self.step % params.checkpoint_every == 0:
                    self._save()
                if last:
                    return

    def _iterate(self, phase: Phase) -> dict[str, Tensor]:
        """One step of the network, then one of each discriminator; their losses."""
        params, rank = phase.training, self.processes.process_index
        # 0 keys the draws of the whole batch, rank + 1 those of one process.
        key = (params.seed, self.phase, self.step)
        batch = self._batch(params, np.random.default_rng([*key, 0]))
        torch.manual_seed(
            int(np.random.SeedSequence([*key, rank + 1]).generate_state(1, np.uint64)[0])
        )
        draws = np.random.default_rng([*key, rank + 1])
        context = autocast(params.precision, self.processes.device)
        rate = learning_rate(self.step, params)

        # Discriminators frozen: the adversarial terms need the gradient of the image alone, not of
        # their weights.
        for adversary in phase.adversaries:
            adversary.network.requires_grad_(False)
        with context:
            output = phase.render(batch)
            losses = phase.losses(batch, output)
        self.trainers["network"].step(losses, rate, self.processes)
        every = dict(losses)

        for adversary in phase.adversaries:
            trainer = self.trainers[adversary.name]
            adversary.network.requires_grad_(True)
            with torch.no_grad():
                real, fake = adversary.judged(batch, output)
                fake = trainer.pool.exchange(fake, draws)
            with context:
                judged = adversary.losses(real, fake)
            trainer.step(judged, rate * adversary.rate, self.processes)
            every |= {f"{adversary.name}/{name}": value for name, value in judged.items()}
        return every

    def _batch(self, params: TrainingParams, draws: np.random.Generator) -> Batch:
        """This process's share of an iteration's batch."""
        rows = torch.from_numpy(draws.integers(len(self.phase_pairs), size=params.batch_size))
        flips = torch.from_numpy(draws.random(params.batch_size) < 0.5) if params.flip else None
        share = params.batch_size // self.processes.num_processes
        mine = slice(
            self.processes.process_index * share, (self.processes.process_index + 1) * share
        )
        flips = None if flips is None else flips[mine]
        chosen = self.phase_pairs[rows[mine]]
        return make_batch(
            self.images, chosen, self.generator.params.sigma_px, self.processes.device, flips
        )

    def _write_row(self, phase: Phase) -> dict[str, float]:
        """Hand on the average losses since the last row."""
        self._check_losses()
        values = self.log.close_row(phase.name, self.iterations)
        if self.processes.is_main_process:
            self.log.write(self.folder / "losses.csv")
            self.on_log(self.iterations, values)
        return values

    def _draw_sheet(self, phase: Phase) -> None:
        """The same pairs every time, in evaluation mode."""
        if not self.processes.is_main_process:
            return
        rows = np.random.default_rng(phase.training.seed).integers(
            len(self.phase_pairs), size=SHEET_PAIRS
        )
        batch = make_batch(
            self.images,
            self.phase_pairs[torch.from_numpy(rows)],
            self.generator.params.sigma_px,
            self.processes.device,
        )
        phase.network.eval()
        with torch.no_grad(), autocast(phase.training.precision, self.processes.device):
            output = phase.picture(phase.render(batch))
        phase.network.train()
        path = self.folder / "samples" / f"{phase.name}-{self.iterations:06d}.png"
        save_sheet(draw_sheet(batch, output, f"{phase.name}, iteration {self.iterations:,}"), path)
        self.on_sheet(self.iterations, path)

    def _check_losses(self) -> None:
        self.log.check(
            self.processes.process_index, self.processes.num_processes, self._last_good()
        )

    def _last_good(self) -> str:
        advice = "a lower learning_rate or precision: float32 may help"
        if self.saved_at is None:
            return f"there is no checkpoint yet; {advice}"
        return f"the last good checkpoint is {self.path}, of iteration {self.saved_at}; {advice}"

    def _save(self) -> None:
        """Write the checkpoint, unless anything in it is not finite."""
        self._check_losses()
        if self.processes.num_processes > 1:
            for network in self.networks.values():
                for buffer in network.buffers():
                    if buffer.is_floating_point():
                        buffer.copy_(reduce(buffer.clone(), "mean"))
        networks = {name: network.state_dict() for name, network in self.networks.items()}
        optimisers = {
            name: trainer.optimiser.state_dict() for name, trainer in self.trainers.items()
        }
        finite = [t.isfinite().all() for t in _tensors([networks, optimisers])]
        if finite and not torch.stack(finite).all():
            raise NonFiniteLoss(
                f"iteration {self.iterations}: a weight is not finite; {self._last_good()}"
            )
        pools = gather_object(
            [{name: trainer.pool.samples for name, trainer in self.trainers.items()}]
        )
        if self.processes.is_main_process:
            state = {
                "identity": self.identity,
                "phase": self.phase,
                "step": self.step,
                "networks": networks,
                "optimisers": optimisers,
                "pools": pools,
                "log": self.log.state(),
            }
            checkpoint.save(state, self.path)
        self.saved_at = self.iterations


def _tensors(nested: Any) -> list[Tensor]:
    if isinstance(nested, Tensor):
        return [nested] if nested.is_floating_point() else []
    if isinstance(nested, dict):
        nested = list(nested.values())
    return [t for value in nested for t in _tensors(value)] if isinstance(nested, list) else []
