"""The networks of SPT: semantic, foreground and background network, and the discriminator.

spt_journal, sections 3.2 and 3.3. The paper gives neither widths nor norm; ours are those of its
public demo.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from generators.body.parsing import LABELS
from generators.body.skeleton import JOINTS
from generators.networks.layers import initialise, norm
from generators.spt.params import DiscriminatorParams, UNetParams
from generators.spt.part_warp import PartWarp


def normalisation(kind: str, channels: int) -> nn.Module:
    """Normalisation as in layers.norm, and `layer`.

    `layer` normalises over the whole map of an image, with a scale and shift per channel.
    """
    return nn.GroupNorm(1, channels, eps=1e-3) if kind == "layer" else norm(kind, channels)


class Encoder(nn.Module):
    """[N, inputs, H, W] -> one map [N, widths[k], H / 2^k, W / 2^k] per level k."""

    def __init__(self, inputs: int, params: UNetParams):
        super().__init__()
        widths = params.widths
        self.levels = nn.ModuleList([nn.Conv2d(inputs, widths[0], 3, padding=1)])
        for finer, coarser in zip(widths, widths[1:], strict=False):
            down = nn.Conv2d(finer, coarser, 4, 2, 1)
            self.levels.append(
                nn.Sequential(nn.LeakyReLU(0.2), down, normalisation(params.norm, coarser))
            )

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for level in self.levels:
            x = level(x)
            maps.append(x)
        return maps


class Decoder(nn.Module):
    """Maps of all levels, joined level by level -> [N, outputs, H, W].

    Each map has `times` as many channels as an encoder's.
    """

    def __init__(self, times: int, outputs: int, params: UNetParams):
        super().__init__()
        widths = params.widths
        self.stages = nn.ModuleList()
        channels = times * widths[-1]
        for stage, width in enumerate(reversed(widths[:-1])):
            up = nn.ConvTranspose2d(channels, width, 4, 2, 1)
            drop = nn.Dropout(params.dropout if stage < 3 else 0.0)
            self.stages.append(
                nn.Sequential(nn.ReLU(), up, normalisation(params.norm, width), drop)
            )
            channels = (1 + times) * width
        self.last = nn.Sequential(nn.ReLU(), nn.Conv2d(channels, outputs, 3, padding=1))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        x = maps[-1]
        for stage, skip in zip(self.stages, reversed(maps[:-1]), strict=True):
            x = torch.cat([stage(x), skip], 1)
        return self.last(x)


class SemanticNetwork(nn.Module):
    """H_S = G_S . (E_S, E_P): parsing map and both poses -> logits of the map in the target pose.

    A pose is [N, pose_channels, H, W]: heat maps, pose mask or both. Maps are [N, 10, H, W].
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


class ForegroundNetwork(nn.Module):
    """G_A^F . (E_A^F, E_S'): the source's person in the target pose, [N, 3, H, W] in [-1, 1].

    Args:
        parsing: Whether the parsing maps of both sides, [N, 10, H, W], are inputs. In the baseline
            they are None.
        copy_warped: Whether a learned gate in (0, 1) mixes in pixels of the warped source image;
            not in the paper.
        deformable: Number of warped levels, from full size on.
        params: Parameters of encoders and decoder.
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
        appearance = (
            [image, source_pose] if source_parsing is None else [image, source_parsing, source_pose]
        )
        structure = [target_pose] if target_parsing is None else [target_parsing, target_pose]
        source, target = (
            self.appearance_encoder(torch.cat(appearance, 1)),
            self.semantic_encoder(torch.cat(structure, 1)),
        )
        # The deepest map is not a skip connection.
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
    """G_A^B . E_A^B, an inpainting U-Net: image [N, 3, H, W] and hole [N, 1, H, W] -> image.

    The hole is 1 where the image is unknown.
    """

    mean_scene: Tensor  # running mean of the images it is trained on

    def __init__(self, size: tuple[int, int], params: UNetParams):
        super().__init__()
        self.encoder = Encoder(4, params)
        self.decoder = Decoder(1, 3, params)
        initialise(self)
        self.register_buffer("mean_scene", torch.zeros(3, *size))

    def forward(self, image: Tensor, hole: Tensor) -> Tensor:
        return torch.tanh(
            self.decoder(self.encoder(torch.cat([image * (1 - hole), hole], 1))).float()
        )


class PatchDiscriminator(nn.Module):
    """PatchGAN: [N, inputs, H, W] -> logits of patches [N, 1, H / 2^layers, W / 2^layers].

    As in Isola et al. 2017, "pix2pix".
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
