"""PATN."""
