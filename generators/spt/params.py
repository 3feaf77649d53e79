"""Everything that defines an SPT (spt.py)."""

from dataclasses import dataclass

from generators.body import parsing
from generators.networks.features import PERCEPTUAL_KINDS
from generators.networks.losses import GAN_KINDS
from generators.spt.networks import SKIPS, DiscriminatorParams, UNetParams
from generators.spt.pseudo_labels import SearchParams
from generators.training.phases import TrainingParams

CONFIGURATIONS = ("baseline", "ts_pred", "ts_gt", "e2e")
BACKGROUNDS = ("network", "none")
STYLES = ("semantic", "mask", "patch")
RGB = "rgb"  # the layer that is the image itself


@dataclass(frozen=True)
class Schedule:
    """Of the phases of Algorithm 2; those that a configuration lacks are not run."""

    semantic: TrainingParams
    appearance: TrainingParams
    joint: TrainingParams


@dataclass(frozen=True)
class SptParams:
    """Everything that defines an SPT. ValueError where a value makes no sense."""

    image_size: tuple[int, int]  # (height, width) in px
    sigma_px: (
        float  # of the pose maps' Gaussians, at image_size; the pose loss wants the pose network's
    )
    parsing: str  # files, from_keypoints
    configuration: str  # of Table 3
    background: str
    auxiliary: (
        str | None
    )  # a folder of images without people; null: the training images with their persons filled in
    scene_doubt: (
        float  # how far generate() moves the background towards the mean scene; 0: the paper
    )
    semantic: UNetParams  # H_S
    foreground: UNetParams
    inpainting: UNetParams  # the background network
    skips: str  # how the foreground's skips are warped; parts is the paper's
    deformable: int  # how many levels, from full size on
    copy_warped: bool
    pose_heat_maps: bool  # the pose as H_S is given it: heat maps, pose mask or both (Fig. 10)
    pose_masks: bool
    search: SearchParams
    discriminator: DiscriminatorParams
    gan: str
    image_pool: int  # samples that each discriminator remembers; 0 for none
    perceptual: str  # network of the layers below; none where they are rgb alone
    content_layers: tuple[str, ...]  # rgb or the network's
    style: str
    style_layers: tuple[str, ...]
    lambda_ce: float
    lambda_gan_semantic: float  # each gan's weight at 0 leaves its discriminator out
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
        for key, known in (
            ("parsing", parsing.KINDS),
            ("configuration", CONFIGURATIONS),
            ("background", BACKGROUNDS),
            ("skips", SKIPS),
            ("gan", GAN_KINDS),
            ("perceptual", PERCEPTUAL_KINDS),
            ("style", STYLES),
        ):
            if getattr(self, key) not in known:
                raise ValueError(
                    f"spt.{key} is {getattr(self, key)!r}; it must be one of {', '.join(known)}"
                )
        for key in ("semantic", "foreground", "inpainting"):
            step = 2 ** (getattr(self, key).levels - 1)
            if any(side % step or side < 2 * step for side in self.image_size):
                raise ValueError(
                    f"spt.image_size is {self.image_size}; with {key}.levels {getattr(self, key).levels} both sides must be "
                    f"multiples of {step}, at least {2 * step}"
                )
        if not (self.pose_heat_maps or self.pose_masks):
            raise ValueError(
                "spt.pose_heat_maps and pose_masks are both false; H_S must be told the pose"
            )
        if negative := [
            key for key, value in vars(self).items() if key.startswith("lambda_") and value < 0
        ]:
            raise ValueError(
                f"spt.{negative[0]} is {getattr(self, negative[0])}; it must not be negative"
            )
        deep = [layer for layer in (*self.content_layers, *self.style_layers) if layer != RGB]
        if (self.perceptual == "none") != (not deep):
            raise ValueError(
                f"spt.perceptual is {self.perceptual} but the layers are content_layers {list(self.content_layers)} and "
                f"style_layers {list(self.style_layers)}; name a network for layers other than rgb, or none"
            )
        if not 0 <= self.scene_doubt <= (self.background == "network"):
            raise ValueError(
                f"spt.scene_doubt is {self.scene_doubt}; it must lie in 0 to 1, and be 0 where background is none"
            )
        if self.configuration == "baseline" and self.style == "semantic":
            raise ValueError(
                "spt.configuration baseline has no parsing maps; set style to mask or patch"
            )

    @property
    def predicts(self) -> bool:
        """Whether there is an H_S."""
        return self.configuration in ("ts_pred", "e2e")
