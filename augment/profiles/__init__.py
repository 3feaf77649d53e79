"""Named configurations: mini.yaml, which is complete, and overlays that say what differs from it.

`augment profile NAME` writes one as params.yaml.
"""
