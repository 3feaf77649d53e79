"""What each generator still needs."""

from augment import params, paths
from augment.inspection.data import Contents
from generators.registry import GENERATORS, POSE_NETWORK
from generators.training.generator import Trainable

NO_POSES = "keypoints (see Next)"


def of_generators(contents: Contents) -> list[str]:
    """A line for each generator of params.yaml: its state, and what to do next.

    The state is ready, trained, to train or missing.
    """
    lines = []
    for name in ("puppet", *(name for name in GENERATORS if name != "puppet")):
        generator = params.generator(name)
        missing = _missing(name, generator, contents)
        if missing:
            state, what = "missing", "; ".join(missing)
        elif not generator.networks:
            state, what = (
                "ready",
                f"needs no training; {contents.torsos:,} images have a torso to cut out",
            )
        elif (paths.generator_model(name) / "generator.pt").is_file():
            state, what = "trained", f"augment generate --portion 0.3 --generator {name}"
        else:
            state, what = "to train", f"augment train-generator --generator {name}"
        lines.append(f"{name:<12} {state:<9} {what}")
    return lines


def _missing(name: str, generator: Trainable, contents: Contents) -> list[str]:
    if not contents.joints:
        return [NO_POSES]
    missing = []
    if not contents.torsos:
        missing.append("an image with both hips and both shoulders")
    elif not contents.pairs and generator.networks:
        missing.append("an identity with two images that show hips and shoulders")
    if generator.parsing == "files" and not contents.parsing:
        missing.append(
            f"parsing maps: `augment parse`, or coarse ones by `parsing: from_keypoints` in generators.{name}"
        )
    network = paths.generator_model(POSE_NETWORK) / "generator.pt"
    if generator.uses_pose_network and not network.is_file():
        missing.append("a pose network: augment train-pose-network")
    return missing
