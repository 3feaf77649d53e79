"""APATN (Zhu et al.): the pose-attentional generator with aligned blocks."""
