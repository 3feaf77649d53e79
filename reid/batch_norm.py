"""Batch norm where a batch holds real and generated images: whose statistics a layer keeps, and in
the end uses.
"""

import torch
from torch import Tensor, nn

from reid.augmentation import augmented, draw
from reid.params import ReidParams
from reid.precision import autocast, resolve
from reid.sampling import shuffled
from reid.seeds import STATISTICS, key


class TwoNorms(nn.Module):
    """In training the first `num_real` rows go through `real`, the rest through `generated`; else
    all through `real`.

    A single row is no statistics: it goes with the others.
    """

    def __init__(self, real: nn.Module, generated: nn.Module):
        super().__init__()
        self.real, self.generated = real, generated
        self.num_real = 0

    def forward(self, rows: Tensor) -> Tensor:
        if not self.training or self.num_real >= len(rows) - 1:
            return self.real(rows)
        return torch.cat([self.real(rows[: self.num_real]), self.generated(rows[self.num_real :])])


def part(model: nn.Module) -> list[TwoNorms]:
    """Put a TwoNorms, whose two parts begin alike, in the place of every batch norm of `model`;
    they are returned.
    """
    pairs = []
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                twin = type(layer)(
                    layer.num_features,
                    layer.eps,
                    layer.momentum,
                    layer.affine,
                    layer.track_running_stats,
                )
                twin.load_state_dict(layer.state_dict())
                for theirs, ours in zip(twin.parameters(), layer.parameters(), strict=True):
                    theirs.requires_grad_(ours.requires_grad)
                pairs.append(TwoNorms(layer, twin.to(next(layer.buffers()).device)))
                setattr(parent, name, pairs[-1])
    return pairs


def join(model: nn.Module) -> None:
    """Undo `part`: the layers of real images stay."""
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, TwoNorms):
                setattr(parent, name, layer.real)


def estimate_statistics(model: nn.Module, pixels: Tensor, params: ReidParams, seed: int) -> None:
    """Take batch norm's means and variances from real images, uint8 [N, 3, H, W], augmented as in
    training.

    Running statistics describe the mixture that the model was trained on; the images it is used on
    are real, and where most of the training images are generated the two lie far apart. After AdaBN
    (Li et al. 2016, "Revisiting Batch Normalization for Practical Domain Adaptation"), with the
    real training images as the target domain.
    """
    layers = [
        layer for layer in model.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)
    ]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over the batches
    number = min(params.batch_size, len(pixels))
    everything = torch.arange(len(pixels))
    model.train()
    with torch.no_grad(), autocast(pixels.device, resolve(params.precision, pixels.device)):
        for step in range(params.statistics_batches):
            generator = torch.Generator().manual_seed(key(seed, STATISTICS, step))
            draws = draw(number, params.image_size, params.augment, generator)
            rows = shuffled(everything, step * number, number, seed).to(pixels.device)
            model(augmented(pixels[rows], draws, params.image_size))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
