"""Layers, losses and feature networks that several papers share."""
