"""Generators at work on single images: no data set, no params.yaml, nothing but a model's file."""
