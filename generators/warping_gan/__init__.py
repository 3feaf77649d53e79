"""Warping-GAN."""
