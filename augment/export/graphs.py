"""Networks for export, with the parts inside that are easy to get wrong.

These are normalisation, pose maps and precision. `inputs(n)` of a graph is an example batch of n
that covers every kind of input; its `about` goes into the file.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from augment.export.reid_model import Loaded
from generators.body import parsing
from generators.body.pose import pose_maps
from generators.registry import GENERATORS
from generators.spgnet.flow import RIGID_PARTS
from generators.training.batch import Batch
from reid.data import normalise

# A person who fills an image of 1 x 1, (y, x) in OpenPose-18's order.
STANDING = (
    (0.10, 0.50), (0.19, 0.50), (0.20, 0.34), (0.33, 0.28), (0.43, 0.26), (0.20, 0.66),
    (0.33, 0.72), (0.43, 0.74), (0.48, 0.40), (0.68, 0.40), (0.88, 0.40), (0.48, 0.60),
    (0.68, 0.60), (0.88, 0.60), (0.08, 0.46), (0.08, 0.54), (0.10, 0.42), (0.10, 0.58),
)  # fmt: skip


class ReidGraph(nn.Module):
    """Images -> the features [N, D] that the model is scored with.

    images: float32 [N, 3, H, W], RGB in [0, 1], of the model's size
    """

    output = "features"

    def __init__(self, loaded: Loaded):
        super().__init__()
        self.model, self.which = loaded.model, loaded.settings.features
        self.size = tuple(loaded.settings.image_size)
        self.about = loaded.about | {
            "input": "images: float32 [N, 3, H, W], RGB in [0, 1], resized with an antialiased bilinear filter",
            "output": f"features: float32 [N, D], to be compared by {loaded.settings.metric}",
        }

    def forward(self, images: Tensor) -> Tensor:
        return getattr(self.model(normalise(images * 255)), self.which)

    def inputs(self, number: int) -> dict[str, Tensor]:
        return {
            "images": torch.rand(
                number, 3, *self.size, generator=torch.Generator().manual_seed(number)
            )
        }


class GeneratorGraph(nn.Module):
    """Source image and keypoints of source and target -> image [N, 3, H, W] in [-1, 1].

    Pose maps are drawn inside.

    source_image: float32 [N, 3, H, W], RGB in [-1, 1]
    source_keypoints, target_keypoints: float32 [N, 18, 2], (y, x) in px at (H, W), -1 if missing
    source_parsing: int64 [N, H, W], the ten labels; only if the generator needs maps from files

    Raises:
        ValueError: If the generator cannot be exported, with the reason.
    """

    output = "image"

    def __init__(self, generator: Any, trained_on: Mapping[str, Any]):
        super().__init__()
        _check(generator)
        self.generator = in_float32(generator)
        self.networks = nn.ModuleDict(self.generator.networks)
        self.eval().requires_grad_(False)
        self.size, self.sigma_px = tuple(generator.params.image_size), generator.params.sigma_px
        self.parsing = generator.parsing
        self.about = {
            "model": generator.name,
            "image_size": list(self.size),
            "trained_on": f"{trained_on.get('set', 'unknown')}, {trained_on.get('pairs', 'unknown')} pairs",
            "input": "source_image: float32 [N, 3, H, W], RGB in [-1, 1]; source_keypoints and target_keypoints: float32 "
            "[N, 18, 2], (y, x) in px at (H, W), -1 in both where a joint is missing, in OpenPose-18 order"
            + (
                "; source_parsing: int64 [N, H, W], labels " + ", ".join(parsing.LABELS)
                if self.parsing == "files"
                else ""
            ),
            "output": "image: float32 [N, 3, H, W], RGB in [-1, 1]",
        }

    def forward(
        self,
        source_image: Tensor,
        source_keypoints: Tensor,
        target_keypoints: Tensor,
        source_parsing: Tensor | None = None,
    ) -> Tensor:
        if self.parsing == "from_keypoints":
            source_parsing = parsing.from_keypoints(source_keypoints, self.size).long()
        return self.generator.generate(
            Batch(
                source_image,
                source_image,  # in place of the target image, which no generator reads
                source_keypoints,
                target_keypoints,
                pose_maps(source_keypoints, self.size, self.sigma_px),
                pose_maps(target_keypoints, self.size, self.sigma_px),
                source_parsing,
            )
        )

    def inputs(self, number: int) -> dict[str, Tensor]:
        """People in random poses; the last lacks an arm, the second target (if any) a shoulder."""
        draws = torch.Generator().manual_seed(number)
        height, width = self.size
        points = torch.tensor(STANDING).repeat(2, number, 1, 1) + 0.02 * torch.randn(
            2, number, 18, 2, generator=draws
        )
        points = points * torch.tensor([height, width])
        points[:, -1, 3:5] = -1
        points[1, 1:2, 2] = -1
        inputs = {
            "source_image": 2 * torch.rand(number, 3, height, width, generator=draws) - 1,
            "source_keypoints": points[0],
            "target_keypoints": points[1],
        }
        if self.parsing == "files":
            inputs["source_parsing"] = parsing.from_keypoints(points[0], self.size).long()
        return inputs


def in_float32(generator: Any) -> Any:
    """A copy of the generator that computes in float32, because graphs have no autocast."""
    copy = type(generator)(_float32(generator.params))
    for name, network in generator.networks.items():
        copy.networks[name].load_state_dict(network.state_dict())
    return copy


def _float32(params: Any) -> Any:
    if not dataclasses.is_dataclass(params) or isinstance(params, type):
        return params
    fields = {field.name: getattr(params, field.name) for field in dataclasses.fields(params)}
    return dataclasses.replace(
        params,
        **{
            name: "float32" if name == "precision" else _float32(value)
            for name, value in fields.items()
        },
    )


def _check(generator: Any) -> None:
    name = generator.name
    if name == "puppet" or name not in GENERATORS:
        raise ValueError(
            f"{name} does not render images; export a trained generator: patn, apatn, spt, ..."
        )
    if name == "spt" and generator.params.configuration == "ts_gt":
        raise ValueError(
            "spt.configuration ts_gt paints on the target's true parsing map, which is not available when generating"
        )
    if name == "spgnet" and generator.params.flow != RIGID_PARTS:
        raise ValueError(
            f"spgnet.flow is the file {generator.params.flow}, whose flows are looked up pair by pair; only a network with "
            f"flow {RIGID_PARTS} can be exported"
        )
