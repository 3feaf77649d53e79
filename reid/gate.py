"""How surely a re-ID model that knows real images takes a generated one for its identity."""

import torch
from torch import Tensor

from reid.data import ReidSet
from reid.models import ReidModel
from reid.params import ReidParams
from reid.retrieval import features


def own_identity(model: ReidModel, images: ReidSet, pids: Tensor, params: ReidParams) -> Tensor:
    """Log-probability of each image's own identity, float32 [N]: 0 is certain.

    pids: int64 [C], the identities that the model was trained on, ascending, as its classes are.

    Raises:
        ValueError: an image has another identity, or the model another number of classes.
    """
    logits = features(model, images, params.image_size, "logits", params.precision)
    if logits.shape[1] != len(pids):
        raise ValueError(
            f"the model has {logits.shape[1]} classes, not {len(pids)}: it is of another set; train it again"
        )
    label = torch.searchsorted(pids, images.pids).clamp(max=len(pids) - 1)
    if (strangers := images.pids[pids[label] != images.pids]).numel():
        raise ValueError(
            f"identity {int(strangers[0])} is not among the {len(pids)} that the model was trained on"
        )
    return logits.log_softmax(1).gather(1, label[:, None])[:, 0]
