"""Person re-identification: images, models, training, retrieval scores. Knows nothing of
generation.
"""
