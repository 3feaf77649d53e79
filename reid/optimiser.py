"""The optimiser of a training."""

import torch

from reid.models import ReidModel
from reid.params import ReidParams


def optimiser(model: ReidModel, params: ReidParams) -> tuple[torch.optim.Optimizer, list[float]]:
    """The optimiser and the full learning rate of each of its groups: the base, then the head."""
    base = list(model.base.parameters())
    inside = {id(weight) for weight in base}
    head = [weight for weight in model.parameters() if id(weight) not in inside]
    rates = [params.learning_rate * params.base_factor, params.learning_rate]
    groups = [{"params": weights, "lr": rate} for weights, rate in zip((base, head), rates, strict=True)]
    if params.optimiser == "sgd":
        nesterov = params.momentum > 0
        made = torch.optim.SGD(groups, momentum=params.momentum, weight_decay=params.weight_decay, nesterov=nesterov)
    else:
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[params.optimiser]
        # Fused: one pass over the weights instead of a dozen.
        made = kind(groups, betas=(params.momentum, 0.999), weight_decay=params.weight_decay, fused=True)
    return made, rates
