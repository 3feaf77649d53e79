import pytest
import torch
from torch import nn

from generators.networks.layers import ResidualBlock, conv, initialise, norm


def test_norms():
    assert isinstance(norm("batch", 4), nn.BatchNorm2d) and isinstance(
        norm("instance", 4), nn.InstanceNorm2d
    )
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
    network = nn.Sequential(
        nn.Conv2d(64, 64, 3), nn.BatchNorm2d(4096), nn.ConvTranspose2d(64, 64, 3)
    )
    initialise(network)
    for layer in (network[0], network[2]):
        assert layer.weight.mean().abs() < 1e-3 and layer.weight.std().item() == pytest.approx(
            0.02, rel=0.03
        )
        assert (layer.bias == 0).all()
    assert network[1].weight.mean().item() == pytest.approx(1.0, abs=1e-3)
    assert network[1].weight.std().item() == pytest.approx(0.02, rel=0.05)
