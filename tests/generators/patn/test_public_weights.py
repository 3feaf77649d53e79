import pytest
import torch
from public_patn_model import output, public_patn

from generators.patn.patn import Patn, PatnNetwork
from generators.patn.public_weights import _empty, _params, convert
from generators.training.pairs import make_batch

SIZE = (32, 16)


def as_ours(tensors, **asked):
    converted = convert(tensors, asked.get("norm"), SIZE, 1.5)
    generator = Patn(converted.params)
    generator.networks["network"].load_state_dict(converted.state)
    return generator, converted


@pytest.mark.parametrize("kind", ["batch", "instance", "instance_old"])
@pytest.mark.parametrize("blocks", [1, 3])
def test_same_output(people, kind, blocks):
    public = public_patn(kind, blocks=blocks)
    batch = make_batch(people[0], people[1][:3], 1.5, "cpu")
    tensors = public.state_dict()
    expected = output(public, batch)
    generator, converted = as_ours(tensors)
    torch.testing.assert_close(generator.generate(batch), expected, rtol=0, atol=1e-6)
    assert (converted.params.norm, converted.params.ngf, converted.params.blocks) == (
        kind.split("_")[0],
        4,
        blocks,
    )
    stored = sum(name.endswith(("mean", "var", "tracked")) for name in tensors)
    assert converted.dropped == (stored if kind == "instance_old" else 0)


def test_names_do_not_matter_but_order_does(people):
    """Blocks are sorted by number, and streams and layers may have other names and numbers."""
    public = public_patn("instance", blocks=11)
    batch = make_batch(people[0], people[1][:2], 1.5, "cpu")
    renamed = {
        "module."
        + name.replace("conv_block_stream1", "zzz").replace("conv_block_stream2", "aaa"): value
        for name, value in reversed(public.state_dict().items())
    }
    generator, _ = as_ours(renamed)
    torch.testing.assert_close(generator.generate(batch), output(public, batch), rtol=0, atol=1e-6)


@pytest.mark.parametrize("change", [torch.Tensor.double, torch.Tensor.half])
def test_other_precisions_and_versions(people, change):
    public = public_patn("batch")
    old = {
        name: change(value)
        for name, value in public.state_dict().items()
        if not name.endswith("tracked")
    }
    generator, _ = as_ours(old)
    public.load_state_dict(
        public.state_dict() | {name: value.float() for name, value in old.items()}
    )
    batch = make_batch(people[0], people[1][:2], 1.5, "cpu")
    torch.testing.assert_close(generator.generate(batch), output(public, batch), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind, millions", [("batch", 41.366), ("instance", 41.358)])
def test_the_papers_size(kind, millions):
    with torch.device("meta"):
        public = public_patn(kind, ngf=64, blocks=9)
    params = _params(kind, None, 6.0, 64, 2, 9)
    network = _empty(params)
    assert (
        isinstance(network, PatnNetwork)
        and params.image_size == {"batch": (128, 64), "instance": (256, 176)}[kind]
    )
    for one in (public, network):
        assert sum(parameter.numel() for parameter in one.parameters()) / 1e6 == pytest.approx(
            millions, abs=6e-4
        )


def refused(tensors, norm=None):
    with pytest.raises(ValueError) as caught:
        convert(tensors, norm, SIZE, 1.5)
    return str(caught.value)


def test_refusals():
    good = dict(public_patn("batch").state_dict())
    first = "model.stream1_down.1.weight"
    assert refused({}) == "no weights found"
    assert refused(good, "instance") == "these weights are of a PATN with batch norm, not instance"
    assert (
        refused({"epoch": 3}) == "'epoch' is a int, not a tensor: these are not a network's weights"
    )
    assert refused({"fc.weight": torch.zeros(2, 2)}).startswith(
        "'fc.weight' is not a name in a PATN"
    )
    assert (
        refused(good | {first: torch.full((4, 3, 7, 7), float("nan"))})
        == f"{first} contains values that are not finite"
    )
    assert refused({"model.1.weight": torch.zeros(64, 21, 7, 7)}) == (
        "its first convolution takes 21 channels: this is the shape discriminator; the generator's file is latest_net_netG.pth"
    )
    assert "this is the appearance discriminator" in refused(
        {"module.model.1.weight": torch.zeros(64, 6, 7, 7)}
    )
    assert refused({"layer1.0.weight": torch.zeros(64, 5, 7, 7)}) == (
        "a PATN has one stream that takes an image (3 channels) and one that takes both poses (36); here streams take 5"
    )
    assert refused(
        good | {"model.att.1.conv_block_stream1.6.weight": torch.zeros(16, 8, 3, 3)}
    ) == (
        "att.1.conv_block_stream1: a weight is [16, 8, 3, 3]; in this PATN (blocks.1.image.4) it is [16, 16, 3, 3]"
    )
    assert refused(good | {"model.att.1.theta.0.weight": torch.zeros(8, 16, 1, 1)}) == (
        "att.1.theta has 1x1 convolutions: this may be an APATN, whose weights cannot be imported"
    )
    assert refused(
        {name: value for name, value in good.items() if "att.2.conv_block_stream2" not in name}
    ) == (
        "a PATN's block has two streams, one for the image and one for the pose; here it has 1: "
        "att.2.conv_block_stream1"
    )
    assert refused({name: value for name, value in good.items() if ".att." not in name}) == (
        "no blocks found between the encoders and the decoder"
    )
    assert refused({name: value for name, value in good.items() if "stream1_up" not in name}) == (
        "a PATN has one stream that ends in an image of 3 channels; here 0 do"
    )
    assert refused(
        {name: value for name, value in good.items() if name != "model.stream2_down.2.running_var"}
    ) == ("stream2_down: a layer has no running_var; in a PATN with batch norm it has one")
    assert refused(
        {name: value for name, value in good.items() if not name.startswith("model.stream2_down.7")}
    ) == ("stream2_down has 5 layers with weights; in a PATN it has 6")
    assert refused(good | {first.replace("weight", "bias"): torch.zeros(4)}) == (
        "stream1_down: a layer has a bias; in a PATN with batch norm it has none"
    )
