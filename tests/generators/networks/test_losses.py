import math
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torch.nn import functional as F

from generators.networks.losses import PerceptualLoss, gan_loss, l1


@pytest.mark.parametrize("real", [True, False])
def test_gan_losses_against_their_formulas(real):
    logits = torch.tensor([[-2.0, 0.0], [0.5, 3.0]])
    label = torch.full_like(logits, float(real))
    wanted = F.binary_cross_entropy(torch.sigmoid(logits), label)
    assert gan_loss(logits, real, "vanilla").item() == pytest.approx(wanted.item(), rel=1e-5)
    assert gan_loss(logits, real, "lsgan").item() == pytest.approx(F.mse_loss(logits, label).item())
    assert gan_loss(torch.zeros(1), real, "vanilla").item() == pytest.approx(math.log(2))


def test_gan_loss_is_float32_and_finite_for_extreme_scores():
    scores = torch.tensor([500.0, -500.0], dtype=torch.bfloat16)
    loss = gan_loss(scores, True, "vanilla")
    assert loss.dtype == torch.float32 and loss.isfinite()


def test_unknown_gan():
    with pytest.raises(ValueError, match="gan is 'wgan'; it must be one of vanilla, lsgan"):
        gan_loss(torch.zeros(1), True, "wgan")


def test_l1_is_the_mean_over_all_pixels():
    a, b = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)
    assert l1(a, b).item() == pytest.approx(sum((a - b).abs().flatten().tolist()) / 120, rel=1e-5)
    assert l1(a.bfloat16(), a.bfloat16()).dtype == torch.float32


def test_weighted_l1_is_a_weighted_mean():
    a, b, weight = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5), torch.rand(2, 1, 4, 5)
    every = weight.expand(2, 3, 4, 5)
    wanted = ((a - b).abs() * every).sum() / every.sum()
    assert l1(a, b, weight).item() == pytest.approx(wanted.item(), rel=1e-5)
    assert l1(a, b, torch.ones(2, 1, 4, 5)).item() == pytest.approx(l1(a, b).item(), rel=1e-6)


@pytest.fixture
def vgg(monkeypatch):
    draws = torch.Generator().manual_seed(0)
    shapes = {
        "0.weight": (64, 3, 3, 3),
        "0.bias": (64,),
        "2.weight": (64, 64, 3, 3),
        "2.bias": (64,),
    }
    weights = {
        f"features.{name}": torch.randn(shape, generator=draws) * 0.1
        for name, shape in shapes.items()
    }
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *args, **kwargs: weights)
    return weights


def test_perceptual_loss_is_equation_10(vgg):
    output, target = torch.rand(2, 3, 8, 6) * 2 - 1, torch.rand(2, 3, 8, 6) * 2 - 1

    def features(image):
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        x = ((image + 1) / 2 - mean.view(3, 1, 1)) / std.view(3, 1, 1)
        for layer in ("0", "2"):
            x = F.relu(
                F.conv2d(
                    x, vgg[f"features.{layer}.weight"], vgg[f"features.{layer}.bias"], padding=1
                )
            )
        return x

    number, channels, height, width = features(output).shape
    wanted = (features(output) - features(target)).abs().sum() / (
        number * channels * height * width
    )
    loss = PerceptualLoss("vgg19", None)
    assert loss(output, target).item() == pytest.approx(wanted.item(), rel=1e-4)
    assert loss(target, target).item() == 0
    assert not any(parameter.requires_grad for parameter in loss.parameters())


def test_missing_vgg_weights_say_how_to_get_them(monkeypatch, tmp_path):
    def offline(*args, **kwargs):
        raise URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(
        RuntimeError, match="perceptual: vgg19 needs torchvision's VGG-19 weights"
    ) as caught:
        PerceptualLoss("vgg19", None)
    message = str(caught.value)
    assert str(Path(tmp_path) / "hub" / "checkpoints" / "vgg19-dcbb9e9d.pth") in message
    assert "torchvision.models.vgg19(weights=" in message and "set perceptual: none" in message
