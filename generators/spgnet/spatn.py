"""SPATN, the semantic pose-attentional transfer network.

Lv, Li, Li, Li, Lin, He, Zuo: "Learning Semantic Person Image Generation by Region-Adaptive
Normalization" (CVPR 2021), section 3.1.

SPATN predicts the target's parsing map from the source's and both poses. The network is PATN's
(patn.py) with other inputs and with logits of the labels as output. Each pose is 30 maps: 18 heat
maps and, for the 12 limbs of trunk, arms and legs, maps of the distance to the limb. SPATN* takes
the source image instead of its parsing map (4.1, for Market-1501, where parsers fail).

The paper neither lists its 12 limbs nor gives the network's size. We take OpenPose's limbs without
those of the head. The number of blocks is a parameter, PATN's 9 in the profile.
"""

import torch
from torch import Tensor, nn

from generators.body.parsing import LABELS, one_hot
from generators.body.pose import limb_distances, size_of
from generators.body.skeleton import JOINTS
from generators.networks.layers import initialise
from generators.networks.pose_attention import Patb, decoder, encoder
from generators.spgnet.params import SpatnParams

# First of skeleton.LIMBS: neck to hips, thighs, shanks, neck to shoulders, upper arms, forearms.
LIMBS_USED = 12
POSE_CHANNELS = len(JOINTS) + LIMBS_USED


def distance_maps(keypoints: Tensor, size: tuple[int, int], kappa: float) -> Tensor:
    """exp(kappa * distance to the limb in px) of the 12 limbs (eq. 2, 3); 0 for an invisible limb.

    Args:
        keypoints: [N, 18, 2] at `size`.
        size: (height, width) in px.
        kappa: Decay per px, negative.

    Returns:
        float32 [N, 12, H, W] in [0, 1].
    """
    return torch.exp(kappa * limb_distances(keypoints, size)[:, :LIMBS_USED])


def pose_features(pose: Tensor, keypoints: Tensor, kappa: float) -> Tensor:
    """A pose p of the paper: heat maps [N, 18, H, W] with the distance maps, [N, 30, H, W]."""
    return torch.cat([pose, distance_maps(keypoints, size_of(pose), kappa)], 1)


class Spatn(nn.Module):
    """Source and both poses [N, 30, H, W] -> logits of the labels [N, 10, H, W].

    The source is a one-hot parsing map [N, 10, H, W], or an image [N, 3, H, W].
    """

    def __init__(self, params: SpatnParams):
        super().__init__()
        self.takes_image = params.input == "image"
        ngf, kind = params.ngf, params.norm
        self.source_encoder = encoder(3 if self.takes_image else len(LABELS), ngf, kind)
        self.pose_encoder = encoder(2 * POSE_CHANNELS, ngf, kind)
        self.blocks = nn.ModuleList(
            Patb(4 * ngf, (4 if number == 0 else 8) * ngf, kind, params.dropout, "patb")
            for number in range(params.blocks)
        )
        last = nn.Conv2d(ngf, len(LABELS), 7, padding=3, padding_mode="reflect")
        self.decoder = nn.Sequential(*decoder(ngf, kind)[:-2], last)
        initialise(self)

    def forward(self, source: Tensor, source_pose: Tensor, target_pose: Tensor) -> Tensor:
        """Logits of the softmax of eq. (1)."""
        code = self.source_encoder(source)
        pose = self.pose_encoder(torch.cat([source_pose, target_pose], 1))
        for block in self.blocks:
            code, pose = block(code, pose)
        return self.decoder(code)

    def predict(self, source: Tensor, source_pose: Tensor, target_pose: Tensor) -> Tensor:
        """The likeliest labels as a one-hot map, float32 [N, 10, H, W]."""
        return one_hot(self(source, source_pose, target_pose).argmax(1))
