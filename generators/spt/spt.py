"""SPT, semantic parsing transformation: pose transfer that is trained without target images.

Song, Zhang, Liu, Guo, Mei: "Unpaired Person Image Generation With Semantic Parsing Transformation"
(TPAMI 2020); first described in "Unsupervised Person Image Generation With Semantic Parsing
Transformation" (CVPR 2019).

Idea. The semantic network H_S moves the source's parsing map into the target pose. It learns from
pseudo labels, parsing maps of other people in similar clothes (pseudo_labels.py). The appearance
network H_A then paints the person on that map, with deformable skips that carry the source's pixels
along, and a background network inpaints what is behind. No network ever receives the target image.
H_A moves its output back into the source pose, where the source is the ground truth (cycle
consistency). The pose network checks the pose of the painted person, and the textures of each label
must stay those of the source.

The paper's notation -> ours: condition image I_ps -> source_image; p_s, p_t -> source_pose,
target_pose; pose masks M -> pose_masks; S_ps -> one-hot source_parsing; Omega -> foreground_mask;
H_S -> networks "semantic"; H_A -> "foreground" and "background"; D_S, D_A, D_F, D_B -> Adversary
"semantic", "appearance", "face", "background"; baseline, TS-Pred, TS-GT, E2E of Table 3 ->
configuration; Algorithm 2 -> phases semantic, appearance (Algorithm 1), joint.

Choices the paper leaves open, and departures:
- Networks: levels, widths, norm and the warped levels are those of the public demo (DeepFashion);
  the paper gives none.
- Omega is the probability of not being background. It is binary only for true maps, so outlines are
  smooth, and training end to end can move them. The hole for the background network is binary, a
  pixel or two wider, and one of its inputs. For the baseline, which has no parsing map, Omega is
  the union of the rigid body parts.
- Market-1501: no background network, `background: none` (paper, 4.2: backgrounds are not generated
  explicitly on it).
- Algorithm 1 takes two steps per iteration, one for L_A and one for L_B. Here one step minimises
  their sum.
- Auxiliary images come from a folder, as Places2 in the paper; without a folder they are the
  batch's other images with their persons filled in.
- D_A receives an image with its parsing map (public demo), or with its pose for the baseline. D_S
  continues in the joint phase.
- eq. (8), (9): means, not sums (public demo); the alphas of eq. (9) are one. eq. (10): Gram
  matrices are means over a region's pixels, and only regions that both images show count (public
  demo). L^adv: the generator minimises -log D.
- Face: a square of 0.8 torso scales around the face's joints (public demo).
- ts_gt renders from target_parsing, which is only available in an evaluation; generate() rejects a
  batch without it.
Our own additions, off in the papers' profile: copy_warped, a gate that copies pixels of the warped
source; lambda_warp, the L1 distance of the output to the warped source where both have the same
label; skips `flow`, one part for each pixel.
"""

from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from generators.body import parsing
from generators.body.pose import pose_masks
from generators.body.skeleton import JOINTS
from generators.spt import losses as spt_losses
from generators.spt.adversaries import deceptions, fresh_adversaries
from generators.spt.appearance import Cycle, Renderer, Side, auxiliary_images, foreground_mask
from generators.spt.losses import Describer
from generators.spt.networks import BackgroundNetwork, ForegroundNetwork, SemanticNetwork
from generators.spt.params import SptParams
from generators.spt.part_warp import PartWarp
from generators.spt.pseudo_labels import search
from generators.training.batch import Batch, required
from generators.training.generator import Generator
from generators.training.pairs import ImageSet
from generators.training.phases import Adversary, Phase, autocast


class Spt(Generator):
    """SPT with fresh weights, drawn from params.training.semantic.seed."""

    name = "spt"
    Params = SptParams

    def __init__(self, params: SptParams):
        self.params = params
        self.networks: dict[str, nn.Module] = {}
        with torch.random.fork_rng():
            torch.manual_seed(params.training.semantic.seed)
            if params.predicts:
                channels = len(JOINTS) * params.pose_heat_maps + params.pose_masks
                self.networks["semantic"] = SemanticNetwork(channels, params.semantic)
            self.networks["foreground"] = ForegroundNetwork(
                params.configuration != "baseline",
                params.copy_warped,
                params.deformable,
                params.foreground,
            )
            if params.background == "network":
                self.networks["background"] = BackgroundNetwork(
                    params.image_size, params.inpainting
                )
        self.renderer = Renderer(params, self.networks)

    @property
    def parsing(self) -> str:
        return self.params.parsing

    @property
    def predicts_parsing(self) -> bool:
        return "semantic" in self.networks

    @property
    def uses_pose_network(self) -> bool:
        return self.params.lambda_pose > 0 or self.params.perceptual == "pose_network"

    def phases(self, pose_network: nn.Module | None = None) -> tuple[Phase, ...]:
        """The phases of Algorithm 2 that the configuration has, with fresh discriminators.

        Raises:
            ValueError: If a loss needs a pose network and none is given, or the auxiliary folder
                has no images.
            RuntimeError: If VGG's weights are not available (features.py).
        """
        params, size = self.params, self.params.image_size
        if self.uses_pose_network and pose_network is None:
            raise ValueError(
                "spt needs a trained pose network for its losses; run `augment train-pose-network` first"
            )
        described = spt_losses.describer(
            params.perceptual, (*params.content_layers, *params.style_layers), pose_network
        )
        images = None if params.auxiliary is None else auxiliary_images(params.auxiliary, size)
        known = fresh_adversaries(params)
        losses = partial(self._appearance_losses, described, pose_network)
        phases = []
        if params.predicts:
            judges = _among(known, "semantic")
            phases.append(
                Phase(
                    name="semantic",
                    network=self.networks["semantic"],
                    training=params.training.semantic,
                    render=lambda batch: self.renderer.parsing_logits(*self.renderer.sides(batch)),
                    losses=partial(self._semantic_losses, judges),
                    picture=lambda logits: parsing.colour(logits.argmax(1)),
                    adversaries=judges,
                    pairs=self._pseudo_labels,
                )
            )
        judges = _among(known, "appearance", "face", "background")
        phases.append(
            Phase(
                name="appearance",
                network=self._several("foreground", "background"),
                training=params.training.appearance,
                render=lambda batch: self.renderer.with_auxiliary(
                    self.renderer.cycle(batch), batch, images
                ),
                losses=partial(losses, judges),
                picture=lambda cycle: cycle.output,
                adversaries=judges,
            )
        )
        if params.configuration == "e2e":
            judges = _among(known, "semantic_joint", "appearance", "face")
            phases.append(
                Phase(
                    name="joint",
                    network=self._several("semantic", "foreground"),
                    training=params.training.joint,
                    render=self._render_jointly,
                    losses=partial(losses, judges),
                    picture=lambda cycle: cycle.output,
                    adversaries=judges,
                )
            )
        return tuple(phases)

    @torch.no_grad()
    def generate(self, batch: Batch) -> Tensor:
        """The batch's source persons in its target poses.

        Returns:
            float32 [N, 3, H, W] in [-1, 1], on the network's device.

        Raises:
            ValueError: If the batch lacks the parsing maps that the configuration needs.
        """
        _, target, _, image = self._evaluated(batch)
        if self.params.scene_doubt > 0:
            scene = cast(BackgroundNetwork, self.networks["background"]).mean_scene
            doubt = self.params.scene_doubt * (1 - foreground_mask(target, self.params.image_size))
            image = image.float().lerp(scene.expand_as(image), doubt.expand_as(image))
        return image.float()

    @torch.no_grad()
    def predict_parsing(self, batch: Batch) -> Tensor:
        """The parsing maps that generate() paints on: int64 [N, H, W].

        Raises:
            ValueError: If the configuration is baseline, which has none.
        """
        _, target, *_ = self._evaluated(batch)
        if target.labels is None:
            raise ValueError("spt.configuration baseline predicts no parsing maps")
        return target.labels

    def _evaluated(self, batch: Batch) -> tuple[Side, Side, PartWarp, Tensor]:
        for network in self.networks.values():
            network.eval()
        device = next(self.networks["foreground"].parameters()).device
        with autocast(self.params.training.appearance.precision, device):
            return self.renderer.render(batch.to(device))

    def _render_jointly(self, batch: Batch) -> Cycle:
        """The cycle with E_A^B and G_A^B fixed (Algorithm 2, line 4)."""
        if "background" in self.networks:
            self.networks["background"].eval().requires_grad_(False)
        return self.renderer.cycle(batch, frozen=False)

    def _pseudo_labels(self, images: ImageSet, pairs: Tensor) -> Tensor:
        return search(
            images, pairs.unique(), self.params.search, self.params.training.semantic.seed
        )

    def _several(self, *names: str) -> nn.ModuleDict:
        return nn.ModuleDict({name: self.networks[name] for name in names if name in self.networks})

    def _semantic_losses(
        self, judges: tuple[Adversary, ...], batch: Batch, logits: Tensor
    ) -> dict[str, Tensor]:
        """Eq. (5); the batch's targets are pseudo labels."""
        mask = pose_masks(batch.target_keypoints, self.params.image_size)
        entropy = spt_losses.parsing_loss(logits, required(batch.target_parsing, self.name), mask)
        return {"ce": self.params.lambda_ce * entropy} | deceptions(
            self.params, judges, batch, logits
        )

    def _appearance_losses(
        self,
        described: Describer,
        pose_network: nn.Module | None,
        judges: tuple[Adversary, ...],
        batch: Batch,
        cycle: Cycle,
    ) -> dict[str, Tensor]:
        """Eq. (12), and L_B of Algorithm 1. Nothing here depends on the target image."""
        params, number = self.params, len(batch)
        losses: dict[str, Tensor] = {}
        if params.lambda_pose > 0:
            network = cast(nn.Module, pose_network)  # phases() has checked that it is given
            heat = network(torch.cat([cycle.output, cycle.back_image])).float()  # eq. (8)
            wrong = (heat - torch.cat([batch.target_pose, batch.source_pose])).square()
            losses["pose"] = params.lambda_pose * 2 * wrong.mean()
        maps = described(torch.cat([batch.source_image, cycle.output, cycle.back_image]))
        maps = {layer: layer_maps.split(number) for layer, layer_maps in maps.items()}
        if params.lambda_content > 0:
            off = [
                (maps[layer][2] - maps[layer][0]).square().mean() for layer in params.content_layers
            ]
            losses["content"] = params.lambda_content * sum(off)  # eq. (9)
        if params.lambda_style > 0:
            sides = (cycle.source, cycle.target, cycle.back)
            masks = [self._regions(side) for side in sides]
            off = [
                spt_losses.style_loss(
                    (maps[layer][image], masks[image]), (maps[layer][image + 1], masks[image + 1])
                )
                for layer in params.style_layers
                for image in (0, 1)
            ]
            losses["style"] = params.lambda_style * sum(off)  # eq. (10)
        if params.lambda_warp > 0:
            losses["warp"] = params.lambda_warp * spt_losses.warp_loss(batch.source_image, cycle)
        if cycle.inpainted is not None and cycle.auxiliary is not None:
            off = (cycle.inpainted - cycle.auxiliary).square().mean()
            losses["inpainting"] = params.lambda_inpainting * off  # eq. (13)
        return losses | deceptions(self.params, judges, batch, cycle)

    def _regions(self, side: Side) -> Tensor:
        return spt_losses.regions(
            self.params.style, side.labels, side.keypoints, self.renderer.size
        )


def _among(known: dict[str, Adversary], *names: str) -> tuple[Adversary, ...]:
    return tuple(known[name] for name in names if name in known)
