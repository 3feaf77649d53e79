"""What follows a base: from the pooled maps of an image to the numbers that retrieval compares, and
to identities.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSIFIER_STD = 0.001  # open-reid and bag of tricks


class Output(NamedTuple):
    """Of one image per row; C channels of the base, D numbers of the embedding."""

    pooled: Tensor  # [N, C], before the head
    embedding: Tensor  # [N, D]
    logits: Tensor  # [N, classes]; cosines in [-1, 1] from a cosine classifier


class LinearHead(nn.Module):
    """open-reid's: linear embedding -> batch norm (here the embedding is read) -> ReLU -> dropout
    -> linear classifier.
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
    """Bag of tricks' (Luo et al. 2019, section 3.5): batch norm without shift (the embedding) ->
    classifier without bias.

    A metric loss is to compare the pooled maps, retrieval the embedding.
    """

    def __init__(self, channels: int, classifier: nn.Module):
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)
        self.norm.bias.requires_grad_(
            False
        )  # stays zero, so that classes part along the spheres around the origin
        self.classifier = classifier

    def forward(self, pooled: Tensor) -> Output:
        embedding = self.norm(pooled)
        return Output(pooled, embedding, self.classifier(embedding))


class CosineClassifier(nn.Module):
    """Cosines between images [N, D] and a direction per class: float32 [N, classes], also under
    autocast.
    """

    def __init__(self, channels: int, num_classes: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_classes, channels))
        nn.init.normal_(self.weight, std=CLASSIFIER_STD)

    def forward(self, embedding: Tensor) -> Tensor:
        # A loss multiplies cosines by 64 and more: bfloat16's steps of 1/256 near 1 would be too
        # coarse.
        with torch.autocast(embedding.device.type, enabled=False):
            return F.linear(F.normalize(embedding.float()), F.normalize(self.weight))


def bnneck(channels: int, num_classes: int, cosine: bool) -> BNNeck:
    if cosine:
        return BNNeck(channels, CosineClassifier(channels, num_classes))
    classifier = nn.Linear(channels, num_classes, bias=False)
    nn.init.normal_(classifier.weight, std=CLASSIFIER_STD)
    return BNNeck(channels, classifier)
