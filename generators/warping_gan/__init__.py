"""Soft-gated Warping-GAN (Dong et al.): parser, geometric matcher and image network."""
