import numpy as np
import pytest
import torch
from torch import nn

from generators.layers import ImagePool, ResidualBlock, conv, initialise, norm


def numbered(first: int, count: int) -> torch.Tensor:
    return torch.arange(first, first + count, dtype=torch.float32).view(-1, 1, 1, 1)


def test_pool_fills_before_it_exchanges():
    pool, draws = ImagePool(6), np.random.default_rng(0)
    for first in (0, 3):
        assert torch.equal(pool.exchange(numbered(first, 3), draws), numbered(first, 3))
    assert torch.equal(pool.samples, numbered(0, 6))


def test_pool_exchanges_half_and_loses_nothing():
    pool, draws = ImagePool(50), np.random.default_rng(0)
    pool.exchange(numbered(0, 50), draws)
    exchanged, given = 0, []
    for first in range(50, 4050, 8):
        new = numbered(first, 8)
        out = pool.exchange(new, draws)
        exchanged += int((out != new).sum())
        given += out.flatten().tolist()
    assert 0.46 < exchanged / 4000 < 0.54
    # Everything that went in is either given out or still held, once.
    assert sorted(given + pool.samples.flatten().tolist()) == list(range(4050))


def test_pool_fills_within_a_batch():
    pool, draws = ImagePool(3), np.random.default_rng(1)
    out = pool.exchange(numbered(0, 40), draws)
    assert len(pool.samples) == 3 and torch.equal(out[:3], numbered(0, 3))
    held = set(pool.samples.flatten().tolist())
    assert held <= set(range(40)) and held != {0, 1, 2}


def test_pool_of_size_zero_passes_on():
    samples = numbered(0, 4)
    pool = ImagePool(0)
    assert pool.exchange(samples, np.random.default_rng(0)) is samples and pool.samples is None


def test_pool_repeats_with_equal_seeds():
    def run():
        pool, draws = ImagePool(5), np.random.default_rng(7)
        return torch.cat([pool.exchange(numbered(first, 4), draws) for first in range(0, 40, 4)])

    assert torch.equal(run(), run())


def test_norms():
    assert isinstance(norm("batch", 4), nn.BatchNorm2d) and isinstance(norm("instance", 4), nn.InstanceNorm2d)
    with pytest.raises(ValueError, match="norm is 'layer'; it must be one of batch, instance"):
        norm("layer", 4)


@pytest.mark.parametrize(("stride", "size"), [(1, (8, 6)), (2, (4, 3))])
@pytest.mark.parametrize("kernel", [3, 7])
def test_conv_keeps_or_halves_the_size(stride, size, kernel):
    assert conv(3, 5, kernel, "batch", stride)(torch.zeros(2, 3, 8, 6)).shape == (2, 5, *size)


def test_bias_only_without_batch_norm():
    assert conv(3, 5, 3, "batch").bias is None and conv(3, 5, 3, "instance").bias is not None


def test_residual_block_adds_its_input():
    block = ResidualBlock(4, "batch", nn.ReLU(), 0.0).eval()
    x = torch.randn(2, 4, 6, 5)
    assert torch.equal(block(x), x + block.body(x))


def test_initialise_draws_small_normal_weights():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(64, 64, 3), nn.BatchNorm2d(4096), nn.ConvTranspose2d(64, 64, 3))
    initialise(network)
    for layer in (network[0], network[2]):
        assert layer.weight.mean().abs() < 1e-3 and layer.weight.std().item() == pytest.approx(0.02, rel=0.03)
        assert (layer.bias == 0).all()
    assert network[1].weight.mean().item() == pytest.approx(1.0, abs=1e-3)
    assert network[1].weight.std().item() == pytest.approx(0.02, rel=0.05)
