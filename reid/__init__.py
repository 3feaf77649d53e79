"""Person re-identification, independent of generation: images, models, training, scores."""
