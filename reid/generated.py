"""Measures that keep generated images from lowering accuracy; each is one idea, off at zero.

Generated images have flaws that real ones do not: they are blurred, have the light of one camera,
or show no recognisable person. Treated as real images they can lower the scores (Table 6 of
patn_apatn.txt: circle loss on the full set, 84.7 -> 83.5).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from reid.data import ReidSet
from reid.models import ReidModel
from reid.params import ReidParams
from reid.retrieval import features


@dataclass(frozen=True)
class GateParams:
    """A filter that leaves out the worst generated images before training.

    `own_identity` gives the identity score.

    drop: share of the generated images that is left out; 0 = none
    pose: weight of the pose score, in [0, 1]; the identity score has the remaining weight

    Raises:
        ValueError: If a value is invalid.
    """

    drop: float
    pose: float

    def __post_init__(self):
        if not 0 <= self.drop < 1:
            raise ValueError(f"generated.gate.drop must lie in [0, 1), got {self.drop}")
        if not 0 <= self.pose <= 1:
            raise ValueError(f"generated.gate.pose must lie in [0, 1], got {self.pose}")


@dataclass(frozen=True)
class TeacherParams:
    """Targets from a moving average of the model, as in layumi's training with DG-Net's images.

    weight: weight of the symmetric Kullback-Leibler divergence between model and average, on
        generated images; 0 = off
    decay: decay of the average per update; DG-Net 0.996

    Raises:
        ValueError: If a value is invalid.
    """

    weight: float
    decay: float

    def __post_init__(self):
        if self.weight < 0:
            raise ValueError(f"generated.teacher.weight must not be negative, got {self.weight}")
        if not 0 <= self.decay < 1:
            raise ValueError(f"generated.teacher.decay must lie in [0, 1), got {self.decay}")


@dataclass(frozen=True)
class GeneratedParams:
    """Section `generated`.

    share: largest share of generated images in a batch, the same in every batch; None = as they
        occur in the shuffled set
    label_smoothing: label smoothing of generated images (CamStyle, Zhong et al. 2018); real images
        have that of `ReidParams`
    own_batch_norm: batch norm normalises generated images separately, with their own scales and
        shifts, which are discarded at the end (the auxiliary batch norm of AdvProp, Xie et al.
        2020); needs a share
    start: share of the run that uses only real images, before generated images join (DG-Net: they
        join in the last fifth)

    Raises:
        ValueError: If a value is invalid.
    """

    share: float | None
    label_smoothing: float
    own_batch_norm: bool
    start: float
    teacher: TeacherParams
    gate: GateParams

    def __post_init__(self):
        if self.share is not None and not 0 < self.share < 1:
            raise ValueError(f"generated.share must lie in (0, 1), or be null, got {self.share}")
        for field in ("label_smoothing", "start"):
            if not 0 <= getattr(self, field) < 1:
                raise ValueError(
                    f"generated.{field} must lie in [0, 1), got {getattr(self, field)}"
                )
        if self.own_batch_norm and self.share is None:
            raise ValueError(
                "generated.own_batch_norm needs generated.share: without it a batch may contain too few real images for "
                "separate statistics; set share, e.g. 0.5"
            )


class Teacher:
    """The moving average of a model's weights and statistics, used as a target for the model."""

    def __init__(self, model: nn.Module, params: TeacherParams):
        self.weight = params.weight
        self.average = AveragedModel(
            model, multi_avg_fn=get_ema_multi_avg_fn(params.decay), use_buffers=True
        ).eval()

    def loss(self, images: Tensor, logits: Tensor) -> Tensor:
        """weight x (KL(average | model) + KL(model | average)), a mean over rows.

        Args:
            images: Normalised, float32 [N, 3, H, W].
            logits: The model's logits for these images, [N, C].
        """
        with torch.no_grad():
            teacher = self.average(images)[-1].float().log_softmax(1)  # logits come last
        student = logits.float().log_softmax(1)
        both = F.kl_div(student, teacher, reduction="batchmean", log_target=True)
        both = both + F.kl_div(teacher, student, reduction="batchmean", log_target=True)
        return self.weight * both


def own_identity(model: ReidModel, images: ReidSet, pids: Tensor, params: ReidParams) -> Tensor:
    """Log-probability that a model assigns to each image's own identity: float32 [N], 0 = certain.

    Args:
        model: A model that was trained on real images of the same identities.
        images: The images to score.
        pids: The identities of its classes, ascending, int64 [C].
        params: Parameters of the model's training.

    Raises:
        ValueError: If an image has another identity, or the model another number of classes.
    """
    logits = features(model, images, params.image_size, "logits", params.precision)
    if logits.shape[1] != len(pids):
        raise ValueError(
            f"the model has {logits.shape[1]} classes, not {len(pids)}: it was trained on another set; train it again"
        )
    label = torch.searchsorted(pids, images.pids).clamp(max=len(pids) - 1)
    if (unknown := images.pids[pids[label] != images.pids]).numel():
        raise ValueError(
            f"identity {int(unknown[0])} is not among the {len(pids)} identities that the model was trained on"
        )
    return logits.log_softmax(1).gather(1, label[:, None])[:, 0]
