"""Pose transfer: the same person in another pose. Tensors in, tensors out."""

from generators.patn import Patn

GENERATORS: dict[str, type] = {"patn": Patn}
