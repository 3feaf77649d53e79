"""Data set layouts: one module each."""
