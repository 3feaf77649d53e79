"""The pose network."""
