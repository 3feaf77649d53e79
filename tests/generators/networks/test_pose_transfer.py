"""The common part of PATN and APATN, tested with PATN."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from generators.body.pose import limb_distances, person_mask
from generators.networks.pose_attention import Discriminator
from generators.networks.pose_transfer import appearance_judged, shape_judged
from generators.networks.transfer_params import DiscriminatorParams
from generators.pose_network.pose_network import PoseNetwork
from generators.training.checkpoint import load_generator, read_trained_on, save_generator
from generators.training.pairs import make_batch


@pytest.mark.parametrize("kind", ["batch", "instance"])
def test_discriminator_gives_a_map_of_scores(kind):
    network = Discriminator(21, DiscriminatorParams(ndf=4, blocks=3, norm=kind, dropout=0.0))
    assert network(torch.randn(2, 21, 32, 16)).shape == (2, 1, 8, 4)
    shallow = Discriminator(21, DiscriminatorParams(ndf=4, blocks=0, norm=kind, dropout=0.0))
    assert len(list(network.parameters())) > len(list(shallow.parameters()))


def test_discriminators_are_shown_the_right_images(people):
    batch = make_batch(people[0], people[1][:2], 1.5, "cpu")
    output = torch.zeros_like(batch.target_image)
    real, fake = appearance_judged(batch, output)
    assert torch.equal(real, torch.cat([batch.target_image, batch.source_image], 1))
    assert torch.equal(fake, torch.cat([output, batch.source_image], 1))
    real, fake = shape_judged(batch, output)
    assert torch.equal(real, torch.cat([batch.target_image, batch.target_pose], 1))
    assert torch.equal(fake, torch.cat([output, batch.target_pose], 1))


@pytest.mark.parametrize("gan", ["vanilla", "lsgan"])
def test_losses_are_the_weighted_terms_of_equation_9(patn, people, gan):
    generator = patn(lambda_gan=5.0, lambda_l1=2.0, gan=gan)
    (phase,) = generator.phases()
    batch = make_batch(people[0], people[1][:2], 1.5, "cpu")
    output = phase.render(batch)
    losses = phase.losses(batch, output)
    assert list(losses) == ["l1", "gan_appearance", "gan_shape"]
    assert losses["l1"].item() == pytest.approx(
        2 * (output - batch.target_image).abs().mean().item(), rel=1e-5
    )

    def judged(logits, real):
        if gan == "lsgan":
            return (logits - real).square().mean().item()
        return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, real)).item()

    for adversary in phase.adversaries:
        real, fake = adversary.judged(batch, output.detach())
        scores = adversary.network(real), adversary.network(fake)
        assert losses[f"gan_{adversary.name}"].item() == pytest.approx(
            5 / 2 * judged(scores[1], 1.0), rel=1e-4
        )
        terms = adversary.losses(real, fake)
        assert terms["real"].item() == pytest.approx(5 / 2 * judged(scores[0], 1.0), rel=1e-4)
        assert terms["fake"].item() == pytest.approx(5 / 2 * judged(scores[1], 0.0), rel=1e-4)


def test_person_weight_counts_the_limbs_more(patn, people):
    (phase,) = patn(person_weight=3.0, lambda_gan=0.0, lambda_l1=2.0).phases()
    batch = make_batch(people[0], people[1][:2], 1.5, "cpu")
    output = phase.render(batch)
    distances = limb_distances(batch.target_keypoints, (32, 16)).amin(1, keepdim=True)
    weight = 1 + 3 * torch.exp(-(distances**2) / (2 * 1.6**2))
    mask = person_mask(batch.target_keypoints, (32, 16))
    assert mask.shape == (2, 1, 32, 16) and mask.max() > 0.99 and mask.min() < 0.1
    wanted = 2 * ((output - batch.target_image).abs() * weight).sum() / (3 * weight.sum())
    assert phase.losses(batch, output)["l1"].item() == pytest.approx(wanted.item(), rel=1e-4)


def test_without_gan_there_are_no_discriminators(patn, people):
    (phase,) = patn(lambda_gan=0.0).phases()
    batch = make_batch(people[0], people[1][:2], 1.5, "cpu")
    assert phase.adversaries == () and list(phase.losses(batch, phase.render(batch))) == ["l1"]


def test_perceptual_term(patn, people, monkeypatch):
    weights = {
        f"features.{name}": torch.ones(shape)
        for name, shape in {
            "0.weight": (64, 3, 3, 3),
            "0.bias": 64,
            "2.weight": (64, 64, 3, 3),
            "2.bias": 64,
        }.items()
    }
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *args, **kwargs: weights)
    (phase,) = patn(perceptual="vgg19", lambda_perceptual=3.0).phases()
    batch = make_batch(people[0], people[1][:2], 1.5, "cpu")
    assert phase.losses(batch, phase.render(batch))["perceptual"] > 0
    assert phase.losses(batch, batch.target_image)["perceptual"] == 0


def test_perceptual_term_of_the_pose_network(patn, people):
    generator = patn(perceptual="pose_network", lambda_perceptual=3.0)
    assert generator.uses_pose_network and not patn().uses_pose_network
    (phase,) = generator.phases(PoseNetwork(4, 1, (32, 16)).eval().requires_grad_(False))
    batch = make_batch(people[0], people[1][:2], 1.5, "cpu")
    assert phase.losses(batch, phase.render(batch))["perceptual"] > 0
    assert phase.losses(batch, batch.target_image)["perceptual"] == 0
    with pytest.raises(ValueError, match="run `augment train-pose-network` first"):
        generator.phases()


def test_equal_seeds_give_equal_weights(patn):
    first, second, other = (
        patn(seed=seed).networks["network"].decoder[0].weight for seed in (1, 1, 2)
    )
    assert torch.equal(first, second) and not torch.equal(first, other)


def test_making_a_generator_leaves_the_random_state_alone(patn):
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    patn().phases()
    assert torch.equal(torch.rand(1), wanted)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"image_size": (30, 16)},
            r"patn.image_size is \(30, 16\); both sides must be multiples of 4, at least 16",
        ),
        ({"person_weight": -1.0}, "patn.person_weight is -1.0; it must not be negative"),
        ({"blocks": 0}, "patn.blocks is 0 and downsamplings 2; both must be at least 1"),
        (
            {"block": "apatb"},
            "patn.block is 'apatb'; it must be one of patb, without_add, without_cat, resnet",
        ),
        ({"gan": "hinge"}, "patn.gan is 'hinge'; it must be one of vanilla, lsgan"),
        (
            {"perceptual": "lpips"},
            "patn.perceptual is 'lpips'; it must be one of none, vgg19, vgg16, pose_network",
        ),
        (
            {"lambda_perceptual": 1.0},
            "patn.perceptual is none but lambda_perceptual is 1.0; set both",
        ),
    ],
)
def test_senseless_params(params, change, message):
    with pytest.raises(ValueError, match=message):
        replace(params, **change)


def test_finished_generator_is_rebuilt(patn, people, tmp_path):
    generator = patn()
    generator.networks["network"](
        torch.randn(4, 3, 32, 16), *torch.rand(2, 4, 18, 32, 16)
    )  # moves the running statistics
    save_generator(generator, tmp_path / "generator.pt", {"portion": 0.3, "pids": [1, 2]})
    again = load_generator(tmp_path / "generator.pt", "cpu")
    assert again.params == generator.params and read_trained_on(tmp_path / "generator.pt") == {
        "portion": 0.3,
        "pids": [1, 2],
    }
    batch = make_batch(people[0], people[1][:3], 1.5, "cpu")
    assert torch.equal(again.generate(batch), generator.generate(batch))
    assert [path.name for path in tmp_path.iterdir()] == ["generator.pt"]
