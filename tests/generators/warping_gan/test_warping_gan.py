from dataclasses import replace

import pytest
import torch
from short_training import short_training
from torch import nn

from generators.body.parsing import one_hot
from generators.pose_network.pose_network import PoseNetwork
from generators.training import checkpoint
from generators.training.checkpoint import load_generator, save_generator
from generators.training.loop import train
from generators.training.pairs import make_batch
from generators.warping_gan.losses import Painted
from generators.warping_gan.networks import ImageNetwork, Parser, PyramidDiscriminator, WarpingBlock
from generators.warping_gan.params import MatcherParams, ParserParams, WarpingGanParams
from generators.warping_gan.transformations import identity
from generators.warping_gan.warping_gan import WarpingGan

SIZE = (32, 16)
TRAINING = short_training()
PARAMS = WarpingGanParams(
    image_size=SIZE,
    sigma_px=1.5,
    parsing="files",
    use_parsing=True,
    use_warping=True,
    norm="batch",
    parser=ParserParams(
        input="parsing", ngf=4, downsamplings=2, blocks=1, lambda_gan=0.1, training=TRAINING
    ),
    matcher=MatcherParams(
        channels=4,
        downsamplings=3,
        norm="batch",
        controls=3,
        rotation_degrees=10.0,
        scale=0.2,
        shift=0.2,
        bend=0.1,
        training=TRAINING,
    ),
    ngf=4,
    downsamplings=2,
    blocks=1,
    ndf=4,
    gan="lsgan",
    image_pool=6,
    lambda_gan=1.0,
    lambda_l1=10.0,
    person_weight=0.0,
    perceptual="none",
    perceptual_layers=("relu1_2",),
    lambda_perceptual=0.0,
    lambda_ph=2.0,
    ph_weights=(1.0, 0.5, 0.25),
    training=TRAINING,
)


def make(**changes) -> WarpingGan:
    return WarpingGan(replace(PARAMS, **changes))


def phase_of(generator: WarpingGan, name: str, *given):
    return {phase.name: phase for phase in generator.phases(*given)}[name]


def run(generator, people, folder, on_log=lambda step, losses: None):
    return train(generator, *people, folder, on_log, lambda step, path: None)


@pytest.fixture
def batch(people):
    return make_batch(people[0], people[1][:3], 1.5, "cpu")


def count(module: nn.Module, kind: type, **having) -> int:
    return sum(
        isinstance(m, kind) and all(getattr(m, k) == v for k, v in having.items())
        for m in module.modules()
    )


def test_networks_of_the_paper():
    """Section 4.1: three layers down, three up, nine residual blocks, one warping block."""
    network = ImageNetwork(13, 28, 64, 3, 9, "instance", (128, 64), 3)
    for one in (network, Parser(28, 10, 64, 3, 9, "instance")):
        assert count(one, nn.ConvTranspose2d, stride=(2, 2)) == 3
        blocks = one.blocks if isinstance(one, ImageNetwork) else one.layers[1]
        assert [sum(p.numel() for p in block.parameters()) for block in blocks] == [
            2 * (512 * 512 * 9 + 512)
        ] * 9
    for encoder in (network.appearance, network.structure):
        assert count(encoder, nn.Conv2d, stride=(2, 2)) == 3
    assert count(network, WarpingBlock) == 1
    assert sum(p.numel() for p in network.parameters()) == 61_428_803


def test_discriminator_gives_three_maps_and_scores():
    maps = PyramidDiscriminator(6, 4, "instance")(torch.randn(2, 6, 32, 16))
    assert [tuple(one.shape) for one in maps] == [
        (2, 4, 16, 8),
        (2, 8, 8, 4),
        (2, 16, 4, 2),
        (2, 1, 4, 2),
    ]


@pytest.fixture
def block() -> WarpingBlock:
    torch.manual_seed(0)
    return WarpingBlock(4, "instance", (8, 4), 3)


def test_warping_block_is_equation_1(block):
    features = torch.randn(2, 4, 8, 4)
    theta, moves = (
        identity(2, features.device) + 0.2 * torch.randn(2, 2, 3),
        0.1 * torch.randn(2, 9, 2),
    )
    gate, moved = block.gated(features, theta, moves)
    assert gate.shape == moved.shape == features.shape and 0 < gate.min() < gate.max() < 1
    assert torch.allclose(block(features, theta, moves), features + gate * moved)


def test_the_residual_goes_where_the_grid_says(block):
    """A map that fetches every position from one row below moves the residual one row up."""
    features = torch.randn(1, 4, 8, 4)
    theta = identity(1, features.device).clone()
    theta[:, 1, 2] = 2 / 8
    _, moved = block.gated(features, theta, torch.zeros(1, 9, 2))
    assert torch.allclose(moved[:, :, :-1], block.residual(features)[:, :, 1:], atol=1e-5)
    assert moved[:, :, -1].abs().max() < 1e-5


def test_the_gate_shuts_opens_and_sees_how_far_things_move(block):
    features, still = torch.randn(1, 4, 8, 4), identity(1, torch.device("cpu"))
    nn.init.zeros_(block.gate.weight)
    nn.init.constant_(block.gate.bias, -200.0)
    assert torch.equal(block(features, still, torch.zeros(1, 9, 2)), features)
    nn.init.constant_(block.gate.bias, 200.0)
    opened = features + block.residual(features)
    assert torch.allclose(block(features, still, torch.zeros(1, 9, 2)), opened, atol=1e-5)
    nn.init.zeros_(block.gate.bias)
    nn.init.constant_(block.gate.weight[:, -2:], 1.0)
    far, _ = block.gated(features, still, torch.full((1, 9, 2), 0.3))
    near, _ = block.gated(features, still, torch.full((1, 9, 2), 0.1))
    assert torch.allclose(
        block.gated(features, still, torch.zeros(1, 9, 2))[0], torch.tensor(0.5), atol=1e-5
    )
    assert (far > near).all() and (near > 0.5).all()


def test_the_gate_is_learned(people, batch, tmp_path):
    generator = make()
    phase = phase_of(generator, "image")
    gate = generator.networks["network"].warping.gate
    sum(phase.losses(batch, phase.render(batch)).values()).backward()
    assert gate.weight.grad.abs().max() > 0
    before = gate.weight.detach().clone()
    generator.phases = lambda _: (phase,)
    run(generator, people, tmp_path)
    assert not torch.equal(gate.weight, before)


def test_stated_shapes(batch):
    generator = make()
    phases = generator.phases()
    assert [phase.name for phase in phases] == ["parser", "matcher", "image"]
    parser, matcher, image = (phase.render(batch) for phase in phases)
    assert parser.shape == (3, 10, *SIZE)
    assert matcher.affine.shape == matcher.both.shape == matcher.true.shape == (3, *SIZE, 2)
    assert image.image.shape == (3, 3, *SIZE) and image.parsing.shape == (3, 10, *SIZE)
    assert torch.equal(image.parsing.sum(1), torch.ones(3, *SIZE))
    for phase in phases:
        phase.network.eval()
        picture = phase.picture(phase.render(batch))
        assert picture.shape == (3, 3, *SIZE) and picture.abs().max() <= 1
    output = generator.generate(batch)
    assert (
        output.shape == (3, 3, *SIZE) and output.dtype == torch.float32 and not output.requires_grad
    )
    assert not any(network.training for network in generator.networks.values())
    assert generator.predict_parsing(batch).shape == (3, *SIZE)


def test_generate_sees_nothing_of_the_target_but_its_pose(batch):
    generator = make()
    noise = replace(
        batch,
        target_image=torch.randn_like(batch.target_image),
        target_parsing=torch.zeros_like(batch.target_parsing),
    )
    assert torch.equal(generator.generate(batch), generator.generate(noise))
    assert torch.equal(generator.predict_parsing(batch), generator.predict_parsing(noise))
    other = replace(batch, target_pose=batch.target_pose.flip(-1))
    assert not torch.equal(generator.generate(batch), generator.generate(other))


def test_a_predicted_map_is_that_of_the_finished_parser(batch):
    """It is not that of a parser in training mode, whose norms use and remember the batch."""
    generator = make()
    # As after training: with running statistics, and networks in training mode.
    phase_of(generator, "parser").render(batch)
    first = generator.predict_parsing(batch)
    generator.generate(batch)
    assert torch.equal(generator.predict_parsing(batch), first)
    with pytest.raises(
        ValueError,
        match="warping_gan.use_parsing is false, so stage I and its parsing maps do not exist",
    ):
        make(use_parsing=False).predict_parsing(batch)


@pytest.mark.parametrize(
    ("given", "ignored"), [("parsing", "source_image"), ("image", "source_parsing")]
)
def test_parser_receives_what_parser_input_names(batch, given, ignored):
    generator = make(parser=replace(PARAMS.parser, input=given))
    render = phase_of(generator, "parser").render
    generator.networks["parser"].eval()
    assert torch.equal(
        render(batch),
        render(replace(batch, **{ignored: torch.zeros_like(getattr(batch, ignored))})),
    )
    other = {"parsing": "source_parsing", "image": "source_image"}[given]
    assert not torch.equal(
        render(batch), render(replace(batch, **{other: torch.zeros_like(getattr(batch, other))}))
    )


def test_without_parsing(batch):
    """No stage I and no parsing map is used, even if the data has some; the matcher compares poses."""
    generator = make(use_parsing=False, person_weight=2.0)
    assert list(generator.networks) == ["matcher", "network"] and [
        p.name for p in generator.phases()
    ] == ["matcher", "image"]
    bare = replace(batch, source_parsing=None, target_parsing=None)
    for phase in generator.phases():
        torch.manual_seed(0)
        wanted = {
            name: value.item() for name, value in phase.losses(batch, phase.render(batch)).items()
        }
        torch.manual_seed(0)
        again = {
            name: value.item() for name, value in phase.losses(bare, phase.render(bare)).items()
        }
        assert again == wanted
        phase.network.eval()
        assert phase.picture(phase.render(bare)).shape == (3, 3, *SIZE)
    assert generator.generate(bare).shape == (3, 3, *SIZE)


def test_without_warping(batch):
    generator = make(use_warping=False)
    assert list(generator.networks) == ["parser", "network"] and [
        p.name for p in generator.phases()
    ] == ["parser", "image"]
    assert (
        generator.networks["network"].warping is None
        and count(generator.networks["network"], WarpingBlock) == 0
    )
    assert generator.generate(batch).shape == (3, 3, *SIZE)


def test_losses_are_the_weighted_terms_of_equation_3(batch):
    generator = make(lambda_l1=3.0, lambda_gan=5.0)
    phase = phase_of(generator, "image")
    (adversary,) = phase.adversaries
    painted = phase.render(batch)
    losses = phase.losses(batch, painted)
    assert list(losses) == ["l1", "gan_image", "ph"]
    assert losses["l1"].item() == pytest.approx(
        3 * (painted.image - batch.target_image).abs().mean().item(), rel=1e-5
    )
    condition = [batch.source_image, batch.target_pose, one_hot(batch.source_parsing)]
    real = torch.cat([*condition, one_hot(batch.target_parsing), batch.target_image], 1)
    fake = torch.cat([*condition, painted.parsing, painted.image], 1)
    assert all(map(torch.equal, adversary.judged(batch, painted), (real, fake)))
    *reals, real_score = adversary.network(real)
    *fakes, fake_score = adversary.network(fake)
    assert losses["gan_image"].item() == pytest.approx(
        5 * ((fake_score - 1) ** 2).mean().item(), rel=1e-4
    )
    terms = [
        alpha * (f - r).abs().mean().item()
        for alpha, f, r in zip((1.0, 0.5, 0.25), fakes, reals, strict=True)
    ]
    assert losses["ph"].item() == pytest.approx(2 * sum(terms), rel=1e-4)  # (2)
    judged = adversary.losses(real, fake)
    assert judged["real"].item() == pytest.approx(
        0.5 * ((real_score - 1) ** 2).mean().item(), rel=1e-4
    )
    assert judged["fake"].item() == pytest.approx(0.5 * (fake_score**2).mean().item(), rel=1e-4)


def test_losses_of_stage_1(batch):
    phase = phase_of(make(), "parser")
    logits = phase.render(batch)
    losses = phase.losses(batch, logits)
    assert list(losses) == ["cross_entropy", "gan_parsing"] and [
        a.name for a in phase.adversaries
    ] == ["parsing"]
    true = logits.log_softmax(1).gather(1, batch.target_parsing[:, None])
    assert losses["cross_entropy"].item() == pytest.approx(-true.mean().item(), rel=1e-4)
    phase = phase_of(make(parser=replace(PARAMS.parser, lambda_gan=0.0)), "parser")
    assert phase.adversaries == () and list(phase.losses(batch, phase.render(batch))) == [
        "cross_entropy"
    ]


@pytest.mark.parametrize(
    ("change", "left", "judged"),
    [
        (
            {"lambda_gan": 0.0},
            ["l1", "ph"],
            True,
        ),  # the discriminator still learns: its maps are compared
        ({"lambda_ph": 0.0}, ["l1", "gan_image"], True),
        ({"lambda_gan": 0.0, "lambda_ph": 0.0}, ["l1"], False),
        ({"lambda_l1": 0.0}, ["gan_image", "ph"], True),
    ],
)
def test_each_loss_can_be_left_out(batch, change, left, judged):
    phase = phase_of(make(**change), "image")
    assert (
        list(phase.losses(batch, phase.render(batch))) == left and bool(phase.adversaries) == judged
    )


def test_perceptual_term_by_the_pose_network(batch):
    torch.manual_seed(0)
    network = PoseNetwork(4, 1, SIZE).eval().requires_grad_(False)
    generator = make(
        perceptual="pose_network", perceptual_layers=("relu1_1", "relu2_1"), lambda_perceptual=3.0
    )
    assert generator.uses_pose_network and not make().uses_pose_network
    phase = phase_of(generator, "image", network)
    assert phase.losses(batch, phase.render(batch))["perceptual"] > 0
    assert (
        phase.losses(batch, Painted(batch.target_image, one_hot(batch.target_parsing)))[
            "perceptual"
        ]
        == 0
    )


def test_person_weight_counts_the_person_more(batch):
    phase = phase_of(make(person_weight=3.0, lambda_gan=0.0, lambda_ph=0.0), "image")
    painted = phase.render(batch)
    weight = 1 + 3 * (batch.target_parsing > 0)[:, None].float()
    wanted = 10 * ((painted.image - batch.target_image).abs() * weight).sum() / (3 * weight.sum())
    assert phase.losses(batch, painted)["l1"].item() == pytest.approx(wanted.item(), rel=1e-4)


def test_stage_2_leaves_parser_and_matcher_as_they_are(people, tmp_path):
    generator = make()
    phase = phase_of(generator, "image")
    kept = {
        n: {k: v.clone() for k, v in generator.networks[n].state_dict().items()}
        for n in ("parser", "matcher")
    }
    generator.phases = lambda _: (phase,)
    run(generator, people, tmp_path)
    for name, state in kept.items():
        assert all(
            torch.equal(value, state[key])
            for key, value in generator.networks[name].state_dict().items()
        )


def test_equal_seeds_give_equal_weights_and_leave_the_random_state_alone():
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    first, second, other = (make(training=replace(TRAINING, seed=seed)) for seed in (1, 1, 2))
    first.phases()
    assert torch.equal(torch.rand(1), wanted)
    for name, network in first.networks.items():
        same = [
            torch.equal(a, b)
            for a, b in zip(network.parameters(), second.networks[name].parameters(), strict=True)
        ]
        assert all(same)
    weights = [g.networks["network"].decoder[-1].weight for g in (first, other)]
    assert not torch.equal(*weights)


def tensors(nested) -> list[torch.Tensor]:
    if isinstance(nested, torch.Tensor):
        return [nested]
    nested = list(nested.values()) if isinstance(nested, dict) else nested
    return [t for value in nested for t in tensors(value)] if isinstance(nested, list) else []


@pytest.mark.parametrize("stops", [[2], [5, 9], [11, 15], [17]])
def test_an_interrupted_run_ends_like_an_unbroken_one(people, tmp_path, stops):
    """Iterations 1-6 are the parser's, 7-12 the matcher's, 13-18 the image network's."""
    run(make(), people, tmp_path / "unbroken")
    for stop in stops:

        def on_log(step, losses, stop=stop):
            if step >= stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(make(), people, tmp_path / "broken", on_log)
    run(make(), people, tmp_path / "broken")
    ours, theirs = (
        tensors(checkpoint.load(tmp_path / f / "checkpoint.pt", "cpu"))
        for f in ("broken", "unbroken")
    )
    assert len(ours) == len(theirs) > 100 and all(
        torch.equal(a, b) for a, b in zip(ours, theirs, strict=True)
    )
    assert (tmp_path / "broken" / "losses.csv").read_bytes() == (
        tmp_path / "unbroken" / "losses.csv"
    ).read_bytes()


def test_overfits_one_pair(people, tmp_path):
    images, pairs = people
    short = replace(
        TRAINING,
        iterations=60,
        decay_start=30,
        learning_rate=6e-3,
        flip=False,
        log_every=60,
        checkpoint_every=60,
    )
    generator = make(
        norm="instance",
        ngf=8,
        lambda_gan=0.1,
        lambda_ph=0.1,
        image_pool=0,
        training=short,
        parser=replace(PARAMS.parser, training=short, ngf=8, lambda_gan=0.0),
    )
    batch = make_batch(images, pairs[:1], 1.5, "cpu")
    before = (generator.generate(batch) - batch.target_image).abs().mean()
    run(generator, (images, pairs[:1]), tmp_path)
    after = (generator.generate(batch) - batch.target_image).abs().mean()
    assert after < 0.1 < 0.3 < before
    assert (generator.predict_parsing(batch) == batch.target_parsing).float().mean() > 0.95


def test_finished_generator_is_rebuilt(batch, tmp_path):
    generator = make()
    for network in generator.networks.values():
        # The memory format of a loaded generator, which changes the order of sums.
        network.to(memory_format=torch.channels_last)
    for phase in generator.phases():
        phase.render(batch)  # moves the running statistics
    save_generator(generator, tmp_path / "generator.pt", {})
    again = load_generator(tmp_path / "generator.pt", "cpu")
    assert again.params == generator.params
    assert torch.equal(again.generate(batch), generator.generate(batch))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"image_size": (36, 16)},
            r"warping_gan.image_size is \(36, 16\); both sides must be multiples of 8 \(the most down",
        ),
        ({"image_size": (32, 8)}, r"warping_gan.image_size is \(32, 8\); .* at least twice that"),
        (
            {"downsamplings": 4},
            r"both sides must be multiples of 16 \(the most downsamplings are 4\)",
        ),
        (
            {"parsing": "none"},
            "warping_gan.parsing is 'none'; it must be one of files, from_keypoints",
        ),
        ({"norm": "layer"}, "warping_gan.norm is 'layer'; it must be one of batch, instance"),
        ({"gan": "hinge"}, "warping_gan.gan is 'hinge'; it must be one of vanilla, lsgan"),
        (
            {"perceptual": "vgg"},
            "warping_gan.perceptual is 'vgg'; it must be one of none, vgg19, vgg16, pose_network",
        ),
        (
            {"lambda_gan": 0.0, "lambda_l1": 0.0, "lambda_ph": 0.0},
            "warping_gan: all lambdas are 0, so nothing would be learned",
        ),
        ({"lambda_ph": -1.0}, "warping_gan.lambda_ph is -1.0; it must not be negative"),
        (
            {"lambda_perceptual": 1.0},
            "warping_gan.perceptual is none but lambda_perceptual is 1.0; set both",
        ),
    ],
)
def test_senseless_params(change, message):
    with pytest.raises(ValueError, match=message):
        make(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input": "pose"}, "warping_gan.parser.input is 'pose'; it must be one of parsing, image"),
        ({"lambda_gan": -1.0}, "warping_gan.parser.lambda_gan is -1.0; it must not be negative"),
    ],
)
def test_senseless_params_of_the_parser(change, message):
    with pytest.raises(ValueError, match=message):
        replace(PARAMS.parser, **change)
