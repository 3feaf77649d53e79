"""Soft-gated Warping-GAN.

Dong, Liang, Gong, Lai, Zhu, Yin: "Soft-Gated Warping-GAN for Pose-Guided Person Image Synthesis",
NeurIPS 2018.

Idea. Stage I lays out the person: a *parser* predicts the target's parsing map from the source and
the target pose. A *geometric matcher* then estimates the transformation, affine and thin-plate
spline, that aligns the source's parsing map with the predicted one. Stage II paints the person. The
source's features pass through a *warping block*, which adds a residual warped by that
transformation, scaled by a learned gate. Together with the code of target pose and parsing map,
they go through residual blocks and a decoder. A discriminator judges the image, and its feature
maps at three sizes are used to compare output and target (pyramidal hierarchy loss).

The paper's notation -> ours: condition image, pose, parsing -> source_...; synthesised parsing ->
`parsing` if a network predicted it, target_parsing if it is the true one; transformation grid ->
grid; T, R, W of eq. (1) -> WarpingBlock, its residual and its gate; F_i, alpha_i of eq. (2) -> the
discriminator's maps, ph_weights; lambda_1 to lambda_4 of eq. (3) -> lambda_gan, lambda_l1,
lambda_perceptual, lambda_ph. Table 1's rows: use_parsing and use_warping false, each lambda 0.

Choices where the paper is ambiguous:
- Stage I's input: the text has "condition image" (3.1.1) and "the parsing result from the condition
  image" (3.1). parser.input is `parsing` or `image`.
- Eq. (1): W is both "the operation of the transformation grid" and has elements in [0, 1], "a soft
  gate". Here the grid moves the residual R, and a convolution on F, the moved R and the moves
  computes the gate, for every feature and position.
- Norm, channels, loss weights and lengths of training are not given. Those of the profile
  market1501 are pix2pixHD's, from which the paper adapts its networks: 64 channels, instance norm,
  least squares, weight 10 for features; iterations are those of PATN.
- "Without parsing" does not say what the matcher matches; here it is pose maps instead of parsing
  maps.
Departures:
- A convolution joins both stages' codes before the residual blocks, which therefore have the
  channels of one code; twice as many would cost four times as much. Image and pose have separate
  encoders, which also receive the parsing map (Figure 2).
- Pose maps are Gaussians (as everywhere in this package), not discs of 4 px radius. There are ten
  labels instead of LIP's twenty.
- The matcher's two steps are trained at once on one random transformation. It learns its own
  features instead of using VGG's, because it receives parsing maps, not photographs. (Training it
  also on real pairs, by the overlap of their maps, was tried and left out: after 300 iterations on
  mini_market the maps of held-out people overlapped less.)
- person_weight weights the L1 loss towards the target's person (0: the paper), as in PATN.
  lambda_gan and lambda_ph 0 leave the discriminator out; in stage I parser.lambda_gan 0 does.
"""

from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generators.body.parsing import LABELS, colour, one_hot
from generators.body.skeleton import JOINTS
from generators.networks.adversary import deception, gan_adversary
from generators.networks.losses import PerceptualLoss
from generators.training.batch import Batch, required
from generators.training.generator import Generator
from generators.training.phases import Adversary, Judged, Phase, autocast
from generators.warping_gan.losses import (
    Painted,
    image_judged,
    image_losses,
    parsing_judged,
    source_map,
)
from generators.warping_gan.matcher import GeometricMatcher, Matched, match, matcher_losses
from generators.warping_gan.networks import ImageNetwork, Parser, PyramidDiscriminator
from generators.warping_gan.params import WarpingGanParams


class WarpingGan(Generator):
    """Soft-gated Warping-GAN with fresh weights, drawn from params.training.seed."""

    name = "warping_gan"
    Params = WarpingGanParams

    def __init__(self, params: WarpingGanParams):
        self.params = params
        self.networks: dict[str, nn.Module] = {}
        size, labels = params.image_size, len(LABELS) if params.use_parsing else 0
        with torch.random.fork_rng():
            torch.manual_seed(params.training.seed)
            if params.use_parsing:
                inputs = len(JOINTS) + (labels if params.parser.input == "parsing" else 3)
                sizes = params.parser.ngf, params.parser.downsamplings, params.parser.blocks
                self.networks["parser"] = Parser(inputs, labels, *sizes, params.norm)
            if params.use_warping:
                inputs = labels - 1 if params.use_parsing else len(JOINTS)
                self.networks["matcher"] = GeometricMatcher(inputs, size, params.matcher)
            self.networks["network"] = ImageNetwork(
                appearance=3 + labels,
                structure=len(JOINTS) + labels,
                ngf=params.ngf,
                downsamplings=params.downsamplings,
                blocks=params.blocks,
                norm_kind=params.norm,
                size=size,
                controls=params.matcher.controls if params.use_warping else None,
            )

    @property
    def parsing(self) -> str:
        return self.params.parsing

    @property
    def predicts_parsing(self) -> bool:
        return "parser" in self.networks

    @property
    def uses_pose_network(self) -> bool:
        return self.params.perceptual == "pose_network"

    def phases(self, pose_network: nn.Module | None = None) -> tuple[Phase, ...]:
        """The phases of parser, matcher and image network, if used, with fresh discriminators.

        For errors of the perceptual loss see features.feature_network.
        """
        params = self.params
        perceptual = None
        if params.perceptual != "none":
            perceptual = PerceptualLoss(params.perceptual, pose_network, params.perceptual_layers)
        with torch.random.fork_rng():
            torch.manual_seed(params.training.seed + 1)
            phases = (self._parser_phase(), self._matcher_phase(), self._image_phase(perceptual))
        return tuple(phase for phase in phases if phase is not None)

    @torch.no_grad()
    def generate(self, batch: Batch) -> Tensor:
        """The batch's source persons in its target poses.

        Returns:
            float32 [N, 3, H, W] in [-1, 1], on the network's device.
        """
        for network in self.networks.values():
            network.eval()
        device = next(self.networks["network"].parameters()).device
        with autocast(self.params.training.precision, device):
            return self._paint(batch.to(device)).image.float()

    @torch.no_grad()
    def predict_parsing(self, batch: Batch) -> Tensor:
        """The target's parsing maps as predicted by stage I: int64 [N, H, W].

        Raises:
            ValueError: If use_parsing is false.
        """
        if not self.params.use_parsing:
            raise ValueError(
                "warping_gan.use_parsing is false, so stage I and its parsing maps do not exist"
            )
        device = next(self.networks["parser"].eval().parameters()).device
        with autocast(self.params.parser.training.precision, device):
            return self._parse(batch.to(device)).argmax(1)

    def _parser_phase(self) -> Phase | None:
        params, parser = self.params, self.networks.get("parser")
        if parser is None:
            return None
        adversaries: tuple[Adversary, ...] = ()
        if params.parser.lambda_gan > 0:
            inputs = len(JOINTS) + 2 * len(LABELS)
            adversaries = (self._adversary("parsing", inputs, parsing_judged),)

        def losses(batch: Batch, logits: Tensor) -> dict[str, Tensor]:
            target = required(batch.target_parsing, self.name)
            terms = {"cross_entropy": F.cross_entropy(logits.float(), target)}
            for adversary in adversaries:
                deceived = deception(adversary, batch, logits, params.gan)
                terms["gan_parsing"] = params.parser.lambda_gan * deceived
            return terms

        return Phase(
            name="parser",
            network=parser,
            training=params.parser.training,
            render=self._parse,
            losses=losses,
            picture=lambda logits: colour(logits.argmax(1)),
            adversaries=adversaries,
        )

    def _matcher_phase(self) -> Phase | None:
        if not self.params.use_warping:
            return None
        matcher = cast(GeometricMatcher, self.networks["matcher"])

        def picture(matched: Matched) -> Tensor:
            """The source's map, aligned with the target's."""
            moved = cast(Tensor, matched.moved)  # sample sheets are drawn in evaluation mode
            if self.params.use_parsing:
                return colour(F.pad(moved, (0, 0, 0, 0, 1, 0), value=0.5).argmax(1))
            return 2 * moved.amax(1, keepdim=True).expand(-1, 3, -1, -1) - 1

        return Phase(
            name="matcher",
            network=matcher,
            training=self.params.matcher.training,
            render=lambda batch: match(matcher, *self._to_match(batch, batch.target_parsing)),
            losses=lambda batch, matched: matcher_losses(matched),
            picture=picture,
            adversaries=(),
        )

    def _image_phase(self, perceptual: PerceptualLoss | None) -> Phase:
        params = self.params
        adversaries: tuple[Adversary, ...] = ()
        if params.lambda_gan > 0 or params.lambda_ph > 0:
            inputs = 6 + len(JOINTS) + (2 * len(LABELS) if params.use_parsing else 0)
            adversaries = (self._adversary("image", inputs, image_judged),)
        return Phase(
            name="image",
            network=self.networks["network"],
            training=params.training,
            render=self._paint,
            losses=partial(image_losses, params, adversaries, perceptual),
            picture=lambda painted: painted.image,
            adversaries=adversaries,
        )

    def _parse(self, batch: Batch) -> Tensor:
        """Stage I: logits [N, 10, H, W] of the target's parsing map."""
        takes_map = self.params.parser.input == "parsing"
        source = source_map(batch) if takes_map else batch.source_image
        return self.networks["parser"](source, batch.target_pose)

    def _to_match(self, batch: Batch, target_parsing: Tensor | None) -> tuple[Tensor, Tensor]:
        """The matcher's inputs from source and target.

        They are parsing maps without their background, or pose maps.
        """
        if not self.params.use_parsing:
            return batch.source_pose, batch.target_pose
        target = one_hot(required(target_parsing, self.name))
        return source_map(batch)[:, 1:], target[:, 1:]

    def _paint(self, batch: Batch) -> Painted:
        """Output of stage II, guided by stage I's map; parser and matcher are frozen."""
        params, labels, parsing, transformation = self.params, None, None, None
        appearance, structure = batch.source_image, batch.target_pose
        with torch.no_grad():
            if params.use_parsing:
                self.networks["parser"].eval()
                labels = self._parse(batch).argmax(1)
                parsing = one_hot(labels)
                appearance = torch.cat([appearance, source_map(batch)], 1)
                structure = torch.cat([structure, parsing], 1)
            if params.use_warping:
                maps = self._to_match(batch, labels)
                transformation = self.networks["matcher"].eval()(*maps)
        return Painted(self.networks["network"](appearance, structure, transformation), parsing)

    def _adversary(self, name: str, inputs: int, judged: Judged) -> Adversary:
        params = self.params
        network = PyramidDiscriminator(inputs, params.ndf, params.norm)
        return gan_adversary(name, network, judged, params.gan, params.image_pool)
