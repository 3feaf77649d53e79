"""SPT (Song et al.): pose transfer learnt without target images, and its applications."""
