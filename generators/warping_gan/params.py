"""Parameters of Soft-gated Warping-GAN."""

from dataclasses import dataclass

from generators.body.parsing import KINDS
from generators.networks.layers import NORMS
from generators.networks.losses import GAN_KINDS, check_perceptual
from generators.training.phases import TrainingParams
from generators.training.validation import at_least, not_negative, one_of

PARSER_INPUTS = ("parsing", "image")


@dataclass(frozen=True)
class ParserParams:
    """Parameters of stage I.

    Raises:
        ValueError: If a value is invalid.
    """

    input: str  # its source input: parsing, image
    ngf: int  # channels of the first convolution
    downsamplings: int
    blocks: int
    lambda_gan: float  # in addition to the cross entropy; 0 leaves the discriminator out
    training: TrainingParams

    def __post_init__(self):
        one_of("warping_gan.parser.input", self.input, PARSER_INPUTS)
        not_negative("warping_gan.parser.lambda_gan", self.lambda_gan)


@dataclass(frozen=True)
class MatcherParams:
    """Parameters of the geometric matcher and of the random transformations it learns from.

    Raises:
        ValueError: If a value is invalid.
    """

    channels: int  # of the first convolution; they double with every halving
    downsamplings: int  # number of halvings to the size at which features are correlated
    norm: str
    controls: int  # control points of the spline along each side
    rotation_degrees: float  # largest random angle
    scale: float  # largest random change of size, as a share, separately on each axis
    shift: float  # largest random move, in halves of the image's sides
    bend: float  # largest random move of a control point, in halves of the image's sides
    training: TrainingParams

    def __post_init__(self):
        for name, least in (("channels", 1), ("downsamplings", 1), ("controls", 2)):
            at_least(f"warping_gan.matcher.{name}", getattr(self, name), least)
        for name in ("rotation_degrees", "shift", "bend"):
            not_negative(f"warping_gan.matcher.{name}", getattr(self, name))
        if not 0 <= self.scale < 1:
            raise ValueError(
                f"warping_gan.matcher.scale is {self.scale}; it must be at least 0 and below 1"
            )


@dataclass(frozen=True)
class WarpingGanParams:
    """Everything that defines a Warping-GAN.

    Raises:
        ValueError: If a value is invalid.
    """

    # (height, width) in px, multiples of 8 and of every 2^downsamplings
    image_size: tuple[int, int]
    sigma_px: float  # of the pose maps' Gaussians, at image_size
    parsing: str  # where parsing maps come from: files, from_keypoints
    use_parsing: bool  # false: no stage I and no parsing maps anywhere
    use_warping: bool  # false: no matcher and no warping block
    norm: str  # of all networks except the matcher
    parser: ParserParams
    matcher: MatcherParams
    ngf: int  # of the image network: channels of the first convolution
    downsamplings: int
    blocks: int
    ndf: int  # of the discriminators: channels of the first convolution
    gan: str
    image_pool: int  # number of samples that each discriminator remembers; 0 for none
    lambda_gan: float
    lambda_l1: float
    person_weight: float  # extra weight of the person's pixels in the L1 loss; 0 in the paper
    perceptual: str  # none, vgg19, vgg16, pose_network
    perceptual_layers: tuple[str, ...]
    lambda_perceptual: float
    lambda_ph: float
    ph_weights: tuple[float, float, float]  # of the discriminator's maps, from large to small
    training: TrainingParams  # of the image network

    def __post_init__(self):
        deepest = max(3, self.parser.downsamplings, self.matcher.downsamplings, self.downsamplings)
        if any(side % 2**deepest or side < 2 ** (deepest + 1) for side in self.image_size):
            raise ValueError(
                f"warping_gan.image_size is {self.image_size}; both sides must be multiples of "
                f"{2**deepest} (the most downsamplings are {deepest}), and at least twice that"
            )
        known = {"parsing": KINDS, "norm": NORMS, "gan": GAN_KINDS}
        for name, values in known.items():
            one_of(f"warping_gan.{name}", getattr(self, name), values)
        for name in ("lambda_gan", "lambda_l1", "person_weight", "lambda_perceptual", "lambda_ph"):
            not_negative(f"warping_gan.{name}", getattr(self, name))
        if not any((self.lambda_gan, self.lambda_l1, self.lambda_perceptual, self.lambda_ph)):
            raise ValueError("warping_gan: all lambdas are 0, so nothing would be learned")
        check_perceptual("warping_gan", self.perceptual, self.lambda_perceptual)
