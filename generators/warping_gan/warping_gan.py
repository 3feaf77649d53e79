"""Soft-gated Warping-GAN.

Dong, Liang, Gong, Lai, Zhu, Yin: "Soft-Gated Warping-GAN for Pose-Guided Person Image Synthesis",
    NeurIPS 2018.

The idea. Stage I draws where the parts of the person will be: a *parser* makes the target's parsing
map from the source and the target pose. A *geometric matcher* then finds the transformation, affine
and thin-plate spline, that lays the source's
parsing map over the one so drawn. Stage II paints it: the source's features pass a *warping block*,
which adds to them a residual brought along that transformation, as much of it as a learned gate
lets through; with the code of target pose and parsing map they go through residual blocks and a
decoder. A discriminator judges the image, and its feature maps at three sizes are what output and
target are compared by (pyramidal hierarchy loss).

The paper's words -> ours: condition image, pose, parsing -> source_...; synthesised parsing ->
`parsing` of what a network drew, target_parsing where it is the true one; transformation grid ->
grid; T, R, W of eq. (1) -> WarpingBlock, its residual and its gate; F_i, alpha_i of eq. (2) -> the
discriminator's maps, ph_weights; lambda_1 to lambda_4 of eq. (3) -> lambda_gan, lambda_l1,
lambda_perceptual, lambda_ph. Table 1's rows: use_parsing and use_warping false, each lambda 0.

Where the paper leaves open what it means, we chose:
- Stage I's input: the text has "condition image" (3.1.1) and "the parsing result from the condition
  image" (3.1). parser.input is `parsing` or `image`.
- Eq. (1): W is both "the operation of the transformation grid" and has elements in [0, 1], "a soft
  gate". Here the grid moves the residual R, and a convolution on F, the moved R and the moves makes
  the gate, for every feature and place.
- Norm, channels, loss weights and lengths of training are not given. Those of
  profiles/market1501.yaml are pix2pixHD's, from which the paper adapts its networks: 64 channels,
  instance norm, least squares, weight 10 for features; iterations as PATN.
- "Without parsing" leaves it open what the matcher matches; here pose maps instead of parsing maps.
Departures:
- Both stages' codes meet in a convolution before the residual blocks, which so have the channels of
  one code; twice as many would cost four times as much. Image and pose have an encoder each, which
  also see the parsing map (Figure 2).
- Pose maps are Gaussians (as everywhere here), not discs of 4 px radius. Ten labels instead of
  LIP's twenty.
- The matcher's two steps are trained at once on one random transformation, and its features are its
  own instead of VGG's, as it sees parsing maps and not photographs. (To train it also on real
  pairs, by how their maps overlap, was tried and left out: in 300 iterations on mini_market the
  maps of unseen people overlapped less.)
- person_weight weighs the L1 loss towards the target's person (0: the paper), as in PATN.
  lambda_gan and lambda_ph 0 leave the discriminator out; in stage I parser.lambda_gan 0 does.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from generators.body.parsing import KINDS, LABELS, colour, one_hot
from generators.body.skeleton import JOINTS
from generators.networks.features import PERCEPTUAL_KINDS
from generators.networks.layers import NORMS
from generators.networks.losses import GAN_KINDS, PerceptualLoss, gan_loss, l1
from generators.networks.pose_transfer import person_mask
from generators.training.batch import Batch
from generators.training.generator import Generator
from generators.training.phases import Adversary, Phase, TrainingParams, autocast
from generators.warping_gan.matcher import (
    GeometricMatcher,
    Matched,
    MatcherParams,
    match,
    matcher_losses,
)
from generators.warping_gan.networks import ImageNetwork, Parser, PyramidDiscriminator

PARSER_INPUTS = ("parsing", "image")


@dataclass(frozen=True)
class ParserParams:
    """Stage I. ValueError where a value makes no sense."""

    input: str  # parsing, image: what it is told of the source
    ngf: int  # channels of the first convolution
    downsamplings: int
    blocks: int
    lambda_gan: float  # beside the cross entropy; 0 leaves the discriminator out
    training: TrainingParams

    def __post_init__(self):
        if self.input not in PARSER_INPUTS:
            raise ValueError(
                f"warping_gan.parser.input is {self.input!r}; it must be one of {', '.join(PARSER_INPUTS)}"
            )
        if self.lambda_gan < 0:
            raise ValueError(
                f"warping_gan.parser.lambda_gan is {self.lambda_gan}; it must not be negative"
            )


@dataclass(frozen=True)
class WarpingGanParams:
    """Everything that defines a Warping-GAN. ValueError where a value makes no sense."""

    image_size: tuple[
        int, int
    ]  # (height, width) in px, multiples of 8 and of every 2^downsamplings
    sigma_px: float  # of the pose maps' Gaussians, at image_size
    parsing: str  # files, from_keypoints
    use_parsing: bool  # false: neither stage I nor parsing maps anywhere
    use_warping: bool  # false: neither matcher nor warping block
    norm: str  # of all networks but the matcher
    parser: ParserParams
    matcher: MatcherParams
    ngf: int  # of the image network: channels of the first convolution
    downsamplings: int
    blocks: int
    ndf: int  # of the discriminators: channels of the first convolution
    gan: str
    image_pool: int  # samples that each discriminator remembers; 0 for none
    lambda_gan: float
    lambda_l1: float
    person_weight: (
        float  # how much more the target person's pixels count in the L1 loss; 0 as in the paper
    )
    perceptual: str  # none, vgg19, vgg16, pose_network
    perceptual_layers: tuple[str, ...]
    lambda_perceptual: float
    lambda_ph: float
    ph_weights: tuple[float, float, float]  # of the discriminator's maps, from large to small
    training: TrainingParams  # of the image network

    def __post_init__(self):
        deepest = max(3, self.parser.downsamplings, self.matcher.downsamplings, self.downsamplings)
        if any(side % 2**deepest or side < 2 ** (deepest + 1) for side in self.image_size):
            raise ValueError(
                f"warping_gan.image_size is {self.image_size}; both sides must be multiples of {2**deepest} (the most "
                f"downsamplings are {deepest}), and at least twice that"
            )
        for name, known in (
            ("parsing", KINDS),
            ("norm", NORMS),
            ("gan", GAN_KINDS),
            ("perceptual", PERCEPTUAL_KINDS),
        ):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"warping_gan.{name} is {getattr(self, name)!r}; it must be one of {', '.join(known)}"
                )
        for name in ("lambda_gan", "lambda_l1", "person_weight", "lambda_perceptual", "lambda_ph"):
            if getattr(self, name) < 0:
                raise ValueError(
                    f"warping_gan.{name} is {getattr(self, name)}; it must not be negative"
                )
        if not any((self.lambda_gan, self.lambda_l1, self.lambda_perceptual, self.lambda_ph)):
            raise ValueError("warping_gan: every lambda is 0; there is nothing to learn")
        if (self.perceptual == "none") != (self.lambda_perceptual == 0):
            raise ValueError(
                f"warping_gan.perceptual is {self.perceptual} but lambda_perceptual is {self.lambda_perceptual}; "
                "set both to use the loss, or none and 0.0"
            )


@dataclass(frozen=True)
class Painted:
    """Stage II's output: image [N, 3, H, W] in [-1, 1], and parsing [N, 10, H, W], the map it was
    led by, or None.
    """

    image: Tensor
    parsing: Tensor | None


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
                3 + labels,
                len(JOINTS) + labels,
                params.ngf,
                params.downsamplings,
                params.blocks,
                params.norm,
                size,
                params.matcher.controls if params.use_warping else None,
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
        """Parser, matcher and image network, as far as they are used, with fresh discriminators.

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
        """The batch's source persons in its target poses: float32 [N, 3, H, W] in [-1, 1], on the
        network's device.
        """
        for network in self.networks.values():
            network.eval()
        device = next(self.networks["network"].parameters()).device
        with autocast(self.params.training.precision, device):
            return self._paint(batch.to(device)).image.float()

    @torch.no_grad()
    def predict_parsing(self, batch: Batch) -> Tensor:
        """The target's parsing maps as stage I draws them: int64 [N, H, W]. ValueError without
        use_parsing.
        """
        if not self.params.use_parsing:
            raise ValueError(
                "warping_gan.use_parsing is false: there is no stage I, and no parsing map"
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
            adversaries = (self._adversary("parsing", inputs, _parsing_judged),)

        def losses(batch: Batch, logits: Tensor) -> dict[str, Tensor]:
            found = {
                "cross_entropy": nn.functional.cross_entropy(logits.float(), batch.target_parsing)
            }
            for adversary in adversaries:
                _, fake = _parsing_judged(batch, logits)
                score = adversary.network(fake)[-1]
                found["gan_parsing"] = params.parser.lambda_gan * gan_loss(score, True, params.gan)
            return found

        return Phase(
            "parser",
            parser,
            params.parser.training,
            self._parse,
            losses,
            lambda logits: colour(logits.argmax(1)),
            adversaries,
        )

    def _matcher_phase(self) -> Phase | None:
        params, matcher = self.params.matcher, self.networks.get("matcher")
        if matcher is None:
            return None

        def picture(matched: Matched) -> Tensor:
            """The source's map as laid over the target's."""
            if self.params.use_parsing:
                return colour(
                    nn.functional.pad(matched.moved, (0, 0, 0, 0, 1, 0), value=0.5).argmax(1)
                )
            return 2 * matched.moved.amax(1, keepdim=True).expand(-1, 3, -1, -1) - 1

        return Phase(
            "matcher",
            matcher,
            params.training,
            lambda batch: match(matcher, *self._to_match(batch, batch.target_parsing)),
            lambda batch, matched: matcher_losses(matched),
            picture,
            (),
        )

    def _image_phase(self, perceptual: PerceptualLoss | None) -> Phase:
        params = self.params
        adversaries: tuple[Adversary, ...] = ()
        if params.lambda_gan > 0 or params.lambda_ph > 0:
            inputs = 6 + len(JOINTS) + (2 * len(LABELS) if params.use_parsing else 0)
            adversaries = (self._adversary("image", inputs, self._image_judged),)
        return Phase(
            "image",
            self.networks["network"],
            params.training,
            self._paint,
            partial(self._image_losses, adversaries, perceptual),
            lambda painted: painted.image,
            adversaries,
        )

    def _parse(self, batch: Batch) -> Tensor:
        """Stage I: logits [N, 10, H, W] of the target's parsing map."""
        source = (
            one_hot(batch.source_parsing)
            if self.params.parser.input == "parsing"
            else batch.source_image
        )
        return self.networks["parser"](source, batch.target_pose)

    def _to_match(self, batch: Batch, target_parsing: Tensor | None) -> tuple[Tensor, Tensor]:
        """What the matcher compares of source and target: parsing maps without their background, or
        pose maps.
        """
        if not self.params.use_parsing:
            return batch.source_pose, batch.target_pose
        return one_hot(batch.source_parsing)[:, 1:], one_hot(target_parsing)[:, 1:]

    def _paint(self, batch: Batch) -> Painted:
        """Stage II, led by what stage I draws. Parser and matcher are finished and stay as they
        are.
        """
        params, parsing, transformation = self.params, None, None
        appearance, structure = batch.source_image, batch.target_pose
        with torch.no_grad():
            if params.use_parsing:
                self.networks["parser"].eval()
                labels = self._parse(batch).argmax(1)
                parsing = one_hot(labels)
                appearance = torch.cat([appearance, one_hot(batch.source_parsing)], 1)
                structure = torch.cat([structure, parsing], 1)
            if params.use_warping:
                maps = self._to_match(batch, labels if params.use_parsing else None)
                transformation = self.networks["matcher"].eval()(*maps)
        return Painted(self.networks["network"](appearance, structure, transformation), parsing)

    def _image_judged(self, batch: Batch, painted: Painted) -> tuple[Tensor, Tensor]:
        """Image and parsing map, true and made, with source image, its parsing map and target pose
        (3.1.3).
        """
        condition = [batch.source_image, batch.target_pose]
        real, fake = [batch.target_image], [painted.image.float()]
        if painted.parsing is not None:
            condition.append(one_hot(batch.source_parsing))
            real, fake = [one_hot(batch.target_parsing), *real], [painted.parsing, *fake]
        return torch.cat([*condition, *real], 1), torch.cat([*condition, *fake], 1)

    def _image_losses(
        self,
        adversaries: tuple[Adversary, ...],
        perceptual: PerceptualLoss | None,
        batch: Batch,
        painted: Painted,
    ) -> dict[str, Tensor]:
        """The terms of eq. (3)."""
        params, image = self.params, painted.image
        losses = {}
        if params.lambda_l1 > 0:
            losses["l1"] = params.lambda_l1 * l1(
                image, batch.target_image, self._pixel_weight(batch)
            )
        if perceptual is not None:
            losses["perceptual"] = params.lambda_perceptual * perceptual.to(image.device)(
                image, batch.target_image
            )
        for adversary in adversaries:
            real, fake = adversary.judged(batch, painted)
            *maps, score = adversary.network(fake)
            if params.lambda_gan > 0:
                losses["gan_image"] = params.lambda_gan * gan_loss(score, True, params.gan)
            if params.lambda_ph > 0:
                with torch.no_grad():
                    *wanted, _ = adversary.network(real)
                levels = zip(params.ph_weights, maps, wanted, strict=True)
                losses["ph"] = params.lambda_ph * sum(
                    weight * l1(f, w) for weight, f, w in levels
                )  # eq. (2)
        return losses

    def _pixel_weight(self, batch: Batch) -> Tensor | None:
        if self.params.person_weight == 0:
            return None
        if self.params.use_parsing:
            person = (batch.target_parsing > 0)[:, None].float()
        else:
            person = person_mask(batch.target_keypoints, self.params.image_size)
        return 1 + self.params.person_weight * person

    def _adversary(self, name: str, inputs: int, judged) -> Adversary:
        network = PyramidDiscriminator(inputs, self.params.ndf, self.params.norm)

        def losses(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
            kind = self.params.gan
            return {
                "real": 0.5 * gan_loss(network(real)[-1], True, kind),
                "fake": 0.5 * gan_loss(network(fake)[-1], False, kind),
            }

        return Adversary(name, network, judged, losses, self.params.image_pool)


def _parsing_judged(batch: Batch, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Parsing map, true and drawn, with source parsing map and target pose: [N, 38, H, W]."""
    condition = [one_hot(batch.source_parsing), batch.target_pose]
    real, fake = one_hot(batch.target_parsing), logits.float().softmax(1)
    return torch.cat([*condition, real], 1), torch.cat([*condition, fake], 1)
