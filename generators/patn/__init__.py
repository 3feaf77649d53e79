"""PATN (Zhu et al.): the pose-attentional generator, and the import of its public weights."""
