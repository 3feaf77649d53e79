import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from reid.models import NetworkParams, build
from reid.small_maps import MOST_PLACES, SmallMapConv2d, replace

NETWORK = NetworkParams(
    pretrained=False, last_stride=2, width=1.0, head="bnneck", embedding=None, dropout=0.0
)


def gradients(layer: nn.Module, maps: torch.Tensor) -> list[torch.Tensor]:
    maps = maps.clone().requires_grad_()
    output = layer(maps)
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).reshape(output.shape)
    return [output, *torch.autograd.grad((output * weights).sum(), [maps, *layer.parameters()])]


@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 1), st.integers(0, 1)),
    bias=st.booleans(),
)
def test_is_the_convolution_with_its_gradients(size, kernel, stride, padding, bias):
    if any(
        side + 2 * pad < taps or pad >= taps
        for side, taps, pad in zip(size, kernel, padding, strict=True)
    ):
        return
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 4, kernel, stride, padding, bias=bias, dtype=torch.float64)
    maps = torch.randn(2, 3, *size, dtype=torch.float64)
    for ours, theirs in zip(
        gradients(SmallMapConv2d(conv), maps), gradients(conv, maps), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_small_maps_do_not_go_through_a_convolution(monkeypatch):
    monkeypatch.setattr(
        torch.nn.functional, "conv2d", lambda *_: pytest.fail("a convolution was called")
    )
    layer = SmallMapConv2d(nn.Conv2d(2, 3, 3, padding=1))
    assert layer(torch.zeros(1, 2, 4, 2)).shape == (1, 3, 4, 2)
    assert 4 * 2 == MOST_PLACES


def test_a_replaced_model_has_the_weights_and_answers_of_before():
    torch.manual_seed(0)
    model = build("torchreid:resnet18", 5, NETWORK).eval().to(memory_format=torch.channels_last)
    images = torch.randn(2, 3, 64, 32)
    before, state = model(images), dict(model.state_dict())
    replace(model)
    assert (
        sum(isinstance(layer, SmallMapConv2d) for layer in model.modules()) == 17
    )  # all except the three of 1 x 1
    after = model.state_dict()
    assert list(after) == list(state) and all(
        after[key].data_ptr() == state[key].data_ptr() for key in state
    )
    torch.testing.assert_close(model(images).embedding, before.embedding, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(4, 4, 3, groups=2),
        nn.Conv2d(4, 4, 3, dilation=2),
        nn.Conv2d(4, 4, 1),
        nn.Conv2d(4, 4, 3, padding="same"),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
    ],
)
def test_other_convolutions_stay(conv):
    model = nn.Sequential(conv)
    replace(model)
    assert model[0] is conv
