"""Person re-identification: images, models, training, retrieval scores; independent of generation."""
