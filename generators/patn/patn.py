"""PATN, the pose-attentional transfer network.

Zhu, Huang, Xu, Shi, Cheng, Bai: "Progressive and Aligned Pose Attention Transfer for Person Image
Generation", section 3.2.1 (the network was first described in "Progressive Pose Attention Transfer
for Person Image Generation", CVPR 2019).

Idea. The source image and the two poses are encoded separately. A cascade of pose-attentional
transfer blocks (PATB) then moves the person step by step: in each block the pose code gives a mask
in (0, 1) that says where the image code changes, and the changed image code joins the pose code for
the next block. A decoder renders the last image code. One discriminator judges whether the output
shows the source's person (appearance), another whether it has the target pose (shape).

The paper's notation -> ours: condition image P_c -> source_image; target image P_t -> target_image;
generated image P_g -> output; condition and target pose S_c, S_t -> source_pose, target_pose;
discriminators D_A, D_S -> Adversary "appearance", "shape"; alpha, lambda_1, lambda_2 -> lambda_gan,
lambda_l1, lambda_perceptual.

Where the paper and its public code differ, we chose as follows (other departures are at the end).
- Block: eq. (4) joins conv^S, the logits before the sigmoid, to the image code (formula and code).
  The pose pathway has no skip connection and no norm after its last convolution (code; the paper
  calls it a residual block).
- Decoder: transposed convolutions (code). They give the 41.36 M parameters of the paper's Table 2;
  the paper's bilinear upsampling with residual blocks would not.
- Norm: a parameter, `instance` (paper, 3.5; code on DeepFashion) or `batch` (paper, 3.1; code on
  Market-1501). Convolutions have a bias only with instance norm (code).
- Discriminators: LeakyReLU 0.2 (paper, 3.5; the code has ReLU). Dropout is a parameter (paper none,
  code 0.5). A last convolution gives one map of scores (paper: "score"; the code averages a feature
  map of 256 channels instead). The product R = R_A R_S of 3.4 is left out, since it enters no loss,
  neither in eq. (11) nor in the code.
- Adversarial loss: the generator minimises -log D (code; eq. 11 as printed saturates) or least
  squares (`gan: lsgan`, code on DeepFashion), averaged over the two discriminators (code; eq. 11
  sums them). Each discriminator minimises half the sum of its two terms (code). Every weight of eq.
  (9) is a parameter: paper (5, 1, 1), code on Market-1501 (5, 10, 10).
- L1 is a mean over pixels on [-1, 1] (code; eq. 9 has a norm). The perceptual loss is taken after
  the ReLU (code).
The parameter `block` selects the ablations of Tables 4 and 5: patb; without_add, eq. (3) without
the old image code; without_cat, eq. (4) without the image code; resnet, the vanilla residual blocks
of the "Resnet generator", whose single encoder takes image and poses together.

Our own departures: the discriminators' weights start as small as the generator's (the code leaves
them to the framework). Mirroring swaps left and right joints (the code's does not). lambda_gan: 0
leaves the discriminators out. person_weight weights the L1 loss towards the target's limbs (0 is
the paper's loss), as Ma et al., "Pose Guided Person Image Generation" (2017), do with a pose mask.
In short trainings the person's colours and limbs then appear sooner, because most of the plain loss
comes from a background that the source does not show.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from generators.body.skeleton import JOINTS
from generators.networks.layers import ResidualBlock, initialise
from generators.networks.pose_attention import Patb, decoder, encoder
from generators.networks.pose_transfer import Transfer
from generators.networks.transfer_params import TransferParams
from generators.training.batch import Batch
from generators.training.validation import one_of

BLOCKS = ("patb", "without_add", "without_cat", "resnet")


@dataclass(frozen=True)
class PatnParams(TransferParams):
    """Everything that defines a PATN.

    Raises:
        ValueError: If a value is invalid.
    """

    block: str  # patb, or an ablation: without_add, without_cat, resnet

    def __post_init__(self):
        super().__post_init__()
        one_of("patn.block", self.block, BLOCKS)


class PatnNetwork(nn.Module):
    """Source image, source and target pose [N, 18, H, W] -> image [N, 3, H, W] in [-1, 1]."""

    def __init__(self, params: PatnParams):
        super().__init__()
        ngf, kind, down = params.ngf, params.norm, params.downsamplings
        channels = ngf << down
        pose_channels = channels if params.block == "without_cat" else 2 * channels
        self.image_encoder = encoder(3, ngf, kind, down)
        self.pose_encoder = encoder(2 * len(JOINTS), ngf, kind, down)
        self.blocks = nn.ModuleList(
            Patb(
                channels,
                channels if number == 0 else pose_channels,
                kind,
                params.dropout,
                params.block,
            )
            for number in range(params.blocks)
        )
        self.decoder = decoder(ngf, kind, down)
        initialise(self)

    def forward(self, source_image: Tensor, source_pose: Tensor, target_pose: Tensor) -> Tensor:
        image = self.image_encoder(source_image)
        pose = self.pose_encoder(torch.cat([source_pose, target_pose], 1))
        for block in self.blocks:
            image, pose = block(image, pose)
        return self.decoder(image)

    def masks(self, source_image: Tensor, source_pose: Tensor, target_pose: Tensor) -> Tensor:
        """Each block's mask of eq. (1), averaged over channels: [blocks, N, h, w] in (0, 1)."""
        image = self.image_encoder(source_image)
        pose = self.pose_encoder(torch.cat([source_pose, target_pose], 1))
        masks = []
        for block in self.blocks:
            image, pose = block(image, pose)
            masks.append(
                torch.sigmoid(pose[:, : image.shape[1]]).mean(1)
            )  # a pose code begins with the mask's logits
        return torch.stack(masks)


class ResnetNetwork(nn.Module):
    """The ablation `resnet`: PATN's inputs and output, with vanilla residual blocks (4.4.1)."""

    def __init__(self, params: PatnParams):
        super().__init__()
        ngf, kind, down = params.ngf, params.norm, params.downsamplings
        self.layers = nn.Sequential(
            encoder(3 + 2 * len(JOINTS), ngf, kind, down),
            *(
                ResidualBlock(ngf << down, kind, nn.ReLU(inplace=True), params.dropout)
                for _ in range(params.blocks)
            ),
            decoder(ngf, kind, down),
        )
        initialise(self)

    def forward(self, source_image: Tensor, source_pose: Tensor, target_pose: Tensor) -> Tensor:
        return self.layers(torch.cat([source_image, source_pose, target_pose], 1))


class Patn(Transfer):
    """PATN with fresh weights, drawn from params.training.seed."""

    name = "patn"
    Params = PatnParams

    @staticmethod
    def build(params: PatnParams) -> nn.Module:
        return ResnetNetwork(params) if params.block == "resnet" else PatnNetwork(params)

    @property
    def has_masks(self) -> bool:
        """Whether attention() is available: the vanilla residual blocks have no masks."""
        return self.params.block != "resnet"

    def attention(self, batch: Batch) -> Tensor:
        """How much each block changes the image code at each position (Figure 10).

        Returns:
            float32 [blocks, N, h, w] in (0, 1).

        Raises:
            ValueError: If the blocks have no masks.
        """
        if not self.has_masks:
            raise ValueError("patn.block is resnet, whose blocks have no attention masks")
        return self._evaluated(cast(PatnNetwork, self.networks["network"]).masks, batch)
