"""The state of a training run: its networks, optimisers and progress.

A checkpoint contains all of it, so that a killed run resumes at its last checkpoint.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import PartialState
from accelerate.utils import gather_object, reduce
from torch import Tensor, nn

from generators import code
from generators.body.pose import size_of
from generators.training import checkpoint
from generators.training.generator import Trainable
from generators.training.losslog import LossLog, NonFiniteLoss
from generators.training.pairs import ImageSet, digest, fingerprint
from generators.training.phases import Phase, uses_bfloat16
from generators.training.trainer import Trainer


class Run:
    """The state of one call of train().

    Args:
        generator: The generator to train.
        images: Images on the training device.
        pairs: Training pairs, int64 [P, 2].
        folder: Folder of the checkpoint and the log.
        processes: The processes that share the training.
        pose_network: Network for the generator's losses; it is moved to the device and frozen.

    Raises:
        ValueError: If image size, pairs or batch size do not fit.
    """

    def __init__(
        self,
        generator: Trainable,
        images: ImageSet,
        pairs: Tensor,
        folder: Path,
        processes: PartialState,
        pose_network: nn.Module | None,
    ):
        self.generator, self.images, self.pairs, self.folder = generator, images, pairs, folder
        self.processes, self.device = processes, torch.device(cast(torch.device, processes.device))
        if pose_network is not None:
            pose_network = pose_network.to(self.device).eval().requires_grad_(False)
        self.phases: tuple[Phase, ...] = generator.phases(pose_network)
        self.path = folder / "checkpoint.pt"
        self.phase, self.step = 0, 0
        self.saved_at: int | None = None  # iteration of the last checkpoint
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
            network.to(self.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        frozen = None if pose_network is None else digest(pose_network.state_dict().values())
        self.identity = {
            "name": generator.name,
            "code": code.of_generator(type(generator)),
            "params": asdict(generator.params),
            "data": fingerprint(images, pairs),
            "pose_network": frozen,
            "processes": processes.num_processes,
            "bfloat16": [
                uses_bfloat16(phase.training.precision, self.device) for phase in self.phases
            ],
        }

    @property
    def iterations(self) -> int:
        """Iterations done, over all phases."""
        return sum(phase.training.iterations for phase in self.phases[: self.phase]) + self.step

    def _check(self) -> None:
        size = size_of(self.images.pixels)
        if size != tuple(self.generator.params.image_size):
            raise ValueError(
                f"the images are {size} px, but image_size is {tuple(self.generator.params.image_size)}"
            )
        if len(self.pairs) == 0:
            raise ValueError(
                "no training pairs: no identity has two images with shoulders and hips"
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
                    f"phase {phase.name} trains parameters outside {self.generator.name}.networks"
                )

    def resume(self) -> tuple[int, str]:
        """Load the checkpoint if it belongs to this run.

        Returns:
            The iteration at which the run continues, and a description of what happened.

        Raises:
            ValueError: If the checkpoint is damaged or was written by other code.
        """
        if not self.path.exists():
            self._open_phase()
            return 0, "starts at iteration 0"
        state = checkpoint.load(self.path, self.device)
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
        """Remove files that another run, or an unsaved start of this one, left in the folder."""
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

    def close_phase(self) -> None:
        """Proceed to the next phase."""
        self.phase, self.step, self.log = self.phase + 1, 0, LossLog(self.log.rows)
        self._open_phase()

    def check_losses(self) -> None:
        """Stop all processes if a loss of any of them was not finite.

        Raises:
            NonFiniteLoss: If a loss was not finite.
        """
        processes = self.processes
        self.log.check(processes.process_index, processes.num_processes, self._last_good())

    def _last_good(self) -> str:
        advice = "a lower learning_rate or precision: float32 may help"
        if self.saved_at is None:
            return f"no checkpoint exists yet; {advice}"
        return f"the last good checkpoint is {self.path}, of iteration {self.saved_at}; {advice}"

    def save(self) -> None:
        """Write the checkpoint.

        Raises:
            NonFiniteLoss: If a loss or a weight is not finite.
        """
        self.check_losses()
        if self.processes.num_processes > 1:
            for network in self.networks.values():
                for buffer in network.buffers():
                    if buffer.is_floating_point():
                        buffer.copy_(cast(Tensor, reduce(buffer.clone(), "mean")))
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
