"""Images of unknown origin, and sheets of images to look at."""
