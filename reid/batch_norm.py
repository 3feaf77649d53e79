"""Batch norm for batches of real and generated images, and its final statistics."""

import torch
from torch import Tensor, nn

from reid.augmentation import augmented, draw
from reid.params import ReidParams
from reid.precision import autocast, resolve
from reid.sampling import shuffled
from reid.seeds import STATISTICS, key


class TwoNorms(nn.Module):
    """Separate norms for real and generated rows.

    In training, the first `num_real` rows go through `real` and the rest through `generated`;
    otherwise all go through `real`. A single generated row gives no statistics, so it goes through
    `real` as well.
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
    """Replace every batch norm of `model` by a TwoNorms with two equal parts; return them."""
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
                for copy, weight in zip(twin.parameters(), layer.parameters(), strict=True):
                    copy.requires_grad_(weight.requires_grad)
                pairs.append(TwoNorms(layer, twin.to(next(layer.buffers()).device)))
                setattr(parent, name, pairs[-1])
    return pairs


def join(model: nn.Module) -> None:
    """Undo `part`, keeping the layers of real images."""
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, TwoNorms):
                setattr(parent, name, layer.real)


def estimate_statistics(model: nn.Module, pixels: Tensor, params: ReidParams, seed: int) -> None:
    """Estimate batch norm's means and variances from real images, augmented as in training.

    Running statistics describe the mixture that the model was trained on, but the model is used on
    real images. If most training images are generated, the two differ widely. This follows AdaBN
    (Li et al. 2016, "Revisiting Batch Normalization for Practical Domain Adaptation"), with the
    real training images as the target domain.

    Args:
        model: The model; its statistics are replaced.
        pixels: Real images, uint8 [N, 3, H, W].
        params: Parameters of the training.
        seed: Random seed for the draws.
    """
    layers = [
        layer for layer in model.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)
    ]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over the batches
    number = min(params.batch_size, len(pixels))
    all_rows = torch.arange(len(pixels))
    model.train()
    with torch.no_grad(), autocast(pixels.device, resolve(params.precision, pixels.device)):
        for step in range(params.statistics_batches):
            generator = torch.Generator().manual_seed(key(seed, STATISTICS, step))
            draws = draw(number, params.image_size, params.augment, generator)
            rows = shuffled(all_rows, step * number, number, seed).to(pixels.device)
            model(augmented(pixels[rows], draws, params.image_size))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
