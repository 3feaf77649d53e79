"""Pose transfer: the same person in another pose. Tensors in, tensors out."""

from generators.patn import Patn
from generators.puppet import Puppet

GENERATORS: dict[str, type] = {"patn": Patn, "puppet": Puppet}
