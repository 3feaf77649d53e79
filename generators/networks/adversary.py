"""The adversary that judges a generator by `gan_loss`."""

from typing import Any

from torch import Tensor, nn

from generators.networks.losses import gan_loss
from generators.training.batch import Batch
from generators.training.phases import Adversary, Judged


def gan_adversary(
    name: str,
    network: nn.Module,
    judged: Judged,
    gan: str,
    pool_size: int,
    weight: float = 0.5,
    rate: float = 1.0,
) -> Adversary:
    """A discriminator that learns to distinguish real samples from generated ones.

    Args:
        name: Name of the adversary; its losses are logged below it.
        network: The discriminator. It returns logits, or a list of feature maps with logits last.
        judged: Real and generated input of the discriminator, as in `Adversary`.
        gan: Kind of the loss, one of losses.GAN_KINDS.
        pool_size: Number of generated samples that the discriminator remembers.
        weight: Weight of each of its two terms.
        rate: Learning rate, as a multiple of the judged network's.
    """

    def losses(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        return {
            "real": weight * gan_loss(scores(network, real), True, gan),
            "fake": weight * gan_loss(scores(network, fake), False, gan),
        }

    return Adversary(name, network, judged, losses, pool_size, rate)


def deception(adversary: Adversary, batch: Batch, output: Any, gan: str) -> Tensor:
    """The generator's adversarial loss: how far its output is from being judged real."""
    _, fake = adversary.judged(batch, output)
    return gan_loss(scores(adversary.network, fake), True, gan)


def scores(network: nn.Module, judged: Tensor) -> Tensor:
    """The logits of a discriminator, which follow its feature maps if it returns any."""
    output = network(judged)
    return output if isinstance(output, Tensor) else output[-1]
