from dataclasses import replace

import pytest
import torch
import upright
from PIL import Image
from torch import nn

from generators.body import body_parts, parsing
from generators.body.pose import limb_distances
from generators.pose_network.pose_network import PoseNetwork
from generators.spt.appearance import hole
from generators.spt.params import DiscriminatorParams, Schedule, SearchParams, SptParams, UNetParams
from generators.spt.spt import Spt
from generators.training.checkpoint import load_generator, save_generator
from generators.training.loop import train
from generators.training.pairs import ImageSet, make_batch, training_pairs

SIZE = (32, 16)
GANS = {
    "lambda_gan_semantic": 1.0,
    "lambda_gan": 1.0,
    "lambda_face": 1.0,
    "lambda_gan_background": 10.0,
}


@pytest.fixture(scope="session")
def walkers() -> tuple[ImageSet, torch.Tensor]:
    """12 images, with parsing maps, of 3 identities with swung limbs, each in one colour."""
    draws = torch.Generator().manual_seed(0)
    pids = torch.arange(12) // 4 + 1
    keypoints = torch.tensor(upright.UPRIGHT, dtype=torch.float32).repeat(12, 1, 1) / 4
    keypoints[:, [3, 4, 6, 7, 9, 10, 12, 13]] += torch.randn(12, 8, 2, generator=draws)
    keypoints += torch.rand(12, 1, 2, generator=draws) * 3 - 1.5
    near = limb_distances(keypoints, SIZE)
    labels = torch.where(near[:, :6].amin(1) < 1.5, 4, 0)
    labels = torch.where(near[:, 6:12].amin(1) < 1.5, 3, labels)
    labels = torch.where(near[:, 12:].amin(1) < 1.5, 1, labels).to(torch.uint8)
    pixels = torch.randint(90, 130, (12, 3, *SIZE), generator=draws).to(torch.uint8)
    for row, pid in enumerate(pids.tolist()):
        pixels[row, :, labels[row] > 0] = 30
        pixels[row, pid - 1, labels[row] > 0] = 220
    return ImageSet(pixels, keypoints, labels), training_pairs(pids, keypoints)


@pytest.fixture(scope="session")
def pose_network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return PoseNetwork(4, 1, SIZE).eval().requires_grad_(False)


@pytest.fixture
def spt(params) -> callable:
    """spt(**changes) -> an Spt; `iterations` applies to each phase."""

    def make(iterations: int = 3, **changes) -> Spt:
        short = replace(
            params.training, iterations=iterations, decay_start=1, log_every=1, checkpoint_every=2
        )
        net = UNetParams(ngf=4, levels=3, norm="layer", dropout=0.0)
        given = SptParams(
            image_size=SIZE,
            sigma_px=1.5,
            parsing="files",
            configuration="e2e",
            background="network",
            auxiliary=None,
            scene_doubt=0.0,
            semantic=net,
            foreground=net,
            inpainting=net,
            skips="flow",
            deformable=4,
            copy_warped=True,
            pose_heat_maps=True,
            pose_masks=True,
            search=SearchParams(500, 0.01, (4, 3)),
            discriminator=DiscriminatorParams(ndf=4, layers=2, norm="layer"),
            gan="vanilla",
            image_pool=0,
            perceptual="none",
            content_layers=("rgb",),
            style="semantic",
            style_layers=("rgb",),
            lambda_ce=1.0,
            lambda_gan_semantic=0.0,
            lambda_gan=0.0,
            lambda_face=0.0,
            lambda_pose=5.0,
            lambda_content=10.0,
            lambda_style=2.0,
            lambda_warp=1.0,
            lambda_inpainting=1.0,
            lambda_gan_background=0.0,
            training=Schedule(short, short, short),
        )
        return Spt(replace(given, **changes))

    return make


def quiet(generator, walkers, folder, pose_network, on_log=lambda step, losses: None):
    return train(generator, *walkers, folder, on_log, lambda step, path: None, pose_network)


def batch_of(walkers, rows=slice(0, 12, 3)):
    return make_batch(walkers[0], walkers[1][rows], 1.5, "cpu")


def weights(generator) -> list[torch.Tensor]:
    return [
        value for network in generator.networks.values() for value in network.state_dict().values()
    ]


def test_phases_are_those_of_algorithm_2(spt, pose_network):
    def names(**changes):
        return [phase.name for phase in spt(**changes).phases(pose_network)]

    assert names() == ["semantic", "appearance", "joint"] and names(configuration="ts_pred") == [
        "semantic",
        "appearance",
    ]
    assert (
        names(configuration="ts_gt")
        == names(configuration="baseline", style="mask")
        == ["appearance"]
    )
    semantic, appearance, joint = spt(**GANS).phases(pose_network)
    assert [judge.name for judge in semantic.adversaries] == ["semantic"]
    assert [judge.name for judge in appearance.adversaries] == ["appearance", "face", "background"]
    assert [judge.name for judge in joint.adversaries] == ["semantic", "appearance", "face"]
    assert joint.adversaries[0].network is semantic.adversaries[0].network  # D_S continues
    assert set(appearance.network) == {"foreground", "background"} and set(joint.network) == {
        "semantic",
        "foreground",
    }


def test_networks_are_those_of_the_configuration(spt):
    assert set(spt().networks) == {"semantic", "foreground", "background"}
    assert set(spt(configuration="ts_gt", background="none").networks) == {"foreground"}
    both, heat, mask = (
        spt(pose_heat_maps=heat, pose_masks=mask)
        .networks["semantic"]
        .pose_encoder.levels[0]
        .in_channels
        for heat, mask in ((True, True), (True, False), (False, True))
    )
    assert (both, heat, mask) == (19, 18, 1)
    inputs = [
        spt(**changes).networks["foreground"].appearance_encoder.levels[0].in_channels
        for changes in ({}, {"configuration": "baseline", "style": "mask"})
    ]
    assert inputs == [3 + 10 + 18, 3 + 18]


def gradients(generator, phase, batch):
    torch.manual_seed(0)
    phase.network.zero_grad()
    losses = phase.losses(batch, phase.render(batch))
    sum(losses.values()).backward()
    return losses, [
        parameter.grad for parameter in phase.network.parameters() if parameter.grad is not None
    ]


@pytest.mark.parametrize("configuration", ["e2e", "ts_pred", "baseline", "ts_gt"])
def test_the_target_image_is_never_used(spt, walkers, pose_network, configuration):
    """Noise as target image leaves every loss and gradient unchanged.

    So does another target parsing map, except where the configuration uses it.
    """
    style = "mask" if configuration == "baseline" else "semantic"
    generator = spt(configuration=configuration, style=style, **GANS)
    batch = batch_of(walkers)
    noise = replace(batch, target_image=torch.rand_like(batch.target_image) * 2 - 1)
    for phase in generator.phases(pose_network):
        losses, slopes = gradients(generator, phase, batch)
        given = noise
        if phase.name != "semantic" and configuration != "ts_gt":
            given = replace(noise, target_parsing=torch.randint_like(batch.target_parsing, 10))
        others, other_slopes = gradients(generator, phase, given)
        assert len(losses) > 1 and len(slopes) > 10
        assert all(torch.equal(losses[name], others[name]) for name in losses)
        assert all(torch.equal(one, other) for one, other in zip(slopes, other_slopes, strict=True))
        for judge in phase.adversaries:
            mine, theirs = (judge.judged(one, phase.render(one)) for one in (batch, given))
            assert all(torch.equal(one, other) for one, other in zip(mine, theirs, strict=True))


def test_the_semantic_network_learns_from_its_pairs(spt, walkers, pose_network):
    (phase, *_) = spt().phases(pose_network)
    batch = batch_of(walkers)
    other = replace(batch, target_parsing=batch.target_parsing.flip(0))
    assert (
        phase.losses(batch, phase.render(batch))["ce"]
        != phase.losses(other, phase.render(other))["ce"]
    )
    pairs = phase.pairs(*walkers)
    assert pairs.shape == (12, 2) and (pairs[:, 0] != pairs[:, 1]).all()


def test_ts_gt_paints_on_the_true_map(spt, walkers, pose_network):
    generator = spt(configuration="ts_gt")
    batch = batch_of(walkers)
    assert torch.equal(generator.predict_parsing(batch), batch.target_parsing)
    with pytest.raises(
        ValueError,
        match="ts_gt paints on the true parsing maps of the target images, and this batch has none",
    ):
        generator.generate(replace(batch, target_parsing=torch.zeros_like(batch.target_parsing)))


def test_composition_is_equation_6(spt, walkers):
    batch = batch_of(walkers)
    for configuration in ("e2e", "ts_gt"):
        generator = spt(configuration=configuration).renderer
        with torch.no_grad():
            source, target, warp, image = generator.render(batch)
            person = generator.networks["foreground"](
                batch.source_image, source.parsing, source.pose, target.parsing, target.pose, warp
            )
            background = generator.networks["background"](batch.source_image, hole(source, SIZE))
        mask = 1 - target.parsing[:, :1]
        assert torch.allclose(image, person * mask + background * (1 - mask), atol=1e-6)
    assert set(mask.unique().tolist()) == {0.0, 1.0}  # true maps are binary


def test_the_background_knows_nothing_of_the_person(spt, walkers):
    generator = spt(configuration="ts_gt")
    batch = batch_of(walkers)
    hidden = batch.source_image.masked_fill((batch.source_parsing > 0)[:, None], 0.7)
    with torch.no_grad():
        image, other = (
            generator.renderer.render(replace(batch, source_image=one))[-1]
            for one in (batch.source_image, hidden)
        )
    behind = (batch.target_parsing == 0)[:, None].expand_as(image)
    assert torch.equal(image[behind], other[behind]) and not torch.equal(
        image[~behind], other[~behind]
    )


def test_the_hole_covers_the_person_and_a_rim(spt, walkers):
    batch = batch_of(walkers)
    source, _ = spt().renderer.sides(batch)
    person = (batch.source_parsing > 0)[:, None].float()
    assert torch.equal(hole(source, SIZE), nn.functional.max_pool2d(person, 3, 1, 1))
    bare, _ = spt(configuration="baseline", style="mask").renderer.sides(batch)
    found = hole(bare, SIZE)
    assert found.shape == (4, 1, *SIZE) and ((found > 0) & (person > 0)).sum() > 0.8 * person.sum()


def test_without_background_network_the_whole_image_is_painted(spt, walkers, pose_network):
    generator = spt(background="none")
    phases = generator.phases(pose_network)
    losses = phases[1].losses(batch_of(walkers), phases[1].render(batch_of(walkers)))
    assert "inpainting" not in losses and generator.generate(batch_of(walkers)).shape == (
        4,
        3,
        *SIZE,
    )


def test_a_doubted_scene_moves_towards_the_mean(spt, walkers):
    sure, doubtful = (spt(configuration="ts_gt", scene_doubt=doubt) for doubt in (0.0, 0.5))
    doubtful.networks["background"].mean_scene.fill_(0.25)
    batch = batch_of(walkers)
    behind = (batch.target_parsing == 0)[:, None].expand(-1, 3, -1, -1)
    one, other = sure.generate(batch), doubtful.generate(batch)
    assert torch.allclose(other[behind], one[behind] / 2 + 0.125, atol=1e-5) and torch.equal(
        one[~behind], other[~behind]
    )


def test_only_what_a_phase_trains_changes(spt, walkers, pose_network, tmp_path):
    generator = spt()
    before = {
        name: [p.clone() for p in network.parameters()]
        for name, network in generator.networks.items()
    }
    changed: dict[int, set[str]] = {}

    def on_log(step, losses):
        changed[step] = set()
        for name, network in generator.networks.items():
            now = [p.clone() for p in network.parameters()]
            if any(not torch.equal(a, b) for a, b in zip(before[name], now, strict=True)):
                changed[step].add(name)
            before[name] = now

    quiet(generator, walkers, tmp_path, pose_network, on_log)
    assert list(changed) == list(range(1, 10))
    assert changed[2] == {"semantic"} and changed[5] == {"foreground", "background"}
    assert changed[8] == {"semantic", "foreground"}


def test_auxiliary_images_from_a_folder(spt, walkers, pose_network, tmp_path):
    folder = tmp_path / "scenes"
    folder.mkdir()
    with pytest.raises(ValueError, match=r"spt.auxiliary: .*scenes has no .jpg or .png image"):
        spt(auxiliary=str(folder)).phases(pose_network)
    Image.new("RGB", (40, 40), (255, 0, 0)).save(folder / "red.png")
    _, phase, _ = spt(auxiliary=str(folder)).phases(pose_network)
    cycle = phase.render(batch_of(walkers))
    assert torch.equal(
        cycle.auxiliary, torch.tensor([1.0, -1, -1])[None, :, None, None].expand(4, 3, *SIZE)
    )
    own = spt().phases(pose_network)[1].render(batch_of(walkers))
    person = (batch_of(walkers).source_parsing > 0)[:, None].expand(-1, 3, -1, -1)
    plates = own.auxiliary.roll(-1, 0)
    assert (plates - batch_of(walkers).source_image).abs()[person].mean() > 0.3
    assert plates[person].abs().max() < 0.35  # grey like the scene, not 220 and 30 like the person


def test_each_weight_is_a_switch(spt, walkers, pose_network):
    def losses(**changes):
        phase = spt(**changes).phases(pose_network)[1]
        return phase.losses(batch_of(walkers), phase.render(batch_of(walkers)))

    assert list(losses()) == ["pose", "content", "style", "warp", "inpainting"]
    for name in ("pose", "content", "style", "warp"):
        left = losses(**{f"lambda_{name}": 0.0})
        assert name not in left and len(left) == 4
    assert {"gan_appearance", "gan_face", "gan_background"} <= set(losses(**GANS))
    doubled, once = losses(lambda_style=4.0)["style"], losses()["style"]
    assert doubled.item() == pytest.approx(2 * once.item(), rel=1e-4)
    assert (
        len({losses(style=style)["style"].item() for style in ("semantic", "mask", "patch")}) == 3
    )
    deep = losses(
        perceptual="pose_network",
        content_layers=("rgb", "relu1_2", "relu2_1"),
        style_layers=("relu2_1",),
    )
    assert deep["content"] > losses()["content"] and deep["style"] != once


def test_the_loss_falls_on_one_batch(spt, walkers, pose_network):
    for phase in spt().phases(pose_network):
        batch = batch_of(walkers)
        optimiser = torch.optim.Adam(
            phase.network.parameters(), 5e-3 if phase.name != "joint" else 1e-3
        )
        totals = []
        for _ in range(25):
            optimiser.zero_grad()
            total = sum(phase.losses(batch, phase.render(batch)).values())
            total.backward()
            optimiser.step()
            totals.append(total.item())
        assert totals[-1] < (0.85 if phase.name != "joint" else 0.98) * totals[0], phase.name


@pytest.mark.parametrize("stop", [3, 8])
def test_killed_and_resumed_equals_unbroken(spt, walkers, pose_network, tmp_path, stop):
    """The run is killed in the semantic or in the joint phase; all discriminators are in use."""

    def killed(step, losses):
        if step == stop:
            raise KeyboardInterrupt

    def made():
        return spt(**GANS, image_pool=3)

    whole, broken = made(), made()
    quiet(whole, walkers, tmp_path / "whole", pose_network)
    with pytest.raises(KeyboardInterrupt):
        quiet(made(), walkers, tmp_path / "broken", pose_network, killed)
    assert quiet(broken, walkers, tmp_path / "broken", pose_network).iterations < 9
    assert all(
        torch.equal(one, other) for one, other in zip(weights(whole), weights(broken), strict=True)
    )
    assert (tmp_path / "whole" / "losses.csv").read_bytes() == (
        tmp_path / "broken" / "losses.csv"
    ).read_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"configuration": "baseline", "style": "mask"},
        {"configuration": "baseline", "style": "patch", "background": "none", "lambda_pose": 0.0},
        {"configuration": "ts_pred", "skips": "parts", "copy_warped": False, "lambda_warp": 0.0},
        {"configuration": "ts_gt", "skips": "plain", "gan": "lsgan"},
    ],
)
def test_every_configuration_trains(spt, walkers, pose_network, tmp_path, changes):
    generator = spt(iterations=1, **changes, **GANS)
    needed = pose_network if generator.uses_pose_network else None
    assert generator.uses_pose_network == ("lambda_pose" not in changes)
    quiet(generator, walkers, tmp_path, needed)
    output = generator.generate(batch_of(walkers))
    assert (
        output.shape == (4, 3, *SIZE) and output.dtype == torch.float32 and output.abs().max() <= 1
    )


def test_finished_generator_is_rebuilt(spt, walkers, tmp_path):
    generator = spt(scene_doubt=0.5)
    save_generator(generator, tmp_path / "generator.pt", {})
    again = load_generator(tmp_path / "generator.pt", "cpu")
    assert again.params == generator.params
    blank = replace(batch_of(walkers), target_parsing=torch.zeros(4, *SIZE, dtype=torch.int64))
    assert torch.allclose(again.generate(blank), generator.generate(batch_of(walkers)), atol=1e-5)
    assert torch.equal(again.predict_parsing(blank), generator.predict_parsing(blank))


def test_equal_seeds_give_equal_weights(spt):
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    one, other = spt(), spt()
    assert all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))
    assert torch.equal(torch.rand(1), wanted)


def test_a_person_without_torso_does_no_harm(spt, walkers, pose_network):
    batch = batch_of(walkers)
    lost = replace(batch, source_keypoints=torch.full_like(batch.source_keypoints, -1.0))
    assert not body_parts.usable(lost.source_keypoints, SIZE).any()
    for phase in spt(**GANS).phases(pose_network)[1:]:
        losses, slopes = gradients(spt, phase, lost)
        assert all(torch.isfinite(value) for value in losses.values()) and all(
            slope.isfinite().all() for slope in slopes
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"configuration": "both"},
            "spt.configuration is 'both'; it must be one of baseline, ts_pred, ts_gt, e2e",
        ),
        ({"style": "gram"}, "spt.style is 'gram'; it must be one of semantic, mask, patch"),
        ({"skips": "none"}, "spt.skips is 'none'; it must be one of parts, flow, plain"),
        (
            {"image_size": (30, 16)},
            r"image_size is \(30, 16\); with semantic.levels 3 both sides must be multiples of 4",
        ),
        (
            {"pose_masks": False, "pose_heat_maps": False},
            "pose_heat_maps and pose_masks are both false",
        ),
        ({"lambda_warp": -1.0}, "spt.lambda_warp is -1.0; it must not be negative"),
        (
            {"style_layers": ("relu2_1",)},
            "spt.perceptual is none but the layers are .* name a network for layers",
        ),
        (
            {"configuration": "baseline"},
            "spt.configuration baseline has no parsing maps; set style to mask or patch",
        ),
        (
            {"scene_doubt": 0.5, "background": "none"},
            "spt.scene_doubt is 0.5; .* be 0 if background is none",
        ),
    ],
)
def test_senseless_params(spt, changes, message):
    with pytest.raises(ValueError, match=message):
        spt(**changes)


def test_what_is_missing_is_named(spt, walkers, pose_network):
    with pytest.raises(
        ValueError,
        match="spt needs a trained pose network for its losses; run `augment train-pose-network`",
    ):
        spt().phases()
    with pytest.raises(
        ValueError,
        match="spt needs parsing maps, and the batch has none; set spt.parsing to from_keypoints",
    ):
        spt().generate(replace(batch_of(walkers), source_parsing=None, target_parsing=None))
    with pytest.raises(ValueError, match="spt.configuration baseline predicts no parsing maps"):
        spt(configuration="baseline", style="mask").predict_parsing(batch_of(walkers))


def test_parsing_picture(spt, walkers, pose_network):
    phase = spt().phases(pose_network)[0]
    picture = phase.picture(phase.render(batch_of(walkers)))
    assert picture.shape == (4, 3, *SIZE) and len(parsing.LABELS) == 10
