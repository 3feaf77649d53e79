"""What each generator needs, and which of it is missing."""

from augment import params, paths
from augment.inspection.data import There
from generators.registry import GENERATORS, POSE_NETWORK
from generators.training.generator import Trainable

NO_POSES = "keypoints (see Next)"


def of_generators(there: There) -> list[str]:
    """A line for each generator of params.yaml: ready, trained, to train or missing, and what to
    do.
    """
    lines = []
    for name in ("puppet", *(one for one in GENERATORS if one != "puppet")):
        generator = params.generator(name)
        missing = _missing(name, generator, there)
        if missing:
            state, what = "missing", "; ".join(missing)
        elif not generator.networks:
            state, what = (
                "ready",
                f"needs no training; {there.torsos:,} images have a torso to cut out",
            )
        elif (paths.generator_model(name) / "generator.pt").is_file():
            state, what = "trained", f"augment generate --portion 0.3 --generator {name}"
        else:
            state, what = "to train", f"augment train-generator --generator {name}"
        lines.append(f"{name:<12} {state:<9} {what}")
    return lines


def _missing(name: str, generator: Trainable, there: There) -> list[str]:
    if not there.joints:
        return [NO_POSES]
    missing = []
    if not there.torsos:
        missing.append("an image with both hips and both shoulders")
    elif not there.pairs and generator.networks:
        missing.append("an identity with two images that show hips and shoulders")
    if generator.parsing == "files" and not there.parsing:
        missing.append(
            f"parsing maps: `augment parse`, or coarse ones by `parsing: from_keypoints` in generators.{name}"
        )
    network = paths.generator_model(POSE_NETWORK) / "generator.pt"
    if generator.uses_pose_network and not network.is_file():
        missing.append("a pose network: augment train-pose-network")
    return missing
