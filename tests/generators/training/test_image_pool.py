import numpy as np
import torch

from generators.training.image_pool import ImagePool


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
    # Every sample is returned or still stored, exactly once.
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
