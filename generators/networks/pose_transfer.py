"""The common part of PATN and APATN: discriminators, losses and training.

Zhu, Huang, Xu, Shi, Cheng, Bai: "Progressive and Aligned Pose Attention Transfer for Person Image
Generation", sections 3.1, 3.4 and 3.5. patn/patn.py documents the departures from the paper and
its public code.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from generators.body.pose import person_mask
from generators.body.skeleton import JOINTS
from generators.networks.adversary import deception, gan_adversary
from generators.networks.losses import PerceptualLoss, l1
from generators.networks.pose_attention import Discriminator
from generators.networks.transfer_params import TransferParams
from generators.training.batch import Batch
from generators.training.generator import Generator
from generators.training.phases import Adversary, Judged, Phase, autocast


def appearance_judged(batch: Batch, output: Tensor) -> tuple[Tensor, Tensor]:
    """Input of D_A: (P_t, P_c) and (P_g, P_c), [N, 6, H, W]."""
    return torch.cat([batch.target_image, batch.source_image], 1), torch.cat(
        [output, batch.source_image], 1
    )


def shape_judged(batch: Batch, output: Tensor) -> tuple[Tensor, Tensor]:
    """Input of D_S: (P_t, S_t) and (P_g, S_t), [N, 21, H, W]."""
    return torch.cat([batch.target_image, batch.target_pose], 1), torch.cat(
        [output, batch.target_pose], 1
    )


class Transfer(Generator, ABC):
    """A generator with fresh weights, drawn from params.training.seed.

    Subclasses set its name and build its network.
    """

    name: str
    Params: type[TransferParams]

    @staticmethod
    @abstractmethod
    def build(params: Any) -> nn.Module:
        """The network: source image, source and target pose -> image [N, 3, H, W] in [-1, 1].

        The source image is [N, 3, H, W], each pose [N, 18, H, W].
        """

    def __init__(self, params: TransferParams):
        self.params = params
        with torch.random.fork_rng():
            torch.manual_seed(params.training.seed)
            network = self.build(params)
        self.networks: dict[str, nn.Module] = {"network": network}

    @property
    def uses_pose_network(self) -> bool:
        return self.params.perceptual == "pose_network"

    def phases(self, pose_network: nn.Module | None = None) -> tuple[Phase, ...]:
        """One phase, with fresh discriminators.

        Raises:
            ValueError: If the perceptual loss needs a pose network and none is given.
            RuntimeError: If the weights of the perceptual loss are not available.
        """
        params, network = self.params, self.networks["network"]
        perceptual = (
            None if params.perceptual == "none" else PerceptualLoss(params.perceptual, pose_network)
        )
        adversaries: tuple[Adversary, ...] = ()
        if params.lambda_gan > 0:
            with torch.random.fork_rng():
                torch.manual_seed(params.training.seed + 1)
                adversaries = (
                    self._adversary("appearance", 6, appearance_judged),
                    self._adversary("shape", 3 + len(JOINTS), shape_judged),
                )
        return (
            Phase(
                name=self.name,
                network=network,
                training=params.training,
                render=self._render,
                losses=partial(self._losses, adversaries, perceptual),
                picture=lambda output: output,
                adversaries=adversaries,
            ),
        )

    def generate(self, batch: Batch) -> Tensor:
        """The batch's source persons in its target poses.

        Returns:
            float32 [N, 3, H, W] in [-1, 1], on the network's device.
        """
        return self._evaluated(self.networks["network"], batch)

    @torch.no_grad()
    def _evaluated(self, call: Callable[[Tensor, Tensor, Tensor], Tensor], batch: Batch) -> Tensor:
        """`call` of source image, source pose and target pose, with the network in evaluation mode.

        Returns:
            float32, on the network's device.
        """
        network = self.networks["network"].eval()
        device = next(network.parameters()).device
        batch = batch.to(device)
        with autocast(self.params.training.precision, device):
            return call(batch.source_image, batch.source_pose, batch.target_pose).float()

    def _render(self, batch: Batch) -> Tensor:
        return self.networks["network"](batch.source_image, batch.source_pose, batch.target_pose)

    def _losses(
        self,
        adversaries: tuple[Adversary, ...],
        perceptual: PerceptualLoss | None,
        batch: Batch,
        output: Tensor,
    ) -> dict[str, Tensor]:
        """The terms of eq. (9)."""
        params = self.params
        weight = None
        if params.person_weight > 0:
            weight = 1 + params.person_weight * person_mask(
                batch.target_keypoints, params.image_size
            )
        losses = {"l1": params.lambda_l1 * l1(output, batch.target_image, weight)}
        if perceptual is not None:
            perceptual = perceptual.to(output.device)
            losses["perceptual"] = params.lambda_perceptual * perceptual(output, batch.target_image)
        for adversary in adversaries:
            deceived = deception(adversary, batch, output, params.gan)
            losses[f"gan_{adversary.name}"] = params.lambda_gan * deceived / len(adversaries)
        return losses

    def _adversary(self, name: str, inputs: int, judged: Judged) -> Adversary:
        params = self.params
        network, weight = Discriminator(inputs, params.discriminator), 0.5 * params.lambda_gan
        return gan_adversary(name, network, judged, params.gan, params.image_pool, weight)
