from dataclasses import asdict, replace

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from generators.apatn.apatn import Apatb, Apatn, ApatnNetwork, ApatnParams
from generators.training.loop import train
from generators.training.pairs import make_batch


@pytest.fixture
def apatn(params) -> callable:
    """apatn(**changes) -> an Apatn; changes may also name fields of `training`."""
    training = params.training

    def make(**changes) -> Apatn:
        inner = {name: changes.pop(name) for name in list(changes) if name in asdict(training)}
        fields = vars(params) | {"block": "apatb", "training": replace(training, **inner)} | changes
        return Apatn(ApatnParams(**fields))

    return make


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameter_counts_are_the_papers(apatn):
    network = ApatnNetwork(apatn(ngf=64, blocks=5).params)
    # Table 2 and section 4.2: 16.93 M in total, 2.76 M per block.
    assert count(network) / 1e6 == pytest.approx(16.93, abs=0.08)
    assert [count(block) / 1e6 for block in network.blocks] == pytest.approx([2.76] * 5, abs=0.006)


def test_block_is_equations_5_to_8():
    torch.manual_seed(0)
    block = Apatb(8, "instance", 0.0, "apatb").eval()
    image, source, target = torch.randn(3, 2, 8, 6, 4).unbind()
    new_image, new_source, new_target = block(image, source, target)

    def rows(code):
        return code.flatten(2).transpose(1, 2)

    alignment = rows(block.theta(target)) @ rows(block.phi(source)).transpose(1, 2)  # (5)
    weights = alignment.softmax(-1)
    assert torch.allclose(weights.sum(-1), torch.ones(2, 24))
    sampled = (weights @ rows(block.gamma(image))).transpose(1, 2).unflatten(2, (6, 4))  # (6)
    wanted = image + block.image(torch.cat([block.widen(sampled), image], 1))  # (7)
    assert torch.allclose(new_image, wanted, atol=1e-5)
    # (8): one block for both codes
    assert torch.allclose(new_source, block.pose(source)) and torch.allclose(
        new_target, block.pose(target)
    )


def test_the_alignment_is_never_a_matrix_in_memory():
    block = Apatb(16, "instance", 0.0, "apatb").eval()
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION), torch.no_grad():  # raises if it cannot run
        assert block(*torch.randn(3, 1, 16, 64, 64).unbind())[0].isfinite().all()


def awake(generator: Apatn) -> Apatn:
    """Enlarge the weights so that positions differ; fresh alignments are almost uniform."""
    for weight in generator.networks["network"].parameters():
        weight.data *= 10
    return generator


@pytest.mark.parametrize("kind", ["apatb", "cat_to_add", "without_cat", "without_res"])
def test_alignment_is_that_by_which_the_block_samples(apatn, people, kind):
    """The alignment matrices fetch what the blocks fetch without ever holding the matrices."""
    batch, generator = (
        make_batch(people[0], people[1][:3], 1.5, "cpu"),
        awake(apatn(block=kind, ngf=8)),
    )
    given, fetched = [], []
    for block in generator.networks["network"].blocks:
        block.gamma.register_forward_hook(
            lambda module, code, value: given.append(value.flatten(2))
        )
        block.widen.register_forward_hook(
            lambda module, code, value: fetched.append(code[0].flatten(2))
        )
    before = generator.generate(batch)
    each = (
        torch.eye(8 * 4)
        .view(1, 32, 8, 4)
        .repeat(3, 1, 1, 1)
        .repeat_interleave(4, 2)
        .repeat_interleave(4, 3)
    )
    found = generator.alignment(batch, each)
    assert (
        found.shape == (2, 3, 32, 8, 4) and found.dtype == torch.float32 and not found.requires_grad
    )
    assert (
        torch.allclose(found.sum((3, 4)), torch.ones(2, 3, 32), atol=1e-5) and found.max() > 2 / 32
    )
    for one, value, wanted in zip(found, given, fetched, strict=True):
        assert torch.allclose(value @ one.flatten(2).transpose(1, 2), wanted, atol=1e-5)
    assert torch.equal(generator.generate(batch), before), "looking changes nothing"


def test_alignment_of_a_region_is_the_mean_over_its_places(apatn, people):
    batch, generator = make_batch(people[0], people[1][:2], 1.5, "cpu"), awake(apatn())
    top, left = torch.zeros(2, 1, 32, 16), torch.zeros(2, 1, 32, 16)
    top[:, :, :4, :4], left[:, :, 8:12, :4] = 0.3, 0.3
    one, other, both, none = generator.alignment(
        batch, torch.cat([top, left, top + left, 0 * top], 1)
    ).unbind(2)
    assert torch.allclose(both, (one + other) / 2, atol=1e-7) and not torch.allclose(
        one, other, atol=1e-6
    )
    assert not none.any()


def test_a_certain_alignment_moves_the_image_code():
    """If one position of the source alone has the target's pose, its image code is fetched."""
    block = Apatb(4, "instance", 0.0, "without_cat").eval()
    with torch.no_grad():
        for layer in (block.theta, block.phi, block.gamma, block.widen):
            layer.bias.zero_()
            layer.weight.zero_()
        block.theta.weight[0, 0] = block.phi.weight[0, 0] = 9.0
        block.gamma.weight[0, 3] = block.widen.weight[3, 0] = 1.0
    block.image = nn.Identity()  # so both summands are the fetched code
    image, source, target = (
        torch.randn(1, 4, 4, 4),
        torch.zeros(1, 4, 4, 4),
        torch.zeros(1, 4, 4, 4),
    )
    source[0, 0, 1, 2] = target[0, 0, 3, 0] = 1.0
    assert block(image, source, target)[0][0, 3, 3, 0].item() == pytest.approx(
        2 * image[0, 3, 1, 2].item(), abs=1e-4
    )


@pytest.mark.parametrize("block", ["apatb", "cat_to_add", "without_cat", "without_res"])
def test_every_block_trains(apatn, people, tmp_path, block):
    generator = apatn(block=block, iterations=2, decay_start=1)
    train(generator, *people, tmp_path, lambda *_: None, lambda *_: None)
    assert generator.generate(make_batch(people[0], people[1][:2], 1.5, "cpu")).shape == (
        2,
        3,
        32,
        16,
    )


def test_ablations_leave_out_what_they_name():
    codes = torch.randn(3, 1, 8, 4, 4).unbind()
    sizes = {
        kind: count(Apatb(8, "instance", 0.0, kind))
        for kind in ("apatb", "cat_to_add", "without_cat", "without_res")
    }
    assert (
        sizes["cat_to_add"] == sizes["without_cat"] < sizes["apatb"]
        and sizes["without_res"] < sizes["apatb"]
    )
    still = Apatb(8, "instance", 0.0, "without_res")(*codes)
    assert still[1] is codes[1] and still[2] is codes[2]


def test_overfits_one_pair(apatn, people, tmp_path):
    images, pairs = people
    generator = apatn(
        iterations=80,
        decay_start=40,
        learning_rate=6e-3,
        flip=False,
        dropout=0.0,
        ngf=8,
        norm="instance",
        lambda_gan=0.0,
        log_every=80,
    )
    batch = make_batch(images, pairs[:1], 1.5, "cpu")
    before = (generator.generate(batch) - batch.target_image).abs().mean()
    train(
        generator, images, pairs[:1], tmp_path, lambda step, losses: None, lambda step, path: None
    )
    after = (generator.generate(batch) - batch.target_image).abs().mean()
    assert after < 0.1 < 0.4 < before


def test_killed_and_resumed_equals_unbroken(apatn, resumes_alike):
    resumes_alike(apatn)


def test_an_unknown_block(apatn):
    with pytest.raises(
        ValueError, match="apatn.block is 'patb'; it must be one of apatb, cat_to_add, without_cat"
    ):
        apatn(block="patb")
