import dataclasses

import pytest
import torch
from reid_toy import PARAMS
from torch import nn
from torch.nn import functional as F

from reid.heads import bnneck
from reid.models import ReidModel
from reid.optimiser import optimiser


def model(memory_format: torch.memory_format) -> ReidModel:
    torch.manual_seed(0)
    base = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 5, (2, 3)), nn.BatchNorm2d(5)
    )
    return ReidModel(base, bnneck(5, 4, cosine=False)).to(
        torch.float64, memory_format=memory_format
    )


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
def test_steps_as_the_plain_optimiser(kind, memory_format):
    ours, plain = model(memory_format), model(torch.contiguous_format)
    params = dataclasses.replace(
        PARAMS, optimiser=kind, learning_rate=0.05, base_factor=0.5, weight_decay=0.1, momentum=0.8
    )
    mine, rates = optimiser(ours, params)
    assert rates == [0.025, 0.05]
    groups = [
        {"params": plain.base.parameters(), "lr": 0.025},
        {"params": plain.head.parameters(), "lr": 0.05},
    ]
    theirs = {
        "sgd": lambda: torch.optim.SGD(
            groups, momentum=0.8, weight_decay=0.1, nesterov=True, foreach=False
        ),
        "adam": lambda: torch.optim.Adam(
            groups, betas=(0.8, 0.999), weight_decay=0.1, foreach=False
        ),
        "adamw": lambda: torch.optim.AdamW(
            groups, betas=(0.8, 0.999), weight_decay=0.1, foreach=False
        ),
    }[kind]()
    for step in range(4):
        images = torch.randn(
            8, 3, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(step)
        )
        for one, update in ((ours, mine), (plain, theirs)):
            one.zero_grad()
            output = one(images)
            # The head has no gradient in the first two steps, like parts of a model that join late.
            (
                output.pooled.pow(3).mean()
                if step < 2
                else F.cross_entropy(output.logits, torch.arange(8) % 4)
            ).backward()
            update.step()
    for (name, one), other in zip(ours.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, msg=lambda text, name=name: f"{name}: {text}")
