"""Pose transfer: the same person in another pose. Tensors in, tensors out; a package per system,
registry.py names them.
"""
