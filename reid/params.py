"""Parameters of a training run, and the plan that follows for a set of a given size."""

import math
from dataclasses import dataclass
from typing import Literal, get_args, get_origin, get_type_hints

from reid.augmentation import AugmentParams
from reid.losses import ClassCircle, LossParams
from reid.models import NetworkParams, check_backbone
from reid.precision import Precision

Metric = Literal["euclidean", "cosine"]
# Equal numbers of passes over each set (as in the paper), or of updates (fair).
Budget = Literal["epochs", "iterations"]


@dataclass(frozen=True)
class ReidParams:
    """Parameters of a re-identification model, its training and its retrieval.

    Raises:
        ValueError: If a value is invalid.
    """

    backbone: str  # inception, resnet50, or one of torchreid's, e.g. torchreid:osnet_x1_0
    # (height, width) in px; open-reid: resnet50 256 x 128, inception 144 x 56
    image_size: tuple[int, int]
    network: NetworkParams
    features: Literal["embedding", "logits"]  # what retrieval compares; open-reid logits
    metric: Metric  # how; open-reid euclidean
    epochs: int  # of budget `epochs`; an epoch drops its last, incomplete batch, as in open-reid
    iterations: int  # of budget `iterations`; reshuffled epochs follow each other without a gap
    batch_size: int  # of all processes together
    # Batches cut from shuffled epochs, or with several images of each identity.
    sampler: Literal["shuffled", "identity"]
    images_per_identity: int  # of sampler identity: K; open-reid and bag of tricks 4
    optimiser: Literal["sgd", "adam", "adamw"]
    learning_rate: float
    base_factor: float  # on the learning rate of the base; open-reid 0.1 if it is pretrained
    momentum: float  # Nesterov momentum of sgd; first beta of adam and adamw
    weight_decay: float
    schedule: Literal["constant", "step", "cosine"]
    step_at: tuple[float, ...]  # shares of the run after which `step` multiplies by step_factor
    step_factor: float
    warmup: float  # share of the run in which the learning rate rises linearly
    loss: LossParams
    label_smoothing: float  # of the identity loss
    # Number of real batches for batch norm's final statistics; 0 keeps the running ones.
    statistics_batches: int
    augment: AugmentParams
    precision: Precision
    log_iterations: int
    checkpoint_iterations: int

    def __post_init__(self):
        check_backbone(self.backbone)
        if isinstance(self.loss.identity, ClassCircle) != (self.network.head == "bnneck_cosine"):
            raise ValueError(
                "loss.identity circle and network.head bnneck_cosine must be used together: "
                f"the loss weights the head's cosines; the head is {self.network.head}"
            )
        for field in (
            "epochs",
            "iterations",
            "batch_size",
            "log_iterations",
            "checkpoint_iterations",
        ):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} must be at least 1, got {getattr(self, field)}")
        for field in ("learning_rate", "step_factor"):
            if getattr(self, field) <= 0:
                raise ValueError(f"{field} must be positive, got {getattr(self, field)}")
        for field in ("base_factor", "weight_decay", "statistics_batches"):
            if getattr(self, field) < 0:
                raise ValueError(f"{field} must not be negative, got {getattr(self, field)}")
        if not all(0 < share < 1 for share in self.step_at):
            raise ValueError(
                f"step_at must contain shares of the run, in (0, 1), got {list(self.step_at)}"
            )
        if self.images_per_identity < 2:
            raise ValueError(
                f"images_per_identity must be at least 2, got {self.images_per_identity}"
            )
        if self.loss.metric is not None and self.sampler != "identity":
            raise ValueError(
                "loss.metric compares images of an identity, which shuffled batches lack: set sampler: identity"
            )
        for field in ("warmup", "label_smoothing", "momentum"):
            if not 0 <= getattr(self, field) < 1:
                raise ValueError(f"{field} must lie in [0, 1), got {getattr(self, field)}")
        if len(self.image_size) != 2 or min(self.image_size) < 1:
            raise ValueError(f"image_size must be (height, width) in pixels, got {self.image_size}")
        for field, kind in get_type_hints(ReidParams).items():
            if get_origin(kind) is Literal and getattr(self, field) not in get_args(kind):
                raise ValueError(
                    f"{field} {getattr(self, field)!r} is not one of {', '.join(get_args(kind))}"
                )


@dataclass(frozen=True)
class Plan:
    """The run that `params` gives for a set of `num_images`."""

    num_images: int
    batch_size: int
    iterations: int
    images_per_epoch: int  # number of images used; the rest of an epoch is dropped
    notes: tuple[str, ...]  # departures from the params, in words


def plan(num_images: int, params: ReidParams, budget: Budget) -> Plan:
    """Plan a training run.

    If the set is smaller than a batch, the batch shrinks, and the plan's notes say so.

    Raises:
        ValueError: If the set has fewer than 2 images.
    """
    if num_images < 2:
        raise ValueError(
            f"the training set has {num_images} images; batch norm needs at least 2 in a batch"
        )
    batch_size, notes = params.batch_size, ()
    if num_images < batch_size:
        batch_size = num_images
        notes = (
            f"batch_size lowered from {params.batch_size} to {num_images}: the set has no more images",
        )
    if budget == "epochs":
        batches = num_images // batch_size
        return Plan(num_images, batch_size, params.epochs * batches, batches * batch_size, notes)
    return Plan(num_images, batch_size, params.iterations, num_images, notes)


def learning_rate_factor(step: int, iterations: int, params: ReidParams) -> float:
    """Factor on the learning rate for update `step` (from 0) of `iterations`."""
    rising = params.warmup * iterations
    rise = min(1.0, (step + 1) / rising) if rising else 1.0
    if params.schedule == "step":
        return rise * params.step_factor ** sum(
            step >= share * iterations for share in params.step_at
        )
    if params.schedule == "cosine":
        done = max(0.0, step - rising) / (iterations - rising)
        return rise * 0.5 * (1 + math.cos(math.pi * done))
    return rise
