"""Measures of generated images: similarity, pose, feature distance, and their intervals."""
