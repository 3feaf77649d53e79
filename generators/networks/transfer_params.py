"""Parameters that PATN and APATN share."""

from dataclasses import dataclass

from generators.networks.losses import GAN_KINDS, check_perceptual
from generators.training.phases import TrainingParams
from generators.training.validation import not_negative, one_of


@dataclass(frozen=True)
class DiscriminatorParams:
    """Parameters of both discriminators."""

    ndf: int  # channels of the first convolution
    blocks: int
    norm: str
    dropout: float


@dataclass(frozen=True)
class TransferParams:
    """Everything that defines a PATN or an APATN except its blocks.

    Raises:
        ValueError: If a value is invalid.
    """

    image_size: tuple[int, int]  # (height, width) in px, multiples of 4
    sigma_px: float  # of the pose maps' Gaussians, at image_size
    ngf: int  # channels of the first convolution; doubled by every downsampling
    downsamplings: int  # number of halvings from the image to the blocks' size; 2 in the paper
    blocks: int  # of the cascade
    norm: str
    dropout: float  # inside the blocks
    discriminator: DiscriminatorParams
    gan: str
    image_pool: int  # number of samples that each discriminator remembers; 0 for none
    lambda_gan: float
    lambda_l1: float
    person_weight: float  # extra weight of the target's limbs in the L1 loss; 0 in the paper
    lambda_perceptual: float
    perceptual: str  # none, or a kind of networks/features.py
    training: TrainingParams

    def __post_init__(self):
        name = type(self).__name__.removesuffix("Params").lower()
        if self.blocks < 1 or self.downsamplings < 1:
            raise ValueError(
                f"{name}.blocks is {self.blocks} and downsamplings {self.downsamplings}; "
                "both must be at least 1"
            )
        not_negative(f"{name}.person_weight", self.person_weight)
        step = max(4, 2**self.downsamplings)  # the discriminators halve twice
        if any(side % step or side < 4 * step for side in self.image_size):
            raise ValueError(
                f"{name}.image_size is {self.image_size}; both sides must be multiples of {step}, "
                f"at least {4 * step}"
            )
        one_of(f"{name}.gan", self.gan, GAN_KINDS)
        check_perceptual(name, self.perceptual, self.lambda_perceptual)
