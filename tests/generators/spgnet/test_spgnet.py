from dataclasses import replace

import pytest
import torch
from short_training import short_training
from torch import nn
from torch.nn import functional as F

from generators.body.parsing import one_hot
from generators.pose_network.pose_network import PoseNetwork
from generators.spgnet.networks import Deformation, patch_discriminator
from generators.spgnet.params import PatchParams, SpatnParams, SpgNetParams, SpgNetworkParams
from generators.spgnet.spgnet import SpgNet, with_selves
from generators.training import checkpoint
from generators.training.checkpoint import load_generator, save_generator
from generators.training.loop import train
from generators.training.pairs import make_batch
from generators.training.phases import TrainingParams

SIZE = (32, 16)
NETWORK_FIELDS = SpgNetworkParams.__dataclass_fields__


@pytest.fixture
def params() -> SpgNetParams:
    training = short_training(iterations=5, checkpoint_every=2)
    return SpgNetParams(
        image_size=SIZE,
        sigma_px=1.5,
        parsing="files",
        kappa=-0.2,
        parser=SpatnParams(
            input="parsing",
            ngf=4,
            blocks=1,
            norm="batch",
            dropout=0.0,
            lambda_ce=10.0,
            training=replace(training, iterations=4),
        ),
        flow="rigid_parts",
        network=SpgNetworkParams(
            variant="full", nf=4, scales=3, hidden=4, style_channels=4, norm="batch"
        ),
        discriminator=PatchParams(ndf=4, layers=2, norm="batch", rate=0.1),
        gan="vanilla",
        image_pool=0,
        lambda_gan=0.01,
        lambda_l1=1.0,
        person_weight=0.0,
        lambda_perceptual=0.0,
        perceptual="none",
        training=training,
    )


@pytest.fixture
def spgnet(params):
    """spgnet(**changes) -> an SpgNet.

    Changes may also name fields of network and training; `input` is the parser's.
    """

    def make(**changes) -> SpgNet:
        network = {name: changes.pop(name) for name in list(changes) if name in NETWORK_FIELDS}
        inner = {
            name: changes.pop(name)
            for name in list(changes)
            if name in TrainingParams.__dataclass_fields__
        }
        parser = replace(
            params.parser,
            input=changes.pop("input", "parsing"),
            training=replace(params.parser.training, **inner),
        )
        return SpgNet(
            replace(
                params,
                parser=parser,
                network=replace(params.network, **network),
                training=replace(params.training, **inner),
                **changes,
            )
        )

    return make


@pytest.fixture
def batch(people):
    return make_batch(people[0], people[1][:3], 1.5, "cpu")


def run(generator, people, folder, on_log=lambda step, losses: None):
    return train(generator, *people, folder, on_log, lambda step, path: None)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_stated_shapes(spgnet, batch):
    generator = spgnet()
    network, shapes = generator.networks["network"], {}
    for name in ("pose_path", "image_path", "deformations", "blocks"):
        for scale, module in enumerate(getattr(network, name)):
            module.register_forward_hook(
                lambda m, given, out, key=(name, scale): shapes.update({key: tuple(out.shape)})
            )
    output = generator.generate(batch)
    assert (
        output.shape == (3, 3, *SIZE) and output.dtype == torch.float32 and output.abs().max() <= 1
    )
    assert (
        not output.requires_grad
        and not network.training
        and not generator.networks["parser"].training
    )
    for name in ("pose_path", "image_path", "deformations", "blocks"):
        assert [shapes[name, scale] for scale in range(3)] == [
            (3, 4, 32, 16),
            (3, 8, 16, 8),
            (3, 12, 8, 4),
        ]
    assert generator.predict_parsing(batch).shape == (3, *SIZE)


def test_first_channels_and_norms_of_the_paper(spgnet):
    """Input channels are 30 and 3; every SPGBlock has two normalisations (Fig. 1 b)."""
    network = spgnet().networks["network"]
    assert (network.pose_path[0][0].in_channels, network.image_path[0][0].in_channels) == (30, 3)
    assert all(len(block.norms) == 2 for block in network.blocks)
    sizes = [
        [count(block) for block in path[1:]] for path in (network.pose_path, network.image_path)
    ]
    assert sizes[0] == sizes[1], "the same architecture but for the first block"


@pytest.mark.parametrize(
    ("variant", "networks", "pose_channels", "uses_source_map", "uses_target_map"),
    [
        ("baseline", ["network"], 30, False, False),
        ("baseline_s", ["network", "parser"], 40, False, True),
        ("spade", ["network", "parser"], 30, False, True),
        ("full", ["network", "parser"], 30, True, True),
    ],
)
def test_variants_of_table_3(
    spgnet, batch, variant, networks, pose_channels, uses_source_map, uses_target_map
):
    generator = spgnet(variant=variant)
    network = generator.networks["network"]
    assert (
        sorted(generator.networks) == networks
        and network.pose_path[0][0].in_channels == pose_channels
    )
    assert [phase.name for phase in generator.phases()] == ["spatn", "spgnet"][-len(networks) :]
    render = generator.phases()[-1].render
    torch.nn.init.normal_(network.last[1].weight)
    with torch.no_grad():
        output = render(batch)
        for name, uses in (
            ("source_parsing", uses_source_map),
            ("target_parsing", uses_target_map),
        ):
            other = render(replace(batch, **{name: getattr(batch, name).flip(1)}))
            assert torch.equal(other, output) != uses
    styles = [
        module
        for module in network.modules()
        if type(module).__name__ in ("RegionNorm", "StyleEncoder")
    ]
    assert len(styles) == {"baseline": 0, "baseline_s": 0, "spade": 6, "full": 7}[variant]


def test_the_baseline_needs_no_parsing_maps(spgnet, batch):
    bare = replace(batch, source_parsing=None, target_parsing=None)
    generator = spgnet(variant="baseline")
    assert torch.equal(generator.generate(bare), generator.generate(batch))
    with pytest.raises(
        ValueError, match="spgnet.network.variant is baseline, which predicts no parsing map"
    ):
        generator.predict_parsing(batch)
    with pytest.raises(
        ValueError,
        match="spgnet needs parsing maps, and the batch has none; set spgnet.parsing to from",
    ):
        spgnet().generate(bare)


@pytest.mark.parametrize("variant", ["baseline", "baseline_s", "spade", "full"])
@pytest.mark.parametrize("input", ["parsing", "image"])
def test_generation_never_sees_the_target(spgnet, batch, variant, input):
    generator = spgnet(variant=variant, input=input)
    blank = replace(
        batch,
        target_image=torch.zeros_like(batch.target_image),
        target_parsing=torch.zeros_like(batch.target_parsing),
    )
    assert torch.equal(generator.generate(blank), generator.generate(batch))


def test_training_has_the_true_target_map_and_generation_the_predicted_one(spgnet, batch):
    generator, seen = spgnet(), []
    generator.networks["network"].register_forward_hook(
        lambda module, given, output: seen.append((given[1], given[3]))
    )
    generator.phases()[-1].render(batch)
    generator.generate(batch)
    assert all(torch.equal(source, one_hot(batch.source_parsing)) for source, _ in seen)
    assert torch.equal(seen[0][1], one_hot(batch.target_parsing))
    assert torch.equal(seen[1][1], one_hot(generator.predict_parsing(batch)))


def test_spatn_star_parses_the_source_by_itself(spgnet, batch, people):
    generator, seen = spgnet(input="image"), []
    assert torch.equal(
        generator.generate(replace(batch, source_parsing=None)), generator.generate(batch)
    )
    parser = generator.networks["parser"]
    assert parser.source_encoder[0].in_channels == 3
    parser.register_forward_hook(lambda module, given, output: seen.append(given))
    generator.generate(batch)
    (image, own, same), (image_again, source, target) = seen
    assert torch.equal(image, batch.source_image) and torch.equal(image, image_again)
    assert torch.equal(own, same) and torch.equal(own, source) and not torch.equal(source, target)
    parser_phase, image_phase = generator.phases()
    assert (
        parser_phase.pairs is with_selves
        and image_phase.pairs is None
        and spgnet().phases()[0].pairs is None
    )


def test_with_selves(people):
    images, pairs = people
    found = with_selves(images, pairs)
    assert torch.equal(found[: len(pairs)], pairs)
    assert torch.equal(found[len(pairs) :], torch.arange(12)[:, None].expand(-1, 2))


def test_deformation_keeps_visible_invisible_and_background_apart():
    torch.manual_seed(0)
    module = Deformation(4, "instance")
    features, grid = (
        torch.randn(1, 4, 8, 4),
        torch.zeros(1, 32, 16, 2),
    )  # everything comes from the middle
    seen = []
    module.gated.register_forward_pre_hook(lambda layer, given: seen.append(given[0]))
    for kind in range(3):
        visibility = torch.zeros(1, 3, 32, 16)
        visibility[:, kind] = 1
        assert module(features, (grid, visibility)).shape == (1, 4, 8, 4)
        middle = features[:, :, 3:5, 1:3].mean((2, 3), keepdim=True)
        gated = seen[-1].view(1, 3, 4, 8, 4)
        assert torch.allclose(gated[:, kind], middle.expand(1, 4, 8, 4), atol=1e-5)
        assert gated.abs().sum() == gated[:, kind].abs().sum()


@pytest.mark.parametrize("weight", [0.0, 3.0])
def test_losses_are_the_weighted_terms_of_equation_12(spgnet, batch, weight):
    parser_phase, phase = spgnet(lambda_gan=0.5, lambda_l1=2.0, person_weight=weight).phases()
    logits = parser_phase.render(batch)
    wanted = (
        -logits.log_softmax(1).gather(1, batch.target_parsing[:, None]).mean()
    )  # (8), as a mean
    assert parser_phase.losses(batch, logits)["ce"].item() == pytest.approx(
        10 * wanted.item(), rel=1e-5
    )
    output = phase.render(batch)
    losses = phase.losses(batch, output)
    assert list(losses) == ["l1", "gan"]
    weights = 1 + weight * (batch.target_parsing > 0).float()[:, None]
    wanted = ((output - batch.target_image).abs() * weights).sum() / (3 * weights.sum())  # (9)
    assert losses["l1"].item() == pytest.approx(2 * wanted.item(), rel=1e-5)
    (adversary,) = phase.adversaries
    real, fake = adversary.judged(batch, output.detach())
    assert torch.equal(
        real[:, :6], torch.cat([batch.target_image, batch.source_image], 1)
    ) and real.shape == (3, 36, *SIZE)
    assert torch.equal(fake[:, :3], output) and torch.equal(real[:, 3:], fake[:, 3:])
    assert torch.equal(real[:, 6:24], batch.target_pose)
    scores = adversary.network(real), adversary.network(fake)
    entropy = [
        F.binary_cross_entropy_with_logits(s, torch.full_like(s, t)).item()
        for s, t in zip(scores, (1, 0), strict=True)
    ]
    terms = adversary.losses(real, fake)
    assert [terms["real"].item(), terms["fake"].item()] == pytest.approx(entropy, rel=1e-4)  # (11)
    wanted = F.binary_cross_entropy_with_logits(scores[1], torch.ones_like(scores[1])).item()
    assert losses["gan"].item() == pytest.approx(0.5 * wanted, rel=1e-4)
    assert adversary.rate == 0.1


def test_perceptual_loss_is_equation_10_with_four_layers(spgnet, batch):
    torch.manual_seed(0)
    pose_network = PoseNetwork(4, 1, SIZE).eval().requires_grad_(False)
    generator = spgnet(perceptual="pose_network", lambda_perceptual=2.0, lambda_gan=0.0)
    assert generator.uses_pose_network and not spgnet().uses_pose_network
    phase = generator.phases(pose_network)[-1]
    output = phase.render(batch)
    found, wanted = (pose_network.features(images) for images in (output, batch.target_image))
    terms = [(a - b).square().mean().item() for a, b in zip(found, wanted, strict=True)]
    loss = phase.losses(batch, output)["perceptual"]
    assert loss.item() == pytest.approx(2 * sum(terms), rel=1e-4) and len(terms) == 4
    loss.backward()
    assert generator.networks["network"].last[1].weight.grad.abs().sum() > 0
    assert phase.losses(batch, batch.target_image)["perceptual"] == 0
    with pytest.raises(ValueError, match="perceptual: pose_network needs a trained pose network"):
        generator.phases()


def test_without_gan_there_is_no_discriminator(spgnet):
    assert spgnet(lambda_gan=0.0).phases()[-1].adversaries == ()


@pytest.mark.parametrize(("layers", "patches"), [(1, (15, 7)), (2, (7, 3))])
def test_discriminator_judges_patches(layers, patches):
    network = patch_discriminator(36, PatchParams(4, layers, "instance", 1.0))
    height, width = patches
    assert network(torch.randn(2, 36, *SIZE)).shape == (2, 1, height - 1, width - 1)


def test_losses_fall_on_one_batch(spgnet, people, tmp_path):
    images, pairs = people
    generator = spgnet(
        iterations=50,
        decay_start=30,
        learning_rate=6e-3,
        flip=False,
        nf=8,
        lambda_gan=0.0,
        log_every=50,
    )
    batch = make_batch(images, pairs[:2], 1.5, "cpu")
    before = (generator.generate(batch) - batch.target_image).abs().mean()
    run(generator, (images, pairs[:2]), tmp_path)
    after = (generator.generate(batch) - batch.target_image).abs().mean()
    assert after < 0.12 < 0.4 < before
    assert (generator.predict_parsing(batch) == batch.target_parsing).float().mean() > 0.9


def state(folder) -> list[torch.Tensor]:
    def tensors(nested):
        if isinstance(nested, torch.Tensor):
            return [nested]
        nested = list(nested.values()) if isinstance(nested, dict) else nested
        return [t for value in nested for t in tensors(value)] if isinstance(nested, list) else []

    return tensors(checkpoint.load(folder / "checkpoint.pt", "cpu"))


@pytest.mark.parametrize(("stop", "resumed_at"), [(3, 2), (4, 2), (8, 6)])
def test_interrupted_training_ends_like_unbroken(spgnet, people, tmp_path, stop, resumed_at):
    """The stops are in SPATN's four iterations, between the phases and in SPGNet's five."""
    changes = {"input": "image", "lambda_gan": 0.1, "image_pool": 4}

    def on_log(step, losses):
        if step == stop:
            raise KeyboardInterrupt

    def make():
        generator = spgnet(**changes)
        return SpgNet(
            replace(generator.params, training=replace(generator.params.training, iterations=5))
        )

    run(make(), people, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(make(), people, tmp_path / "broken", on_log)
    assert run(make(), people, tmp_path / "broken").resumed_at == resumed_at
    ours, theirs = state(tmp_path / "broken"), state(tmp_path / "whole")
    assert len(ours) == len(theirs) > 100 and all(
        torch.equal(a, b) for a, b in zip(ours, theirs, strict=True)
    )


def test_the_discriminator_learns_at_its_own_rate(spgnet, people, tmp_path, monkeypatch):
    from generators.training import trainer as training

    rates, step = [], training.Trainer.step

    def watched(self, losses, rate, processes):
        rates.append(rate)
        step(self, losses, rate, processes)

    monkeypatch.setattr(training.Trainer, "step", watched)
    run(spgnet(variant="baseline", iterations=1, decay_start=1), people, tmp_path)
    assert rates == [1e-3, 1e-4]


def test_equal_seeds_give_equal_weights(spgnet):
    first, second, other = (
        spgnet(seed=seed).networks["network"].last[1].weight for seed in (1, 1, 2)
    )
    assert torch.equal(first, second) and not torch.equal(first, other)


def test_making_a_generator_leaves_the_random_state_alone(spgnet):
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    spgnet().phases()
    assert torch.equal(torch.rand(1), wanted)


def test_mixed_precision(spgnet, batch):
    generator = spgnet(precision="bfloat16")
    seen = []
    generator.networks["network"].blocks[0].register_forward_hook(
        lambda module, given, output: seen.append(output.dtype)
    )
    exact = spgnet().generate(batch)
    assert (generator.generate(batch) - exact).abs().mean() < 0.05 and seen == [torch.bfloat16]


def test_finished_generator_is_rebuilt(spgnet, batch, tmp_path):
    generator = spgnet()
    generator.networks["network"].to(memory_format=torch.channels_last)  # as in the training loop
    generator.phases()[-1].render(batch)  # moves the running statistics
    save_generator(generator, tmp_path / "generator.pt", {})
    again = load_generator(tmp_path / "generator.pt", "cpu")
    assert again.params == generator.params and torch.equal(
        again.generate(batch), generator.generate(batch)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"image_size": (30, 16)},
            r"spgnet.image_size is \(30, 16\); both sides must be multiples of 4, at least 8 with 3 sc",
        ),
        (
            {"scales": 5},
            r"spgnet.image_size is \(32, 16\); both sides must be multiples of 16, at least 32 with 5 scales",
        ),
        (
            {"parsing": "lip20"},
            "spgnet.parsing is 'lip20'; it must be one of files, from_keypoints",
        ),
        (
            {"variant": "cc"},
            "spgnet.network.variant is 'cc'; it must be one of baseline, baseline_s, spade, full",
        ),
        ({"norm": "layer"}, "spgnet.network.norm is 'layer'; it must be one of batch, instance"),
        ({"nf": 0}, "spgnet.network.nf is 0; it must be at least 1"),
        ({"style_channels": 3}, "spgnet.network.style_channels is 3; it must be even, at least 2"),
        ({"gan": "hinge"}, "spgnet.gan is 'hinge'; it must be one of vanilla, lsgan"),
        (
            {"discriminator": PatchParams(4, 3, "batch", 1.0)},
            r"spgnet.discriminator.layers is 3; images of \(32, 16\) px are too small",
        ),
        ({"kappa": 0.1}, "spgnet.kappa is 0.1; it must be negative"),
        ({"person_weight": -1.0}, "spgnet.person_weight is -1.0; it must not be negative"),
        (
            {"perceptual": "vgg11"},
            "spgnet.perceptual is 'vgg11'; it must be one of none, vgg19, vgg16, pose_network",
        ),
        (
            {"lambda_perceptual": 1.0},
            "spgnet.perceptual is none but lambda_perceptual is 1.0; set both",
        ),
    ],
)
def test_senseless_params(spgnet, change, message):
    with pytest.raises(ValueError, match=message):
        spgnet(**change)
