"""Parameters of SPT."""

from dataclasses import dataclass

from generators.body import parsing
from generators.networks import layers
from generators.networks.features import PERCEPTUAL_KINDS
from generators.networks.losses import GAN_KINDS
from generators.training.phases import TrainingParams
from generators.training.validation import not_negative, one_of

CONFIGURATIONS = ("baseline", "ts_pred", "ts_gt", "e2e")
BACKGROUNDS = ("network", "none")
STYLES = ("semantic", "mask", "patch")
SKIPS = ("parts", "flow", "plain")
NORMS = ("layer", *layers.NORMS)
RGB = "rgb"  # the layer that is the image itself
WIDEST = 8  # largest number of channels, in multiples of the first level's


@dataclass(frozen=True)
class UNetParams:
    """Parameters of an encoder and its decoder.

    Level k has min(2^k, 8) times `ngf` channels, at 1 / 2^k of the image's size.

    Raises:
        ValueError: If a value is invalid.
    """

    ngf: int
    levels: int
    norm: str
    dropout: float  # in the decoder's first three stages

    def __post_init__(self):
        if self.ngf < 1 or self.levels < 2:
            raise ValueError(
                f"ngf is {self.ngf} and levels {self.levels}; they must be at least 1 and 2"
            )
        one_of("norm", self.norm, NORMS)

    @property
    def widths(self) -> list[int]:
        """Channels of each level."""
        return [self.ngf * min(2**level, WIDEST) for level in range(self.levels)]


@dataclass(frozen=True)
class DiscriminatorParams:
    """Parameters of every discriminator.

    Raises:
        ValueError: If the norm is unknown.
    """

    ndf: int  # channels of the first convolution
    layers: int  # convolutions that halve the size
    norm: str

    def __post_init__(self):
        one_of("discriminator.norm", self.norm, NORMS)


@dataclass(frozen=True)
class SearchParams:
    """Parameters of the search for pseudo labels.

    Raises:
        ValueError: If a value is invalid.
    """

    candidates: int  # N of the paper: number of images drawn for each source
    min_pose_distance: float  # in torso scales; closer pairs of poses are left out as very similar
    points: tuple[int, int]  # numbers along and across a part at which labels are compared

    def __post_init__(self):
        if self.candidates < 1 or min(self.points) < 1:
            raise ValueError(
                f"search: candidates is {self.candidates} and points {self.points}; "
                "they must be at least 1"
            )
        not_negative("search.min_pose_distance", self.min_pose_distance)


@dataclass(frozen=True)
class Schedule:
    """Training of the phases of Algorithm 2; a configuration runs only its own phases."""

    semantic: TrainingParams
    appearance: TrainingParams
    joint: TrainingParams


@dataclass(frozen=True)
class SptParams:
    """Everything that defines an SPT.

    Raises:
        ValueError: If a value is invalid.
    """

    image_size: tuple[int, int]  # (height, width) in px
    sigma_px: float  # of the pose maps' Gaussians; the pose loss needs the pose network's
    parsing: str  # where parsing maps come from: files, from_keypoints
    configuration: str  # of Table 3
    background: str
    # A folder of images without people; null: the training images with their persons filled in.
    auxiliary: str | None
    scene_doubt: float  # share of the mean scene in generate()'s background; 0 in the paper
    semantic: UNetParams  # H_S
    foreground: UNetParams
    inpainting: UNetParams  # the background network
    skips: str  # how the foreground's skips are warped; parts in the paper
    deformable: int  # number of warped levels, from full size on
    copy_warped: bool
    # The pose that H_S receives: heat maps, pose mask or both (Fig. 10).
    pose_heat_maps: bool
    pose_masks: bool
    search: SearchParams
    discriminator: DiscriminatorParams
    gan: str
    image_pool: int  # number of samples that each discriminator remembers; 0 for none
    perceptual: str  # network of the layers below; none if they are only rgb
    content_layers: tuple[str, ...]  # rgb, or layers of the network
    style: str
    style_layers: tuple[str, ...]
    lambda_ce: float
    lambda_gan_semantic: float  # 0 leaves the discriminator out, as for the other GAN weights
    lambda_gan: float
    lambda_face: float
    lambda_pose: float
    lambda_content: float
    lambda_style: float
    lambda_warp: float  # 0 in the paper
    lambda_inpainting: float  # alpha of Algorithm 1
    lambda_gan_background: float  # its beta
    training: Schedule

    def __post_init__(self):
        known = {
            "parsing": parsing.KINDS,
            "configuration": CONFIGURATIONS,
            "background": BACKGROUNDS,
            "skips": SKIPS,
            "gan": GAN_KINDS,
            "perceptual": PERCEPTUAL_KINDS,
            "style": STYLES,
        }
        for key, values in known.items():
            one_of(f"spt.{key}", getattr(self, key), values)
        for key in ("semantic", "foreground", "inpainting"):
            levels = getattr(self, key).levels
            step = 2 ** (levels - 1)
            if any(side % step or side < 2 * step for side in self.image_size):
                raise ValueError(
                    f"spt.image_size is {self.image_size}; with {key}.levels {levels} "
                    f"both sides must be multiples of {step}, at least {2 * step}"
                )
        if not (self.pose_heat_maps or self.pose_masks):
            raise ValueError(
                "spt.pose_heat_maps and pose_masks are both false; H_S must receive the pose"
            )
        for key, value in vars(self).items():
            if key.startswith("lambda_"):
                not_negative(f"spt.{key}", value)
        deep = [layer for layer in (*self.content_layers, *self.style_layers) if layer != RGB]
        if (self.perceptual == "none") != (not deep):
            raise ValueError(
                f"spt.perceptual is {self.perceptual} but the layers are content_layers "
                f"{list(self.content_layers)} and style_layers {list(self.style_layers)}; "
                "name a network for layers other than rgb, or none"
            )
        if not 0 <= self.scene_doubt <= (self.background == "network"):
            raise ValueError(
                f"spt.scene_doubt is {self.scene_doubt}; "
                "it must lie in 0 to 1, and be 0 if background is none"
            )
        if self.configuration == "baseline" and self.style == "semantic":
            raise ValueError(
                "spt.configuration baseline has no parsing maps; set style to mask or patch"
            )

    @property
    def predicts(self) -> bool:
        """Whether the configuration has an H_S, which predicts parsing maps."""
        return self.configuration in ("ts_pred", "e2e")
