"""Heads: from a base's pooled maps to the embedding that retrieval compares, and to identities."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSIFIER_STD = 0.001  # open-reid and bag of tricks


class Output(NamedTuple):
    """Output of a model, one image per row; the base has C channels, the embedding D numbers."""

    pooled: Tensor  # [N, C], before the head
    embedding: Tensor  # [N, D]
    logits: Tensor  # [N, classes]; cosines in [-1, 1] from a cosine classifier


class LinearHead(nn.Module):
    """The head of open-reid.

    Linear layer -> batch norm (whose output is the embedding) -> ReLU -> dropout -> linear
    classifier.
    """

    def __init__(self, channels: int, num_classes: int, embedding: int, dropout: float):
        super().__init__()
        self.embedding = nn.Linear(channels, embedding)
        self.norm = nn.BatchNorm1d(embedding)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(embedding, num_classes)
        nn.init.kaiming_normal_(self.embedding.weight, mode="fan_out")
        nn.init.zeros_(self.embedding.bias)
        nn.init.normal_(self.classifier.weight, std=CLASSIFIER_STD)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, pooled: Tensor) -> Output:
        embedding = self.norm(self.embedding(pooled))
        return Output(pooled, embedding, self.classifier(self.dropout(embedding.relu())))


class BNNeck(nn.Module):
    """The head of bag of tricks (Luo et al. 2019, section 3.5).

    Batch norm without shift (whose output is the embedding) -> classifier without bias. A metric
    loss should compare the pooled maps, retrieval the embedding.
    """

    def __init__(self, channels: int, classifier: nn.Module):
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)
        # The shift stays zero, so that classes separate on spheres around the origin.
        self.norm.bias.requires_grad_(False)
        self.classifier = classifier

    def forward(self, pooled: Tensor) -> Output:
        embedding = self.norm(pooled)
        return Output(pooled, embedding, self.classifier(embedding))


class CosineClassifier(nn.Module):
    """Cosines between images [N, D] and one direction per class: float32 [N, classes].

    The result is float32 under autocast too.
    """

    def __init__(self, channels: int, num_classes: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_classes, channels))
        nn.init.normal_(self.weight, std=CLASSIFIER_STD)

    def forward(self, embedding: Tensor) -> Tensor:
        # A loss multiplies cosines by 64 or more, so bfloat16's steps of 1/256 near 1 would be too
        # coarse.
        with torch.autocast(embedding.device.type, enabled=False):
            return F.linear(F.normalize(embedding.float()), F.normalize(self.weight))


def bnneck(channels: int, num_classes: int, cosine: bool) -> BNNeck:
    """Make a BNNeck with a linear classifier without bias, or with a cosine classifier."""
    if cosine:
        return BNNeck(channels, CosineClassifier(channels, num_classes))
    classifier = nn.Linear(channels, num_classes, bias=False)
    nn.init.normal_(classifier.weight, std=CLASSIFIER_STD)
    return BNNeck(channels, classifier)
