"""SPGNet, the semantic person generation network, preceded by SPATN.

Lv, Li, Li, Li, Lin, He, Zuo: "Learning Semantic Person Image Generation by Region-Adaptive
Normalization" (CVPR 2021).

Idea. SPATN first predicts the target's parsing map from the source's and both poses (spatn.py):
where will hair, shirt and each leg be? A U-Net with two encoders, one for the source image and one
for the target pose, then renders the image. An appearance flow (flow.py) moves the image's features
to the target pose. Every normalisation of the decoder receives, for each region of the parsing map,
the style of this region in the source (region_norm.py), so that a shirt keeps its colour wherever
it moves.

The paper's notation -> ours: source person image I_ps, target I_pt, its rendering ^I_pt ->
source_image, target_image, output; parsing map S, predicted ^S_pt -> one_hot, parser's prediction;
pose p -> 30 maps (spatn.pose_features); PEBlock, AEBlock -> EncoderBlock of the pose, of the image;
F_W -> Deformation; style map C -> never built (region_norm.py); SPGBlock, UpBlock, SEAN ->
SpgBlock, UpBlock, RegionNorm; lambda_adv -> lambda_gan.

Departures.
- Flow and visibility: the paper takes both from a pre-trained 3D-body network (Intr-Flow). Ours
  come from ten rigid parts of the two poses (part_drawing.rigid_flow). A part of the target shows
  the same part of the source, which is invisible where the source does not show it; background
  stays in place. `flow` may name a file of flows instead (flow.py).
- SPATN and SPGNet are trained one after the other, not simultaneously. SPGNet's training takes the
  true target parsing map, as in the paper (4.1), so the two do not interact and the result is the
  same. Eq. (12) is split over the phases accordingly.
- SPATN* (parser.input: image) should work without source parsing maps, yet the styles need one.
  Here it predicts that map too, from the source image with the source pose for both poses. Its
  training pairs therefore include pairs of an image with itself.
- theta of eq. (7) lies in (0, 1) by a sigmoid, as in SEAN. alpha's convolutions start with bias 1.
- L_ce is the mean over the pixels (eq. 8 has a sum). L1 is a mean, weighted towards the person's
  pixels by person_weight (0 is eq. 9). The generator minimises -log D (eq. 11 as printed
  saturates).
- The learning rate is constant, then falls linearly. (The paper halves it on a plateau of the
  validation loss; training in this pipeline has no validation set.)
- The variants of Table 3 included here are baseline, baseline_s, spade and full. Without
  conditional normalisation, an SpgBlock has plain norms at the same positions.
- The paper gives no widths (nf, hidden, style_channels and parser.ngf are parameters) and does not
  list the layers of its encoder blocks beyond "two residual blocks". Ours start with a convolution
  that halves the size.
"""

from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generators.body.parsing import colour, one_hot
from generators.networks.adversary import deception, gan_adversary
from generators.networks.features import feature_network
from generators.networks.losses import l1
from generators.pose_network.pose_network import PoseNetwork
from generators.spgnet.flow import flow_source
from generators.spgnet.networks import SpgNetwork, patch_discriminator
from generators.spgnet.params import SpgNetParams
from generators.spgnet.spatn import POSE_CHANNELS, Spatn, pose_features
from generators.training.batch import Batch, required
from generators.training.generator import Generator
from generators.training.pairs import ImageSet
from generators.training.phases import Adversary, Phase, autocast

PERCEPTUAL_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")  # K = 4 in eq. (10)


class SpgNet(Generator):
    """SPATN and SPGNet with fresh weights, drawn from params.training.seed.

    The baseline has no SPATN, because it uses no parsing map.

    Raises:
        FileNotFoundError: If `flow` names a file that does not exist.
        ValueError: If `flow` names a file that is not valid.
    """

    name = "spgnet"
    Params = SpgNetParams

    def __init__(self, params: SpgNetParams):
        self.params = params
        self.flow = flow_source(params.flow, params.image_size)
        with torch.random.fork_rng():
            torch.manual_seed(params.training.seed)
            self.networks: dict[str, nn.Module] = {"network": SpgNetwork(params.network)}
            if params.network.takes_parsing:
                self.networks["parser"] = Spatn(params.parser)

    @property
    def parsing(self) -> str:
        return self.params.parsing

    @property
    def predicts_parsing(self) -> bool:
        return "parser" in self.networks

    @property
    def uses_pose_network(self) -> bool:
        return self.params.perceptual == "pose_network"

    def phases(self, pose_network: PoseNetwork | None = None) -> tuple[Phase, ...]:
        """SPATN's training, then SPGNet's, with a fresh discriminator.

        For errors see features.feature_network.
        """
        params = self.params
        features = None
        if params.perceptual != "none":
            features = feature_network(params.perceptual, PERCEPTUAL_LAYERS, pose_network)
        adversaries: tuple[Adversary, ...] = ()
        if params.lambda_gan > 0:
            with torch.random.fork_rng():
                torch.manual_seed(params.training.seed + 1)
                adversaries = (self._adversary(),)
        image_phase = Phase(
            name=self.name,
            network=self.networks["network"],
            training=params.training,
            render=self._render,
            losses=partial(self._losses, adversaries, features),
            picture=lambda output: output,
            adversaries=adversaries,
        )
        return (*self._parser_phase(), image_phase)

    def _parser_phase(self) -> tuple[Phase, ...]:
        if "parser" not in self.networks:
            return ()

        def losses(batch: Batch, logits: Tensor) -> dict[str, Tensor]:
            target = required(batch.target_parsing, self.name)
            entropy = F.cross_entropy(logits.float(), target)  # eq. (8)
            return {"ce": self.params.parser.lambda_ce * entropy}

        phase = Phase(
            name="spatn",
            network=self.networks["parser"],
            training=self.params.parser.training,
            render=lambda batch: self.networks["parser"](*self._parser_input(batch)),
            losses=losses,
            picture=lambda logits: colour(logits.argmax(1)),
            adversaries=(),
            pairs=with_selves if self.params.parser.input == "image" else None,
        )
        return (phase,)

    @torch.no_grad()
    def generate(self, batch: Batch) -> Tensor:
        """The batch's source persons in its target poses.

        Returns:
            float32 [N, 3, H, W] in [-1, 1], on the network's device.

        Raises:
            ValueError: If source parsing maps are needed (parser.input: parsing) and the batch has
                none.
        """
        for network in self.networks.values():
            network.eval()
        device = next(self.networks["network"].parameters()).device
        batch = batch.to(device)
        with autocast(self.params.training.precision, device):
            return self._image(batch, *self._predicted_maps(batch)).float()

    def predict_parsing(self, batch: Batch) -> Tensor:
        """The target parsing maps that guide generate(): labels int64 [N, H, W].

        Raises:
            ValueError: As in generate(), or if the variant is baseline.
        """
        if not self.params.network.takes_parsing:
            raise ValueError("spgnet.network.variant is baseline, which predicts no parsing map")
        parser = self.networks["parser"].eval()
        device = next(parser.parameters()).device
        batch = batch.to(device)
        with torch.no_grad(), autocast(self.params.training.precision, device):
            _, target = self._predicted_maps(batch)
        return cast(Tensor, target).argmax(1)

    def _predicted_maps(self, batch: Batch) -> tuple[Tensor | None, Tensor | None]:
        """One-hot parsing maps of source and target as known at generation."""
        if not self.params.network.takes_parsing:
            return None, None
        parser = cast(Spatn, self.networks["parser"])
        source, source_pose, target_pose = self._parser_input(batch)
        takes_image = self.params.parser.input == "image"
        source_map = parser.predict(source, source_pose, source_pose) if takes_image else source
        return source_map, parser.predict(source, source_pose, target_pose)

    def _parser_input(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        takes_image = self.params.parser.input == "image"
        source = batch.source_image if takes_image else maps_of(batch.source_parsing)
        source_pose = self._pose(batch.source_pose, batch.source_keypoints)
        return source, source_pose, self._pose(batch.target_pose, batch.target_keypoints)

    def _pose(self, pose: Tensor, keypoints: Tensor) -> Tensor:
        return pose_features(pose, keypoints, self.params.kappa)

    def _render(self, batch: Batch) -> Tensor:
        """The output in training, where both parsing maps are the true ones (4.1)."""
        if not self.params.network.takes_parsing:
            return self._image(batch, None, None)
        return self._image(batch, maps_of(batch.source_parsing), maps_of(batch.target_parsing))

    def _image(self, batch: Batch, source_map: Tensor | None, target_map: Tensor | None) -> Tensor:
        flow = self.flow(batch.source_keypoints, batch.target_keypoints)
        pose = self._pose(batch.target_pose, batch.target_keypoints)
        return self.networks["network"](batch.source_image, source_map, pose, target_map, flow)

    def _losses(
        self,
        adversaries: tuple[Adversary, ...],
        features: nn.Module | None,
        batch: Batch,
        output: Tensor,
    ) -> dict[str, Tensor]:
        """The terms of eq. (12) except the first."""
        params, weight = self.params, None
        if params.person_weight > 0:
            weight = 1 + params.person_weight * (maps_of(batch.target_parsing)[:, :1] == 0)
        losses = {"l1": params.lambda_l1 * l1(output, batch.target_image, weight)}  # eq. (9)
        if features is not None:
            features = features.to(output.device)
            with torch.no_grad():
                targets = features(batch.target_image)
            levels = zip(features(output), targets, strict=True)
            terms = [(level - target).square().mean() for level, target in levels]  # eq. (10)
            losses["perceptual"] = params.lambda_perceptual * torch.stack(terms).sum()
        for adversary in adversaries:
            deceived = deception(adversary, batch, output, params.gan)  # eq. (11)
            losses["gan"] = params.lambda_gan * deceived
        return losses

    def _adversary(self) -> Adversary:
        params = self.params

        def judged(batch: Batch, output: Tensor) -> tuple[Tensor, Tensor]:
            condition = [batch.source_image, self._pose(batch.target_pose, batch.target_keypoints)]
            return torch.cat([batch.target_image, *condition], 1), torch.cat(
                [output, *condition], 1
            )

        network = patch_discriminator(2 * 3 + POSE_CHANNELS, params.discriminator)
        rate = params.discriminator.rate
        return gan_adversary(
            "patches", network, judged, params.gan, params.image_pool, weight=1.0, rate=rate
        )


def maps_of(labels: Tensor | None) -> Tensor:
    """Labels [N, H, W] of a batch as a one-hot map.

    Raises:
        ValueError: If the batch has none.
    """
    return one_hot(required(labels, "spgnet"))


def with_selves(images: ImageSet, pairs: Tensor) -> Tensor:
    """The training pairs and a pair of each source with itself, int64 [P, 2].

    From the latter SPATN* learns to parse the source image.
    """
    rows = pairs[:, 0].unique()
    return torch.cat([pairs, torch.stack([rows, rows], 1)])
