"""Images of unknown origin, and contact sheets."""
