import math

import pytest
import torch

from reid.losses import identity_cross_entropy


def test_against_the_definition():
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    label, smoothing = torch.tensor([0, 2]), torch.tensor([0.1, 0.4])
    expected = 0.0
    for row, target, smooth in zip(logits.tolist(), label.tolist(), smoothing.tolist(), strict=True):
        total = sum(math.exp(value) for value in row)
        shares = [smooth / 3 + (1 - smooth if place == target else 0) for place in range(3)]
        expected -= sum(share * math.log(math.exp(value) / total) for share, value in zip(shares, row, strict=True)) / 2
    assert identity_cross_entropy(logits, label, smoothing).item() == pytest.approx(expected, rel=1e-6)


def test_is_computed_in_float32():
    logits = torch.randn(8, 751).mul(30).bfloat16()
    label = torch.arange(8)
    loss = identity_cross_entropy(logits, label, torch.zeros(8))
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(logits.double(), label).float())
