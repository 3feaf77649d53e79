"""Retrieval: features of query and gallery images, and their comparison."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from reid.data import ReidSet, normalise, resize
from reid.models import ReidModel
from reid.params import Metric, ReidParams
from reid.precision import Precision, autocast, resolve

FEATURE_BATCH = 256  # images through the network at a time


@dataclass(frozen=True)
class Retrieval:
    """Query images, and the gallery in which each of them is searched.

    query_features, gallery_features: float [Q, D] and [G, D]
    query_pids, gallery_pids: int64 [Q] and [G]; pid -1 is junk, 0 a distractor
    query_camids, gallery_camids: int64 [Q] and [G]
    metric: the distance between two features
    drop_same_camera: whether images of the query's person by the query's camera are left out, so
        that they are neither matches nor errors; False if cameras are unknown

    Raises:
        ValueError: If features have the wrong shape, or the metric is unknown.
    """

    query_features: Tensor
    gallery_features: Tensor
    query_pids: Tensor
    gallery_pids: Tensor
    query_camids: Tensor
    gallery_camids: Tensor
    metric: Metric = "euclidean"
    drop_same_camera: bool = True

    def __post_init__(self):
        query, gallery = self.query_features, self.gallery_features
        for name, value in (("query", query), ("gallery", gallery)):
            if value.ndim != 2:
                raise ValueError(
                    f"{name} features must be [images, numbers], got {list(value.shape)}"
                )
        if query.shape[1] != gallery.shape[1]:
            raise ValueError(
                f"query features have {query.shape[1]} numbers, gallery features {gallery.shape[1]}"
            )
        if self.metric not in get_args(Metric):
            raise ValueError(
                f"unknown metric {self.metric!r}; expected {' or '.join(get_args(Metric))}"
            )


def features(
    model: ReidModel,
    images: ReidSet,
    image_size: tuple[int, int],
    output: Literal["embedding", "logits"],
    precision: Precision,
    flip: bool = False,
) -> Tensor:
    """Compute the features of images: float32 [N, D] on the CPU.

    The model runs in eval mode; its previous mode is restored.

    Args:
        model: The model.
        images: The images.
        image_size: (height, width) in px to which images are resized.
        output: The field of the model's output that is returned.
        precision: Number format of the computation.
        flip: Whether to average the features of each image and its mirror image.
    """
    device = next(model.parameters()).device
    dtype = resolve(precision, device)
    training = model.training
    model.eval()
    rows = []
    with torch.inference_mode(), autocast(device, dtype):
        for pixels in images.pixels.split(FEATURE_BATCH):
            inputs = normalise(resize(pixels.to(device), image_size))
            row = _output(model, inputs, output)
            if flip:
                row = (row + _output(model, inputs.flip(3), output)) / 2
            rows.append(row.cpu())
    model.train(training)
    return torch.cat(rows).clone()


def _output(model: ReidModel, inputs: Tensor, output: str) -> Tensor:
    return model(inputs)._asdict()[output].float()


def comparison(
    model: ReidModel,
    query: ReidSet,
    gallery: ReidSet,
    params: ReidParams,
    flip: bool = False,
    drop_same_camera: bool = True,
) -> Retrieval:
    """Retrieval with the features of a trained model, compared as set in `params`."""
    query_features, gallery_features = (
        features(model, images, params.image_size, params.features, params.precision, flip)
        for images in (query, gallery)
    )
    return Retrieval(
        query_features,
        gallery_features,
        query.pids,
        gallery.pids,
        query.camids,
        gallery.camids,
        params.metric,
        drop_same_camera,
    )
