import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from generators.metrics.frechet import frechet_distance


def reference(a: np.ndarray, b: np.ndarray) -> float:
    first, second = (np.cov(one, rowvar=False) for one in (a, b))
    root = sqrtm(first @ second).real
    return float(np.square(a.mean(0) - b.mean(0)).sum() + np.trace(first + second - 2 * root))


def features(number: int, wide: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(number, wide)) @ rng.normal(size=(wide, wide)) + rng.normal(size=wide)


@pytest.mark.parametrize(("n", "m", "wide"), [(400, 300, 24), (1000, 1000, 128), (50, 70, 2)])
def test_the_distance_is_scipys(n, m, wide):
    a, b = features(n, wide, 0), features(m, wide, 1)
    assert frechet_distance(torch.from_numpy(a), torch.from_numpy(b)) == pytest.approx(
        reference(a, b), rel=1e-5
    )


def test_the_distance_of_fewer_rows_than_columns_is_scipys():
    """Both covariances are singular; scipy's root needs a little noise on their diagonals."""
    a, b = features(20, 40, 0), features(15, 40, 1)
    noise = 1e-9 * np.eye(40)
    first, second = (np.cov(one, rowvar=False) + noise for one in (a, b))
    root = np.trace(sqrtm(first @ second).real)
    wanted = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(first + second) - 2 * root
    assert frechet_distance(torch.from_numpy(a), torch.from_numpy(b)) == pytest.approx(
        wanted, rel=1e-5
    )


def test_float32_features_are_computed_in_float64():
    a, b = (torch.from_numpy(features(200, 16, seed)).float() for seed in (0, 1))
    assert frechet_distance(a, b) == frechet_distance(a.double(), b.double())


def test_a_set_has_distance_0_from_itself_and_from_its_rows_in_another_order():
    a = torch.from_numpy(features(300, 64, 0))
    scale = float(a.var(0).sum())
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9 * scale)
    assert frechet_distance(a, a.flip(0)) == pytest.approx(0, abs=1e-9 * scale)
    few = a[:10]
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-9 * scale)


def test_a_shift_and_a_stretch_by_hand():
    a = torch.from_numpy(features(500, 8, 0))
    assert frechet_distance(a, a + 3.0) == pytest.approx(8 * 9.0)
    about = a - a.mean(0)
    assert frechet_distance(about, 2 * about) == pytest.approx(
        float(a.var(0).sum())
    )  # 1 + 4 - 2 * 2
    assert frechet_distance(a, 2 * about) == pytest.approx(frechet_distance(2 * about, a))


def test_invalid_features_are_rejected():
    a = torch.zeros(3, 4)
    with pytest.raises(ValueError, match=r"\[N, D\] and \[M, D\], got \[3, 4\] and \[3, 5\]"):
        frechet_distance(a, torch.zeros(3, 5))
    with pytest.raises(ValueError, match="at least two rows; the sets have 3 and 1"):
        frechet_distance(a, a[:1])
    with pytest.raises(ValueError, match="not finite"):
        frechet_distance(a, a / 0)
