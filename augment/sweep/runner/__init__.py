"""`augment sweep`: the stages of dvc.yaml, as many at once as there are slots."""
