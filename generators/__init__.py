"""Pose transfer in PyTorch: a package per paper, and the packages they share; see registry.py."""
