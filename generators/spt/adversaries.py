"""The discriminators of SPT: their inputs, weights and training."""

from typing import cast

import torch
from torch import Tensor

from generators.body.parsing import LABELS, one_hot
from generators.body.skeleton import JOINTS
from generators.networks.adversary import deception, gan_adversary
from generators.spt.appearance import Cycle
from generators.spt.losses import face_crops
from generators.spt.networks import PatchDiscriminator
from generators.spt.params import SptParams
from generators.training.batch import Batch, required
from generators.training.phases import Adversary, Judged


def gan_weights(params: SptParams) -> dict[str, float]:
    """The weight of each discriminator in the generator's loss, by name."""
    # Two images are judged together in eq. (7) and (11), each with its own term.
    return {
        "semantic": params.lambda_gan_semantic,
        "appearance": 2 * params.lambda_gan,
        "face": 2 * params.lambda_face,
        "background": params.lambda_gan_background if params.background == "network" else 0.0,
    }


def fresh_adversaries(params: SptParams) -> dict[str, Adversary]:
    """All discriminators in use, with weights drawn from the appearance phase's seed.

    D_S appears twice, once for each of the two phases in which it judges different outputs.
    """
    semantic = len(LABELS)
    condition = len(JOINTS) if params.configuration == "baseline" else semantic
    inputs_by_name: dict[str, tuple[int, Judged]] = {
        "semantic": (semantic, pseudo_label_judged),
        "appearance": (3 + condition, appearance_judged),
        "face": (3, face_judged),
        "background": (3, background_judged),
    }
    weights, adversaries = gan_weights(params), {}

    def adversary(name: str, network: PatchDiscriminator, judged: Judged) -> Adversary:
        pool, weight = params.image_pool, 0.5 * weights[name]
        return gan_adversary(name, network, judged, params.gan, pool, weight)

    with torch.random.fork_rng():
        torch.manual_seed(params.training.appearance.seed + 1)
        for name, (inputs, judged) in inputs_by_name.items():
            if weights[name] > 0:
                network = PatchDiscriminator(inputs, params.discriminator)
                adversaries[name] = adversary(name, network, judged)
    if "semantic" in adversaries:
        network = adversaries["semantic"].network
        adversaries["semantic_joint"] = adversary("semantic", network, parsing_judged)
    return adversaries


def deceptions(
    params: SptParams, adversaries: tuple[Adversary, ...], batch: Batch, output: Tensor | Cycle
) -> dict[str, Tensor]:
    """L^adv, which H_S or H_A minimises: how far its output is from deceiving each adversary."""
    weights = gan_weights(params)
    return {
        f"gan_{adversary.name}": weights[adversary.name]
        * deception(adversary, batch, output, params.gan)
        for adversary in adversaries
    }


def pseudo_label_judged(batch: Batch, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Input of D_S with pseudo labels, eq. (4): parsing maps [N, 10, H, W]."""
    return one_hot(required(batch.target_parsing, "spt")), logits.float().softmax(1)


def parsing_judged(batch: Batch, cycle: Cycle) -> tuple[Tensor, Tensor]:
    """Input of D_S end to end, without pseudo labels: the sources' maps and the predicted ones."""
    # A copy, since otherwise the discriminator's step would receive the graph of the generator's.
    return required(cycle.source.parsing, "spt"), required(cycle.target.parsing, "spt").clone()


def appearance_judged(batch: Batch, cycle: Cycle) -> tuple[Tensor, Tensor]:
    """Input of D_A, eq. (7): I_ps, then I~_pt and I~_ps.

    Each image comes with its parsing map, or its pose for the baseline.
    """
    images = (batch.source_image, cycle.output, cycle.back_image)
    sides = (cycle.source, cycle.target, cycle.back)
    conditions = [side.pose if side.parsing is None else side.parsing for side in sides]
    real, *fake = (
        torch.cat([image.float(), condition], 1)
        for image, condition in zip(images, conditions, strict=True)
    )
    return real, torch.cat(fake)


def face_judged(batch: Batch, cycle: Cycle) -> tuple[Tensor, Tensor]:
    """Input of D_F, eq. (11): the faces of I_ps, then of I~_pt and I~_ps."""
    images = (batch.source_image, cycle.output, cycle.back_image)
    sides = (cycle.source, cycle.target, cycle.back)
    real, *fake = (
        face_crops(image, side.keypoints) for image, side in zip(images, sides, strict=True)
    )
    return real, torch.cat(fake)


def background_judged(batch: Batch, cycle: Cycle) -> tuple[Tensor, Tensor]:
    """Input of D_B: an auxiliary image and the background network's."""
    return cast(Tensor, cycle.auxiliary), cast(Tensor, cycle.inpainted).clone()
