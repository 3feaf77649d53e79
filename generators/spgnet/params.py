"""Parameters of SPGNet."""

from dataclasses import dataclass

from generators.body.parsing import KINDS
from generators.networks.layers import NORMS
from generators.networks.losses import GAN_KINDS, check_perceptual
from generators.training.phases import TrainingParams
from generators.training.validation import at_least, not_negative, one_of

PARSER_INPUTS = ("parsing", "image")
VARIANTS = ("baseline", "baseline_s", "spade", "full")


@dataclass(frozen=True)
class SpatnParams:
    """Everything that defines a SPATN.

    Raises:
        ValueError: If a value is invalid.
    """

    input: str  # parsing (SPATN) or image (SPATN*)
    ngf: int
    blocks: int
    norm: str
    dropout: float
    lambda_ce: float
    training: TrainingParams

    def __post_init__(self):
        one_of("spgnet.parser.input", self.input, PARSER_INPUTS)
        one_of("spgnet.parser.norm", self.norm, NORMS)


@dataclass(frozen=True)
class SpgNetworkParams:
    """Parameters of the second stage's network.

    Raises:
        ValueError: If a value is invalid.
    """

    variant: str  # of Table 3
    nf: int  # channels of the full-size features; scale l has min(l + 1, 4) times as many
    scales: int
    hidden: int  # channels between the one-hot map and alpha, beta
    style_channels: int  # D of the styles
    norm: str

    def __post_init__(self):
        one_of("spgnet.network.variant", self.variant, VARIANTS)
        one_of("spgnet.network.norm", self.norm, NORMS)
        for name in ("nf", "scales", "hidden"):
            at_least(f"spgnet.network.{name}", getattr(self, name), 1)
        if self.style_channels < 2 or self.style_channels % 2:
            raise ValueError(
                f"spgnet.network.style_channels is {self.style_channels}; "
                "it must be even, at least 2"
            )

    @property
    def takes_styles(self) -> bool:
        """Whether the norms receive the styles of the source's regions."""
        return self.variant == "full"

    @property
    def takes_layout(self) -> bool:
        """Whether the norms receive the target's parsing map."""
        return self.variant in ("spade", "full")

    @property
    def takes_parsing(self) -> bool:
        """Whether the network uses the target's parsing map at all."""
        return self.variant != "baseline"


@dataclass(frozen=True)
class PatchParams:
    """Parameters of the PatchGAN discriminator."""

    ndf: int  # channels of the first convolution
    layers: int  # number of layers after it; all but the last halve the size
    norm: str
    rate: float  # its learning rate, as a multiple of the network's


@dataclass(frozen=True)
class SpgNetParams:
    """Everything that defines an SPGNet.

    Raises:
        ValueError: If a value is invalid.
    """

    image_size: tuple[int, int]  # (height, width) in px, multiples of 2^(scales - 1) and of 4
    sigma_px: float  # of the pose maps' Gaussians, at image_size
    parsing: str  # where parsing maps come from: files, from_keypoints
    kappa: float  # of the distance maps, per px at image_size
    parser: SpatnParams
    flow: str  # rigid_parts, or a file of flows
    network: SpgNetworkParams
    discriminator: PatchParams
    gan: str
    image_pool: int  # number of samples that the discriminator remembers; 0 for none
    lambda_gan: float
    lambda_l1: float
    person_weight: float  # extra weight of the person's pixels in the L1 loss; 0 in the paper
    lambda_perceptual: float
    perceptual: str
    training: TrainingParams  # of the second stage; SPATN's is parser.training

    def __post_init__(self):
        step = max(2 ** (self.network.scales - 1), 4)
        if any(side % step or side < 2 * step for side in self.image_size):
            raise ValueError(
                f"spgnet.image_size is {self.image_size}; both sides must be multiples of {step}, "
                f"at least {2 * step} with {self.network.scales} scales"
            )
        one_of("spgnet.parsing", self.parsing, KINDS)
        one_of("spgnet.gan", self.gan, GAN_KINDS)
        if min(self.image_size) < 3 * 2**self.discriminator.layers:
            raise ValueError(
                f"spgnet.discriminator.layers is {self.discriminator.layers}; "
                f"images of {self.image_size} px are too small"
            )
        if self.kappa >= 0:
            raise ValueError(
                f"spgnet.kappa is {self.kappa}; "
                "it must be negative, so that distance maps fall from the limb"
            )
        not_negative("spgnet.person_weight", self.person_weight)
        check_perceptual("spgnet", self.perceptual, self.lambda_perceptual)
