"""Names of the renderers without training, and words for what a renderer receives."""

# Name -> what the puppet takes from the target's image.
PUPPETS = {"puppet-pose": ("pose",), "puppet": ("pose", "plate", "cast")}
REFERENCES = ("copy_source", "mean_image")
UNTRAINED = (*PUPPETS, *REFERENCES)

POSED = ("source image", "source pose", "target pose")
TARGETS_SCENE = ("target background", "target colours")
