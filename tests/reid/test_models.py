import dataclasses

import pytest
import timm
import torch
from reid_toy import PARAMS
from torch import nn

from reid.models import Inception, build

PUBLISHED = dataclasses.replace(PARAMS.network, embedding=128, dropout=0.5, width=1.0)


def conv(channels, out, kernel):
    return channels * out * kernel * kernel + 2 * out  # no bias; batch norm's weight and bias


def blocks(channels, out):
    """Parameters of an average block and the max block after it, by counting."""
    two, three = conv(channels, out, 1) + conv(out, out, 3), conv(channels, out, 1) + 2 * conv(out, out, 3)
    average = two + three + 2 * conv(channels, out, 1)
    two, three = conv(4 * out, out, 1) + conv(out, out, 3), conv(4 * out, out, 1) + 2 * conv(out, out, 3)
    return average + two + three


def test_inception_channel_trace_and_sides():
    maps, trace = torch.randn(1, 3, 144, 56), []
    for layer in Inception(1.0).eval():
        maps = layer(maps)
        trace.append(tuple(maps.shape[1:]))
    assert trace == [
        (32, 144, 56),
        (32, 144, 56),
        (32, 144, 56),
        (32, 73, 29),
        (256, 73, 29),
        (384, 37, 15),
        (512, 37, 15),
        (768, 19, 8),
        (1024, 19, 8),
        (1536, 10, 4),
    ]


def test_inception_parameter_count():
    model = build("inception", 751, PUBLISHED)
    stem = conv(3, 32, 3) + 2 * conv(32, 32, 3)
    base = stem + blocks(32, 64) + blocks(384, 128) + blocks(768, 256)
    assert sum(weight.numel() for weight in model.base.parameters()) == base
    head = (1536 * 128 + 128) + 2 * 128 + (128 * 751 + 751)
    assert sum(weight.numel() for weight in model.parameters()) == base + head


@pytest.mark.parametrize(("name", "size"), [("inception", (144, 56)), ("inception", (64, 32)), ("resnet50", (64, 32))])
def test_outputs(name, size):
    model = build(name, 7, PUBLISHED).eval()
    with torch.no_grad():
        embedding, logits = model(torch.randn(2, 3, *size))
    assert embedding.shape == (2, 128) and logits.shape == (2, 7)


def test_head_is_open_reids():
    model = build("inception", 7, PUBLISHED).eval()
    model.base = nn.Identity()
    maps = torch.randn(5, 1536, 3, 2)
    embedding, logits = model(maps)
    pooled = maps.flatten(2).mean(2)
    expected = pooled @ model.embedding.weight.T / (1 + model.norm.eps) ** 0.5  # untrained norm: mean 0, variance 1
    torch.testing.assert_close(embedding, expected)
    torch.testing.assert_close(logits, expected.clamp(min=0) @ model.classifier.weight.T)
    model.train()
    with torch.no_grad():
        model.classifier.weight.fill_(1.0)
    trained = torch.stack([model(maps)[1] for _ in range(400)]).mean(0)  # dropout keeps the mean
    torch.testing.assert_close(trained, model(maps)[0].relu().sum(1, keepdim=True).expand(-1, 7), rtol=0.05, atol=0.5)


def test_first_weights():
    torch.manual_seed(0)
    model = build("inception", 751, PUBLISHED)
    assert model.classifier.weight.std().item() == pytest.approx(0.001, rel=0.02)
    assert not model.classifier.bias.any()
    assert model.embedding.weight.std().item() == pytest.approx((2 / 128) ** 0.5, rel=0.02)
    for module in model.base.modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 10_000:
            fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)


def test_resnet50_is_the_known_one():
    model = build("resnet50", 751, PUBLISHED)
    assert sum(weight.numel() for weight in model.base.parameters()) == 23_508_032  # torchvision's, less its classifier
    assert model.base(torch.randn(1, 3, 64, 32)).shape == (1, 2048, 2, 1)  # stride 32


def test_width_narrows_inception():
    half = build("inception", 7, dataclasses.replace(PUBLISHED, width=0.5))
    assert half.embedding.in_features == 768
    with pytest.raises(ValueError, match=r"resnet50 comes in one width; set network.width: 1.0 \(it is 0.5\)"):
        build("resnet50", 7, dataclasses.replace(PUBLISHED, width=0.5))


def test_unknown_name_lists_those_there_are():
    with pytest.raises(ValueError, match="unknown re-ID model 'osnet'; there are inception, resnet50"):
        build("osnet", 7, PUBLISHED)


def test_weights_that_cannot_be_had_are_an_error(monkeypatch):
    with pytest.raises(ValueError, match="inception has no ImageNet weights"):
        build("inception", 7, dataclasses.replace(PUBLISHED, pretrained=True))

    def unreachable(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(RuntimeError, match="resnet50.tv_in1k are neither .* no route to host(.|\n)*network.pretrained"):
        build("resnet50", 7, dataclasses.replace(PUBLISHED, pretrained=True))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("embedding", 0, "network.embedding must be at least 1, got 0"),
        ("dropout", 1.0, r"network.dropout must lie in \[0, 1\), got 1.0"),
        ("width", 0.0, "network.width must be positive, got 0.0"),
    ],
)
def test_params_are_checked(field, value, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PUBLISHED, **{field: value})
