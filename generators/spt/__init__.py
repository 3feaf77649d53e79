"""SPT (Song et al.): pose transfer learned without target images, and its applications."""
