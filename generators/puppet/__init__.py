"""Puppets."""
