"""APATN."""
