"""What training does with generated images so that they do not hurt: each switch is one idea, all
are off at zero.

Generated images are wrong in ways that real ones are not: blurred, in one camera's light, now and
then of nobody. Trained on as if they were real they can lower the scores (Table 6 of
patn_apatn.txt: circle loss on the full set, 84.7 -> 83.5).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


@dataclass(frozen=True)
class GateParams:
    """Which generated images are left out before the training begins; see reid/gate.py for the
    scores.

    drop: share of them, the worst; 0 = none
    pose: weight of the pose's agreement in an image's score, in [0, 1]; the rest is that of its
    identity
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
    """Targets from a moving average of the model itself, as in layumi's training with DG-Net's
    images.

    weight: of the symmetric Kullback-Leibler divergence between model and average, on generated
        images; 0 = off
    decay: of the average, an update; DG-Net's 0.996
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

    share: at most this share of a batch is generated, equally in every batch; None = as they come
        in the shuffled set
    label_smoothing: of generated images alone (CamStyle, Zhong et al. 2018); real ones have the
        model's own
    own_batch_norm: batch norm normalises generated images by themselves, with scales and shifts of
        their own, and forgets them at the end (the auxiliary batch norm of AdvProp, Xie et al.
        2020); needs a share
    start: share of the run that is trained on real images alone, before generated ones join
    (DG-Net: the last fifth)
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
                "generated.own_batch_norm needs generated.share: without it a batch may hold too few real images for "
                "statistics of their own; set share, as 0.5"
            )


class Teacher:
    """The moving average of a model's weights and statistics, and how far the model is from what it
    says.
    """

    def __init__(self, model: nn.Module, params: TeacherParams):
        self.weight = params.weight
        self.average = AveragedModel(
            model, multi_avg_fn=get_ema_multi_avg_fn(params.decay), use_buffers=True
        ).eval()

    def loss(self, images: Tensor, logits: Tensor) -> Tensor:
        """weight x (KL(average | model) + KL(model | average)), a mean over rows; images [N, 3, H,
        W], logits [N, C].
        """
        with torch.no_grad():
            theirs = self.average(images)[-1].float().log_softmax(1)  # logits come last
        ours = logits.float().log_softmax(1)
        both = F.kl_div(ours, theirs, reduction="batchmean", log_target=True)
        both = both + F.kl_div(theirs, ours, reduction="batchmean", log_target=True)
        return self.weight * both
