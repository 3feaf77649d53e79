"""The interfaces of trainable networks and of generators."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor, nn

from generators.training.batch import Batch
from generators.training.phases import Phase


class Trainable(ABC):
    """Networks with the phases that train them.

    params: a frozen dataclass of type `Params`, with image_size and sigma_px
    networks: all trained networks by name; empty if there is nothing to train
    """

    name: ClassVar[str]  # of its package, its registry entry and its section of params.yaml
    Params: ClassVar[type]
    params: Any
    networks: dict[str, nn.Module]

    @abstractmethod
    def __init__(self, params: Any):
        """Fresh weights, drawn from a seed of `params`."""

    @property
    def parsing(self) -> str | None:
        """Source of the parsing maps (one of body.parsing.KINDS), or None if unused."""
        return None

    @property
    def uses_pose_network(self) -> bool:
        """Whether `phases` needs a trained pose network."""
        return False

    @abstractmethod
    def phases(self, pose_network: nn.Module | None = None) -> tuple[Phase, ...]:
        """The training phases, requested once per training; they train only `networks`.

        Args:
            pose_network: The trained pose network, for generators that use one. It is frozen, in
                evaluation mode and on the training device.
        """


class Generator(Trainable):
    """Renders a source's person in a target's pose.

    Each optional ability has a flag: parsing maps of the target (predict_parsing), masks of the
    blocks (attention), and the positions in the source that the blocks look at (alignment).
    """

    predicts_parsing: bool = False
    has_masks: bool = False
    has_alignments: bool = False

    @abstractmethod
    def generate(self, batch: Batch) -> Tensor:
        """The batch's source persons in its target poses: float32 [N, 3, H, W] in [-1, 1]."""

    def predict_parsing(self, batch: Batch) -> Tensor:
        """Parsing maps of the images to be generated, labels int64 [N, H, W]."""
        raise NotImplementedError(f"{self.name} predicts no parsing maps")

    def attention(self, batch: Batch) -> Tensor:
        """Masks of the blocks, float32 [blocks, N, h, w] in (0, 1)."""
        raise NotImplementedError(f"{self.name} has no attention masks")

    def alignment(self, batch: Batch, places: Tensor) -> Tensor:
        """Where in the source the blocks look for places of the target.

        Args:
            batch: Source and target of N images.
            places: Weights over the target image, float32 [N, K, H, W].

        Returns:
            float32 [blocks, N, K, h, w].
        """
        raise NotImplementedError(f"{self.name} has no alignments")
