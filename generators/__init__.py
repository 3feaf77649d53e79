"""Pose transfer in PyTorch: one package per paper, and shared packages; see registry.py."""
