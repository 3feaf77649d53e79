"""The networks of SPT: semantic, foreground and background network, the warp of its deformable
skips, discriminators.

spt_journal, sections 3.2 and 3.3; their widths and norm, which the paper does not give, are those
of its public demo.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generators.body import body_parts
from generators.body.parsing import LABELS
from generators.body.skeleton import JOINTS
from generators.networks.layers import initialise, norm

NORMS = ("layer", "batch", "instance")
SKIPS = ("parts", "flow", "plain")
WIDEST = 8  # times the first level's channels
TORSO_PART = 1


def normalisation(kind: str, channels: int) -> nn.Module:
    """As layers.norm; `layer` is one over the whole map of an image, with a scale and shift for
    each channel.
    """
    return nn.GroupNorm(1, channels, eps=1e-3) if kind == "layer" else norm(kind, channels)


@dataclass(frozen=True)
class UNetParams:
    """Of the encoders and decoders; level k has min(2^k, 8) times `ngf` channels at 1 / 2^k of the
    size.
    """

    ngf: int
    levels: int
    norm: str
    dropout: float  # in the decoder's first three stages

    def __post_init__(self):
        if self.ngf < 1 or self.levels < 2:
            raise ValueError(
                f"ngf is {self.ngf} and levels {self.levels}; there must be a channel and two levels"
            )
        if self.norm not in NORMS:
            raise ValueError(f"norm is {self.norm!r}; it must be one of {', '.join(NORMS)}")

    @property
    def widths(self) -> list[int]:
        return [self.ngf * min(2**level, WIDEST) for level in range(self.levels)]


class Encoder(nn.Module):
    """[N, inputs, H, W] -> a map [N, widths[k], H / 2^k, W / 2^k] of each level."""

    def __init__(self, inputs: int, params: UNetParams):
        super().__init__()
        widths = params.widths
        self.levels = nn.ModuleList([nn.Conv2d(inputs, widths[0], 3, padding=1)])
        for before, after in zip(widths, widths[1:], strict=False):
            down = nn.Conv2d(before, after, 4, 2, 1)
            self.levels.append(
                nn.Sequential(nn.LeakyReLU(0.2), down, normalisation(params.norm, after))
            )

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for level in self.levels:
            x = level(x)
            maps.append(x)
        return maps


class Decoder(nn.Module):
    """Maps of each level, `times` the channels of an encoder's, joined level by level -> [N,
    outputs, H, W].
    """

    def __init__(self, times: int, outputs: int, params: UNetParams):
        super().__init__()
        widths = params.widths
        self.stages = nn.ModuleList()
        before = times * widths[-1]
        for stage, width in enumerate(reversed(widths[:-1])):
            up = nn.ConvTranspose2d(before, width, 4, 2, 1)
            drop = nn.Dropout(params.dropout if stage < 3 else 0.0)
            self.stages.append(
                nn.Sequential(nn.ReLU(), up, normalisation(params.norm, width), drop)
            )
            before = (1 + times) * width
        self.last = nn.Sequential(nn.ReLU(), nn.Conv2d(before, outputs, 3, padding=1))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        x = maps[-1]
        for stage, skip in zip(self.stages, reversed(maps[:-1]), strict=True):
            x = torch.cat([stage(x), skip], 1)
        return self.last(x)


class SemanticNetwork(nn.Module):
    """H_S = G_S . (E_S, E_P): a parsing map and both poses -> logits of the parsing map in the
    target pose.

    A pose is [N, pose_channels, H, W], its heat maps, its mask or both; maps are [N, 10, H, W].
    """

    def __init__(self, pose_channels: int, params: UNetParams):
        super().__init__()
        self.semantic_encoder = Encoder(len(LABELS) + pose_channels, params)
        self.pose_encoder = Encoder(pose_channels, params)
        self.decoder = Decoder(2, len(LABELS), params)
        initialise(self)

    def forward(self, source_parsing: Tensor, source_pose: Tensor, target_pose: Tensor) -> Tensor:
        source = self.semantic_encoder(torch.cat([source_parsing, source_pose], 1))
        target = self.pose_encoder(target_pose)
        return self.decoder([torch.cat(level, 1) for level in zip(source, target, strict=True)])


class PartWarp:
    """Moves maps of the source, [N, C, h, w] at any level, into the target's pose by ten rigid
    parts.

    `parts`: each part's affine map moves the whole map, a mask cuts the part out, and the maximum
    over parts is taken, as in Siarohin et al., "Deformable GANs for Pose-based Human Image
    Generation" (2018), 3.2; the torso's mask is all ones, as
    there. `flow`: every pixel is taken from the nearest part on it, or else from the torso: a tenth
    of the work. `plain`: nothing moves. Keypoints [N, 18, 2] are those at `size`. A person without
    a usable torso, source or target, stays where they are.
    """

    def __init__(self, kind: str, source: Tensor, target: Tensor, size: tuple[int, int]):
        self.kind, self.size = kind, size
        source, target = body_parts.tidy(source, size), body_parts.tidy(target, size)
        whole = ~(body_parts.usable(source, size) & body_parts.usable(target, size))[
            :, None, None, None
        ]
        oval = body_parts.one_piece(size, source.device)
        own, placed = (
            body_parts.frames(points, size, body_parts.USUAL) for points in (source, target)
        )
        self.cut = torch.where(whole, oval, body_parts.with_mirrored(own, source))
        self.placed = torch.where(whole, oval, placed)
        self.order = body_parts.draw_order(target)
        self.known: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def _level(self, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """(grids [N, 10, h, w, 2], masks [N, 10, h, w]) at a level's size."""
        if size not in self.known:
            scale = size[0] / self.size[0]
            cut, placed = (_rescaled(found, scale) for found in (self.cut, self.placed))
            self.known[size] = (
                body_parts.part_grids(cut, placed, size),
                body_parts.part_masks(placed, size, 1.0),
            )
        return self.known[size]

    def flow(self, maps: Tensor, mode: str = "bilinear") -> Tensor:
        """`maps` [N, C, h, w], each pixel from the nearest part that lies on it, or from the torso
        where none does.
        """
        grids, masks = self._level(tuple(maps.shape[2:]))
        front = body_parts.front_part(masks, self.order)
        front = torch.where(front < 0, TORSO_PART, front)[:, None, :, :, None].expand(
            -1, 1, -1, -1, 2
        )
        grid = grids.gather(1, front)[:, 0]
        return F.grid_sample(maps.float(), grid, mode, padding_mode="border", align_corners=False)

    def __call__(self, maps: Tensor) -> Tensor:
        if self.kind == "plain":
            return maps
        if self.kind == "flow":
            return self.flow(maps)
        grids, masks = self._level(tuple(maps.shape[2:]))
        number = grids.shape[1]
        moved = F.grid_sample(
            maps.float().repeat_interleave(number, 0),
            grids.flatten(0, 1),
            padding_mode="zeros",
            align_corners=False,
        ).unflatten(0, (-1, number))
        everywhere = torch.arange(number, device=masks.device)[:, None, None] == TORSO_PART
        cutters = (masks > 0.5) | everywhere
        return (moved * cutters[:, :, None]).amax(1)


def _rescaled(found: Tensor, scale: float) -> Tensor:
    """Frames at `scale` times the size."""
    return torch.cat([(found[:, :, :1] + 0.5) * scale - 0.5, found[:, :, 1:] * scale], 2)


class ForegroundNetwork(nn.Module):
    """G_A^F . (E_A^F, E_S'): [N, 3, H, W] in [-1, 1], the person of the source image in the target
    pose.

    parsing: with the parsing maps of both sides, [N, 10, H, W]; without, the baseline's, which are
        None
    copy_warped: ours; a gate in (0, 1), learned, takes each pixel from the warped source image
    instead
    """

    def __init__(self, parsing: bool, copy_warped: bool, deformable: int, params: UNetParams):
        super().__init__()
        semantic = len(LABELS) * parsing
        self.appearance_encoder = Encoder(3 + semantic + len(JOINTS), params)
        self.semantic_encoder = Encoder(semantic + len(JOINTS), params)
        self.copy_warped, self.deformable = copy_warped, deformable
        self.decoder = Decoder(2, 3 + copy_warped, params)
        initialise(self)

    def forward(
        self,
        image: Tensor,
        source_parsing: Tensor | None,
        source_pose: Tensor,
        target_parsing: Tensor | None,
        target_pose: Tensor,
        warp: PartWarp,
    ) -> Tensor:
        given = (
            [image, source_pose] if source_parsing is None else [image, source_parsing, source_pose]
        )
        wanted = [target_pose] if target_parsing is None else [target_parsing, target_pose]
        source, target = (
            self.appearance_encoder(torch.cat(given, 1)),
            self.semantic_encoder(torch.cat(wanted, 1)),
        )
        # The deepest map is no skip.
        moved = [
            warp(level) if number < min(self.deformable, len(source) - 1) else level
            for number, level in enumerate(source)
        ]
        decoded = self.decoder(
            [torch.cat(level, 1) for level in zip(moved, target, strict=True)]
        ).float()
        painted = torch.tanh(decoded[:, :3])
        if not self.copy_warped:
            return painted
        gate = torch.sigmoid(decoded[:, 3:] + 1)
        return gate * warp.flow(image) + (1 - gate) * painted


class BackgroundNetwork(nn.Module):
    """G_A^B . E_A^B, an inpainting U-Net: image [N, 3, H, W] and hole [N, 1, H, W] (1 where it is
    unknown) -> image.
    """

    def __init__(self, size: tuple[int, int], params: UNetParams):
        super().__init__()
        self.encoder = Encoder(4, params)
        self.decoder = Decoder(1, 3, params)
        initialise(self)
        self.register_buffer(
            "mean_scene", torch.zeros(3, *size)
        )  # of the images it is trained on, a running mean

    def forward(self, image: Tensor, hole: Tensor) -> Tensor:
        return torch.tanh(
            self.decoder(self.encoder(torch.cat([image * (1 - hole), hole], 1))).float()
        )


@dataclass(frozen=True)
class DiscriminatorParams:
    """Of every discriminator."""

    ndf: int  # channels of the first convolution
    layers: int  # convolutions that halve the size
    norm: str

    def __post_init__(self):
        if self.norm not in NORMS:
            raise ValueError(
                f"discriminator.norm is {self.norm!r}; it must be one of {', '.join(NORMS)}"
            )


class PatchDiscriminator(nn.Module):
    """[N, inputs, H, W] -> logits of patches [N, 1, H / 2^layers, W / 2^layers] (Isola et al. 2017,
    "pix2pix").
    """

    def __init__(self, inputs: int, params: DiscriminatorParams):
        super().__init__()
        width = params.ndf
        layers: list[nn.Module] = [nn.Conv2d(inputs, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for _ in range(params.layers - 1):
            layers += [
                nn.Conv2d(width, 2 * width, 4, 2, 1),
                normalisation(params.norm, 2 * width),
                nn.LeakyReLU(0.2),
            ]
            width *= 2
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 1, 3, padding=1))
        initialise(self)

    def forward(self, judged: Tensor) -> Tensor:
        return self.layers(judged)
