"""Puppets: people cut into rigid parts and moved, without training."""
