"""Our own pose network: a small heat-map regressor.

The pipeline trains it on real images and their keypoints. It replaces the pre-trained pose detector
of the papers: frozen, in SPT's pose loss (spt_journal, eq. 7), as a source of features when no
outside weights are available (features.py), and to judge the pose of generated images. It follows
Xiao, Wu and Wei, "Simple Baselines for Human Pose Estimation and Tracking" (2018), with skip
connections for small images.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generators.body.pose import size_of
from generators.body.skeleton import JOINTS, MIRROR
from generators.networks.layers import conv, norm
from generators.training.batch import Batch
from generators.training.generator import Trainable
from generators.training.phases import Phase, TrainingParams

RIGHT = [joint for joint, other in enumerate(MIRROR) if joint < other]
LEFT = [MIRROR[joint] for joint in RIGHT]
# Extra weight of a joint's position over the empty rest of its map; weight of the left-right term.
EMPTY, SIDES = 4.0, 2.0


@dataclass(frozen=True)
class PoseNetworkParams:
    """Everything that defines a pose network.

    Raises:
        ValueError: If a value is invalid.
    """

    image_size: tuple[int, int]  # (height, width) in px of the training images, multiples of 8
    sigma_px: float  # of the heat maps' Gaussians, at image_size
    width: int  # channels at full size; 2, 4 and 8 times as many at a half, a quarter, an eighth
    blocks: int  # residual blocks at an eighth of the size
    training: TrainingParams

    def __post_init__(self):
        if any(side % 8 or side < 16 for side in self.image_size):
            raise ValueError(
                f"pose_network.image_size is {self.image_size}; both sides must be multiples of 8, at least 16"
            )
        if self.width < 1 or self.blocks < 0:
            raise ValueError(
                f"pose_network.width is {self.width} and blocks {self.blocks}; they must be positive"
            )


class PoseNetwork(nn.Module):
    """Images [N, 3, H, W] in [-1, 1] -> heat maps [N, 18, H, W], those of pose.pose_maps.

    A map is 1 at its joint and 0 far from it. Images of another size are resized to that of the
    training images, and the maps are resized back.
    """

    def __init__(self, width: int, blocks: int, image_size: tuple[int, int]):
        super().__init__()
        self.image_size = image_size
        wide = [width * factor for factor in (1, 2, 4, 8)]
        levels = [
            _unit(inputs, outputs, 1 if inputs == 3 else 2)
            for inputs, outputs in pairwise([3, *wide])
        ]
        for _ in range(blocks):
            levels[-1].extend([_Residual(wide[-1]), _Context(wide[-1])])
        self.levels = nn.ModuleList(levels)
        self.up = nn.ModuleList(
            _unit(coarse + fine, fine, 1) for fine, coarse in reversed(list(pairwise(wide)))
        )
        self.heat = nn.Conv2d(width, len(JOINTS), 1)

    def features(self, images: Tensor) -> list[Tensor]:
        """The trunk's maps at full, half, a quarter and an eighth of the size.

        Returns:
            [N, width, H, W], [N, 2 width, H/2, W/2], [N, 4 width, H/4, W/4] and
            [N, 8 width, H/8, W/8].
        """
        maps = []
        for level in self.levels:
            images = level(images)
            maps.append(images)
        return maps

    def forward(self, images: Tensor) -> Tensor:
        size, trained_size = size_of(images), tuple(self.image_size)
        if size != trained_size:
            images = F.interpolate(
                images, trained_size, mode="bilinear", antialias=True, align_corners=False
            )
        *finer, x = self.features(images)
        for up, fine in zip(self.up, reversed(finer), strict=True):
            x = up(torch.cat([fine, F.interpolate(x, fine.shape[2:], mode="nearest")], 1))
        heat = self.heat(x)
        return (
            heat
            if size == trained_size
            else F.interpolate(heat, size, mode="bilinear", align_corners=False)
        )


class PoseEstimator(Trainable):
    """A trainable pose network with fresh weights, drawn from params.training.seed.

    It is trained on both images of each pair. Generators are given `networks["network"]`.
    """

    name = "pose_network"
    Params = PoseNetworkParams

    def __init__(self, params: PoseNetworkParams):
        self.params = params
        with torch.random.fork_rng():
            torch.manual_seed(params.training.seed)
            network = PoseNetwork(params.width, params.blocks, params.image_size)
        self.networks: dict[str, nn.Module] = {"network": network}

    def phases(self, pose_network: nn.Module | None = None) -> tuple[Phase, ...]:
        """One phase, without discriminators."""
        return (
            Phase(
                name=self.name,
                network=self.networks["network"],
                training=self.params.training,
                render=lambda batch: self.networks["network"](
                    torch.cat([batch.source_image, batch.target_image])
                ),
                losses=_losses,
                picture=_picture,
                adversaries=(),
            ),
        )

    @torch.no_grad()
    def locate(self, images: Tensor, threshold: float = 0.2) -> Tensor:
        """Keypoints [N, 18, 2] of the people in images [N, 3, H, W] in [-1, 1].

        A joint whose peak is below `threshold` is -1.
        """
        network = self.networks["network"].eval()
        return peaks(network(images.to(next(network.parameters()).device)).float(), threshold)


def _losses(batch: Batch, heat: Tensor) -> dict[str, Tensor]:
    target = torch.cat([batch.source_pose, batch.target_pose])
    off = heat.float() - target
    # Nearly all of a map is empty: without the weight, training hardly leaves empty predictions.
    losses = {"heat": ((1 + EMPTY * target) * off.square()).mean() * 100}
    # Predicting "left or right" for both sides is a saddle point that training by the maps alone
    # does not leave. There the difference of a left and a right map is zero, far from the target's.
    either = torch.maximum(target[:, LEFT], target[:, RIGHT])
    sides = ((1 + EMPTY * either) * (off[:, LEFT] - off[:, RIGHT]).square()).mean() * 100
    return losses | {"sides": SIDES * sides}


def _picture(heat: Tensor) -> Tensor:
    """All joints of the target image in one grey picture."""
    return (
        heat.chunk(2)[1]
        .float()
        .amax(1, keepdim=True)
        .clamp(0, 1)
        .mul(2)
        .sub(1)
        .expand(-1, 3, -1, -1)
    )


def peaks(heat: Tensor, threshold: float) -> Tensor:
    """The highest point of each map [N, K, H, W] as (y, x) in px, [N, K, 2].

    It is -1 if the map's maximum is below `threshold`. Positions are refined by a quarter of a
    pixel towards the higher neighbour, as is usual for heat maps.
    """
    height, width = heat.shape[2:]
    value, place = heat.flatten(2).max(-1)
    y, x = place // width, place % width
    padded = F.pad(heat, [1, 1, 1, 1], mode="replicate").flatten(2)

    def at(dy: int, dx: int) -> Tensor:
        return padded.gather(2, ((y + 1 + dy) * (width + 2) + x + 1 + dx)[..., None])[..., 0]

    refined = torch.stack(
        [y + 0.25 * (at(1, 0) - at(-1, 0)).sign(), x + 0.25 * (at(0, 1) - at(0, -1)).sign()], -1
    )
    return torch.where((value >= threshold)[..., None], refined, -1.0)


def _unit(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        conv(inputs, outputs, 3, "batch", stride), norm("batch", outputs), nn.ReLU(inplace=True)
    )


class _Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            _unit(channels, channels, 1),
            conv(channels, channels, 3, "batch"),
            norm("batch", channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.body(x))


class _Context(nn.Module):
    """Adds a summary of the whole image at every position.

    Which shoulder is the left one, for example, depends on whether the face is visible.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, channels, 1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)
