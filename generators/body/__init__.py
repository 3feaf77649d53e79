"""The human body in an image: joints, parts, parsing maps, plates."""
