"""Generated images for a reduced or extended set."""
