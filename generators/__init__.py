"""Pose transfer: the same person in another pose. Tensors in, tensors out."""

from generators.apatn import Apatn
from generators.patn import Patn
from generators.pose_network import PoseEstimator
from generators.puppet import Puppet
from generators.spgnet import SpgNet
from generators.spt import Spt
from generators.warping_gan import WarpingGan

GENERATORS: dict[str, type] = {
    "patn": Patn, "apatn": Apatn, "spt": Spt, "spgnet": SpgNet, "warping_gan": WarpingGan, "puppet": Puppet,
}  # fmt: skip
# What the training loop trains: the generators and what they are trained with.
TRAINABLE: dict[str, type] = GENERATORS | {"pose_network": PoseEstimator}
