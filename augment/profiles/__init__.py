"""Named configurations: mini.yaml, which is complete, and overlays with the differences to it.

`augment profile NAME` writes one as params.yaml.
"""
