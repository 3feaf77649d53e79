"""The optimiser of a training run."""

import torch
from torch import Tensor

from reid.models import ReidModel
from reid.params import ReidParams


def optimiser(model: ReidModel, params: ReidParams) -> tuple[torch.optim.Optimizer, list[float]]:
    """The optimiser and the full learning rate of each of its groups: the base, then the head.

    It is fused, which takes one pass over the weights instead of a dozen. It works on views of the
    weights in their memory order, because a fused optimiser would copy channels-last weights there
    and back. Clear gradients with model.zero_grad().
    """
    base = list(model.base.parameters())
    inside = {id(weight) for weight in base}
    head = [weight for weight in model.parameters() if id(weight) not in inside]
    rates = [params.learning_rate * params.base_factor, params.learning_rate]
    views = [
        [_in_memory_order(weight, weight).detach().requires_grad_() for weight in weights]
        for weights in (base, head)
    ]
    groups = [{"params": group, "lr": rate} for group, rate in zip(views, rates, strict=True)]
    decay = params.weight_decay
    if params.optimiser == "sgd":
        nesterov = params.momentum > 0
        made = torch.optim.SGD(
            groups, momentum=params.momentum, weight_decay=decay, nesterov=nesterov, fused=True
        )
        if nesterov:
            # torch creates the buffers at a weight's first gradient, but a fused optimiser fails if
            # only some of them exist.
            for view in views[0] + views[1]:
                made.state[view]["momentum_buffer"] = torch.zeros_like(view)
    else:
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[params.optimiser]
        made = kind(groups, betas=(params.momentum, 0.999), weight_decay=decay, fused=True)

    def hand_over(*_) -> None:
        for weight, view in zip(base + head, views[0] + views[1], strict=True):
            view.grad = None if weight.grad is None else _in_memory_order(weight.grad, weight)

    made.register_step_pre_hook(hand_over)
    return made, rates


def _in_memory_order(tensor: Tensor, weight: Tensor) -> Tensor:
    """The numbers of `tensor` in the memory order of `weight`, [N].

    It is a view if `tensor` has the same order.
    """
    channels_last = weight.ndim == 4 and weight.is_contiguous(memory_format=torch.channels_last)
    return (tensor.permute(0, 2, 3, 1) if channels_last else tensor).reshape(-1)
