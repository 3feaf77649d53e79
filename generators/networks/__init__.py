"""Layers, losses, adversaries and feature networks that several papers share."""
