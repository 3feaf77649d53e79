"""What the training loop asks of a network to train, and everybody else of a generator."""

from typing import Any, ClassVar

from torch import Tensor, nn

from generators.training.batch import Batch
from generators.training.phases import Phase


class Trainable:
    """Networks with the phases that train them.

    params: a frozen dataclass of type `Params`, with image_size and sigma_px
    networks: everything that is trained, by name; empty where there is nothing to train
    """

    name: ClassVar[str]  # of its package, its registry entry and its section of params.yaml
    Params: ClassVar[type]
    params: Any
    networks: dict[str, nn.Module]

    def __init__(self, params: Any):
        """A generator with fresh weights, drawn from a seed of `params`."""
        raise NotImplementedError

    @property
    def parsing(self) -> str | None:
        """Where parsing maps of the images come from (body.parsing.KINDS); None where unused."""
        return None

    @property
    def uses_pose_network(self) -> bool:
        """Whether `phases` needs a trained pose network."""
        return False

    def phases(self, pose_network: nn.Module | None = None) -> tuple[Phase, ...]:
        """The phases, called once per training. They train networks of `networks` alone.

        pose_network: frozen, in evaluation mode, on the training device; for who uses one.
        """
        raise NotImplementedError


class Generator(Trainable):
    """Renders a source's person in a target's pose.

    Optional abilities, each with a flag: parsing maps of the target (predict_parsing), masks of its
    blocks (attention) and places of the source that it looks at (alignment).
    """

    predicts_parsing: bool = False
    has_masks: bool = False
    has_alignments: bool = False

    def generate(self, batch: Batch) -> Tensor:
        """Images float32 [N, 3, H, W] in [-1, 1] of the batch's sources in its target poses."""
        raise NotImplementedError

    def predict_parsing(self, batch: Batch) -> Tensor:
        """Labels int64 [N, H, W] of the images to be generated."""
        raise NotImplementedError

    def attention(self, batch: Batch) -> Tensor:
        """Masks float32 [blocks, N, h, w] in (0, 1)."""
        raise NotImplementedError

    def alignment(self, batch: Batch, places: Tensor) -> Tensor:
        """Where the blocks look for places [N, K, H, W] of the target, in the source:
        float32 [blocks, N, K, h, w].
        """
        raise NotImplementedError
