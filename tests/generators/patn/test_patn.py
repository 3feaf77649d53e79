from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from generators.networks.pose_attention import Patb
from generators.patn.patn import PatnNetwork
from generators.training.loop import train
from generators.training.pairs import make_batch


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("kind", "millions"), [("instance", 41.358), ("batch", 41.366)])
def test_parameter_counts_of_the_paper(params, kind, millions):
    network = PatnNetwork(replace(params, ngf=64, blocks=9, norm=kind))
    assert round(count(network) / 1e6, 3) == millions
    assert [round(count(block) / 1e6, 2) for block in network.blocks[1:]] == [4.72] * 8


def by_hand(layers: nn.Sequential, x: torch.Tensor) -> torch.Tensor:
    """conv-norm-ReLU-conv(-norm) with reflected borders, norm by its formula."""
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]

    def normalised(x):
        return (x - x.mean((2, 3), keepdim=True)) / (
            x.var((2, 3), correction=0, keepdim=True) + 1e-5
        ).sqrt()

    def convolved(x, layer):
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), layer.weight, layer.bias)

    x = convolved(F.relu(normalised(convolved(x, convolutions[0]))), convolutions[1])
    return normalised(x) if isinstance(layers[-1], nn.InstanceNorm2d) else x


@pytest.mark.parametrize("pose_channels", [8, 16])
def test_block_is_equations_1_to_4(pose_channels):
    torch.manual_seed(0)
    block = Patb(8, pose_channels, "instance", 0.5, "patb").eval()
    image, pose = torch.randn(2, 8, 6, 4), torch.randn(2, pose_channels, 6, 4)
    new_image, new_pose = block(image, pose)
    logits = by_hand(block.pose, pose)
    mask = 1 / (1 + torch.exp(-logits))  # (1)
    attended = mask * by_hand(block.image, image)  # (2)
    wanted = attended + image  # (3)
    assert 0 < mask.min() and mask.max() < 1
    assert torch.allclose(new_image, wanted, atol=1e-5)
    assert torch.allclose(new_pose, torch.cat([logits, wanted], 1), atol=1e-5)  # (4)
    assert new_pose.shape == (2, 16, 6, 4)


def test_image_code_changes_only_where_the_mask_is_open():
    torch.manual_seed(0)
    block = Patb(4, 4, "instance", 0.0, "patb")
    image, pose = torch.randn(1, 4, 6, 4), torch.randn(1, 4, 6, 4)
    nn.init.zeros_(block.pose[-1].weight)
    nn.init.constant_(block.pose[-1].bias, -100.0)
    assert torch.equal(block(image, pose)[0], image)


def test_ablations_of_table_5(people, patn):
    torch.manual_seed(0)
    image, pose = torch.randn(1, 4, 6, 4), torch.randn(1, 4, 6, 4)
    blocks = {
        kind: Patb(4, 4, "instance", 0.0, kind).eval()
        for kind in ("patb", "without_add", "without_cat")
    }
    for block in blocks.values():
        block.load_state_dict(blocks["patb"].state_dict())
    changed = {kind: block(image, pose) for kind, block in blocks.items()}
    assert torch.allclose(changed["without_add"][0] + image, changed["patb"][0], atol=1e-6)
    assert torch.equal(changed["without_cat"][1], changed["patb"][1][:, :4])


@pytest.mark.parametrize("block", ["without_add", "without_cat", "resnet"])
def test_every_ablation_trains(patn, people, tmp_path, block):
    generator = patn(block=block, iterations=2, decay_start=1)
    before = {
        name: value.clone() for name, value in generator.networks["network"].state_dict().items()
    }
    train(generator, *people, tmp_path, lambda *_: None, lambda *_: None)
    after = generator.networks["network"].state_dict()
    moved = [name for name in before if not torch.equal(before[name], after[name])]
    # The last block's pose code is discarded, but its convolutions are used: every weight changes.
    assert {name for name in before if name.endswith("weight")} <= set(moved)
    assert generator.generate(make_batch(people[0], people[1][:2], 1.5, "cpu")).shape == (
        2,
        3,
        32,
        16,
    )


def test_stated_shapes(patn, people):
    batch = make_batch(people[0], people[1][:3], 1.5, "cpu")
    generator = patn()
    network = generator.networks["network"]
    codes = []
    for encoder in (network.image_encoder, network.pose_encoder):
        encoder.register_forward_hook(lambda module, given, code: codes.append(code.shape))
    output = generator.generate(batch)
    assert codes == [(3, 16, 8, 4)] * 2  # 4 ngf channels at a quarter of the size
    assert output.shape == (3, 3, 32, 16) and output.dtype == torch.float32
    assert output.abs().max() <= 1 and not output.requires_grad and not network.training


@pytest.mark.parametrize("block", ["patb", "without_add", "without_cat"])
def test_attention_is_the_masks_of_equation_1(patn, people, block):
    batch = make_batch(people[0], people[1][:3], 1.5, "cpu")
    generator, logits = patn(block=block, ngf=8), []
    for weight in generator.networks["network"].parameters():
        weight.data *= 10  # fresh masks are almost 0.5 everywhere
    before = generator.generate(batch)
    for one in generator.networks["network"].blocks:
        one.pose.register_forward_hook(lambda module, given, found: logits.append(found))
    masks = generator.attention(batch)
    assert masks.shape == (2, 3, 8, 4) and masks.dtype == torch.float32 and not masks.requires_grad
    assert torch.allclose(masks, (1 / (1 + torch.exp(-torch.stack(logits)))).mean(2), atol=1e-6)
    assert masks.std() > 0.01 and not torch.equal(masks[0], masks[1])
    assert torch.equal(generator.generate(batch), before), "looking changes nothing"


def test_vanilla_blocks_have_no_masks(patn, people):
    generator = patn(block="resnet")
    assert not generator.has_masks and patn().has_masks
    with pytest.raises(
        ValueError, match="^patn.block is resnet, whose blocks have no attention masks$"
    ):
        generator.attention(make_batch(people[0], people[1][:1], 1.5, "cpu"))


def test_overfits_one_pair(patn, people, tmp_path):
    images, pairs = people
    generator = patn(
        iterations=80,
        decay_start=40,
        learning_rate=6e-3,
        flip=False,
        dropout=0.0,
        ngf=8,
        norm="instance",
        lambda_gan=0.1,
        image_pool=0,
        log_every=80,
    )
    batch = make_batch(images, pairs[:1], 1.5, "cpu")
    before = (generator.generate(batch) - batch.target_image).abs().mean()
    train(
        generator, images, pairs[:1], tmp_path, lambda step, losses: None, lambda step, path: None
    )
    after = (generator.generate(batch) - batch.target_image).abs().mean()
    assert after < 0.1 < 0.4 < before
