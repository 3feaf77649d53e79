"""The human body in an image: keypoints, rigid parts, parsing maps and background plates."""
