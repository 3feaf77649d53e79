"""A network with its optimiser, and its step over all processes."""

from typing import cast

import torch
from accelerate import PartialState
from accelerate.utils import reduce
from torch import Tensor, nn

from generators.training.image_pool import ImagePool
from generators.training.phases import TrainingParams


class Trainer:
    """A network with its optimiser and, for a discriminator, its pool."""

    def __init__(self, network: nn.Module, params: TrainingParams, pool_size: int):
        self.network = network
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.Adam(
            self.parameters, params.learning_rate, params.betas, fused=True
        )
        self.pool = ImagePool(pool_size)

    def step(self, losses: dict[str, Tensor], rate: float, processes: PartialState) -> None:
        """Take a step on the sum of the losses, with gradients averaged over processes."""
        self.optimiser.zero_grad(set_to_none=True)
        cast(Tensor, sum(losses.values())).backward()
        if processes.num_processes > 1:
            gradients = [p.grad for p in self.parameters if p.grad is not None]
            flat = cast(Tensor, reduce(torch.cat([g.flatten() for g in gradients]), "mean"))
            for gradient, mean in zip(
                gradients, flat.split([g.numel() for g in gradients]), strict=True
            ):
                gradient.copy_(mean.view(gradient.shape))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
