import dataclasses

import pytest
import timm
import torch
from reid_toy import PARAMS
from torch import nn

from reid.inception import Inception, _concatenate
from reid.models import build

PUBLISHED = dataclasses.replace(PARAMS.network, embedding=128, dropout=0.5, width=1.0)
NECK = dataclasses.replace(PUBLISHED, head="bnneck", embedding=None, dropout=0.0)


def conv(channels, out, kernel):
    return channels * out * kernel * kernel + 2 * out  # no bias; batch norm's weight and bias


def blocks(channels, out):
    """Number of parameters of an average block and the max block after it."""
    two, three = (
        conv(channels, out, 1) + conv(out, out, 3),
        conv(channels, out, 1) + 2 * conv(out, out, 3),
    )
    average = two + three + 2 * conv(channels, out, 1)
    two, three = (
        conv(4 * out, out, 1) + conv(out, out, 3),
        conv(4 * out, out, 1) + 2 * conv(out, out, 3),
    )
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


def test_branches_receive_packed_gradients():
    """The hook of _concatenate changes the layout of a gradient, never its values."""
    maps = torch.randn(2, 3, 5, 4).contiguous(memory_format=torch.channels_last)
    branches = [(maps * scale).requires_grad_() for scale in (1.0, 2.0)]
    strides = []
    parts = [branch.relu() for branch in branches]
    weight = torch.randn(2, 6, 5, 4)
    joined = _concatenate(parts)
    for part in parts:
        part.register_hook(
            lambda g: strides.append(g.is_contiguous(memory_format=torch.channels_last))
        )
    (joined * weight).sum().backward()
    assert strides == [True, True]
    for branch, slice_ in zip(branches, weight.split(3, dim=1), strict=True):
        assert torch.equal(branch.grad, slice_ * (branch > 0))


def test_inception_parameter_count():
    model = build("inception", 751, PUBLISHED)
    stem = conv(3, 32, 3) + 2 * conv(32, 32, 3)
    base = stem + blocks(32, 64) + blocks(384, 128) + blocks(768, 256)
    assert sum(weight.numel() for weight in model.base.parameters()) == base
    head = (1536 * 128 + 128) + 2 * 128 + (128 * 751 + 751)
    assert sum(weight.numel() for weight in model.parameters()) == base + head


@pytest.mark.parametrize(
    ("name", "size"), [("inception", (144, 56)), ("inception", (64, 32)), ("resnet50", (64, 32))]
)
def test_outputs(name, size):
    model = build(name, 7, PUBLISHED).eval()
    with torch.no_grad():
        pooled, embedding, logits = model(torch.randn(2, 3, *size))
    channels = {"inception": 1536, "resnet50": 2048}[name]
    assert pooled.shape == (2, channels) and embedding.shape == (2, 128) and logits.shape == (2, 7)


def test_pooled_is_the_mean_of_the_base_s_maps():
    model = build("inception", 7, NECK).eval()
    images = torch.randn(2, 3, 64, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(images).pooled, model.base(images).flatten(2).mean(2))


def test_first_weights():
    torch.manual_seed(0)
    model = build("inception", 751, PUBLISHED)
    assert model.head.classifier.weight.std().item() == pytest.approx(0.001, rel=0.02)
    assert not model.head.classifier.bias.any()
    assert model.head.embedding.weight.std().item() == pytest.approx((2 / 128) ** 0.5, rel=0.02)
    for module in model.base.modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 10_000:
            fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)


def test_resnet50_is_the_known_one():
    model = build("resnet50", 751, PUBLISHED)
    assert (
        sum(weight.numel() for weight in model.base.parameters()) == 23_508_032
    )  # torchvision's without its classifier
    assert model.base(torch.randn(1, 3, 64, 32)).shape == (1, 2048, 2, 1)  # stride 32


def test_last_stride_1_doubles_the_sides_of_a_resnet_s_maps_and_draws_the_same_weights():
    torch.manual_seed(0)
    halving = build("resnet50", 7, NECK)
    torch.manual_seed(0)
    keeping = build("resnet50", 7, dataclasses.replace(NECK, last_stride=1))
    for name, value in halving.state_dict().items():
        assert torch.equal(value, keeping.state_dict()[name]), name
    assert keeping.base(torch.randn(1, 3, 64, 32)).shape == (1, 2048, 4, 2)
    with pytest.raises(
        ValueError, match="inception is not a ResNet, so network.last_stride cannot be 1"
    ):
        build("inception", 7, dataclasses.replace(NECK, last_stride=1))


def test_width_narrows_inception():
    half = build("inception", 7, dataclasses.replace(PUBLISHED, width=0.5))
    assert half.head.embedding.in_features == 768
    with pytest.raises(
        ValueError, match=r"resnet50 has a fixed width; set network.width: 1.0 \(it is 0.5\)"
    ):
        build("resnet50", 7, dataclasses.replace(PUBLISHED, width=0.5))


def test_unknown_name_lists_the_available_ones():
    message = "unknown backbone 'osnet'; available: inception, resnet50, and torchreid's as torchreid:NAME"
    with pytest.raises(ValueError, match=message):
        build("osnet", 7, PUBLISHED)


def test_unavailable_weights_are_an_error(monkeypatch):
    with pytest.raises(ValueError, match="inception has no ImageNet weights"):
        build("inception", 7, dataclasses.replace(PUBLISHED, pretrained=True))

    def unreachable(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(
        OSError, match="resnet50.tv_in1k are not in .* no route to host(.|\n)*network.pretrained"
    ):
        build("resnet50", 7, dataclasses.replace(PUBLISHED, pretrained=True))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"embedding": 0},
            "network.embedding must be at least 1 if network.head is linear, got 0",
        ),
        (
            {"embedding": None},
            "network.embedding must be at least 1 if network.head is linear, got None",
        ),
        (
            {"head": "bnneck"},
            r"network.head bnneck has neither .* network.dropout: 0.0 \(they are 128 and 0.5\)",
        ),
        ({"dropout": 1.0}, r"network.dropout must lie in \[0, 1\), got 1.0"),
        ({"width": 0.0}, "network.width must be positive, got 0.0"),
    ],
)
def test_params_are_checked(fields, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PUBLISHED, **fields)
