"""What each renderer draws, and what it does not receive."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from augment.prepared import index
from augment.results.report_card.pairs import held_out
from augment.results.report_card.render import known, render, renderer
from augment.results.report_card.settings import DiversityParams, EvaluationParams, JudgeParams
from generators.training.pairs import make_batch
from generators.training.sheets import to_bytes

SIZE = (64, 32)


@pytest.fixture
def held(project):
    return held_out("mini_market", 7, 0)


def rendered(name, held, batch_size=3):
    return torch.cat(list(renderer(name, None, SIZE, "cpu").outputs(held, held.pairs, batch_size)))


def test_references(project, held):
    images = held.images(SIZE)
    assert torch.equal(rendered("copy_source", held), images.pixels[held.pairs[:, 0]])
    rows = index.read(project / "data/prepared/index.csv")
    training = []
    for path in rows["path"][rows["split"] == "train"]:
        with Image.open(project / "data/prepared" / path) as image:
            training.append(
                np.asarray(image.resize((32, 64), Image.Resampling.BILINEAR), np.float64)
            )
    mean = rendered("mean_image", held)
    assert mean.shape == (7, 3, *SIZE) and mean.dtype == torch.uint8 and (mean == mean[0]).all()
    assert np.abs(mean[0].permute(1, 2, 0).numpy() - np.mean(training, 0)).max() <= 0.5 + 1e-6


def test_a_trained_generator_renders_what_it_generates(held):
    found = renderer("patn", None, SIZE, "cpu")
    assert (
        found.size == (32, 16)
        and found.sees == ("source image", "source pose", "target pose")
        and found.trained_on
    )
    whole = make_batch(held.images((32, 16)), held.pairs, found.generator.params.sigma_px, "cpu")
    assert torch.equal(rendered("patn", held, 7), to_bytes(found.generator.generate(whole)))
    # In smaller batches sums may round otherwise.
    assert (rendered("patn", held, 2).int() - rendered("patn", held, 7).int()).abs().max() <= 1


@pytest.mark.parametrize(
    ("name", "sees_target"), [("patn", False), ("puppet-pose", False), ("puppet", True)]
)
def test_only_what_a_card_says_is_seen_of_the_target(project, name, sees_target):
    held = held_out("mini_market", None, 0)
    target = int(held.pairs[0, 1])
    # Pairs with this target, of which none has it for a source.
    held = replace(held, pairs=held.pairs[held.pairs[:, 1] == target])
    before = rendered(name, held)
    noise = np.random.default_rng(0).integers(0, 255, (128, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(project / "data/prepared" / held.rows["path"][target])
    assert torch.equal(rendered(name, held), before) != sees_target
    assert ("target background" in renderer(name, None, SIZE, "cpu").sees) == sees_target


def test_more_images_of_some_sources(held):
    settings = EvaluationParams(
        7, 0, SIZE, JudgeParams("inception", "iterations"), DiversityParams(2, 2), 10, 4
    )
    made = render(renderer("copy_source", None, SIZE, "cpu"), held, settings)
    assert len(made.outputs) == 7 + len(made.several) and len(made.paired) == 7
    assert torch.equal(made.outputs[7:], made.images.pixels[made.several[:, 0]])
    assert torch.equal(made.targets, made.images.pixels[held.pairs[:, 1]])


@pytest.mark.parametrize(
    ("name", "portion", "message"),
    [
        (
            "pix2pix",
            None,
            "unknown generator 'pix2pix'; available: apatn, copy_source, mean_image, patn, puppet, puppet-pose, ",
        ),
        (
            "spt",
            None,
            "models/full/spt/generator.pt: not found; run `augment train-generator --generator spt` first",
        ),
        (
            "patn",
            0.4,
            "reduced/0.4/patn/generator.pt: not found; run `augment train-generator --generator patn --portion 0.4`",
        ),
        (
            "puppet",
            0.4,
            "puppet is not trained, so --portion 0.4 has no meaning; leave it out",
        ),
    ],
)
def test_errors(project, name, portion, message):
    with pytest.raises((ValueError, FileNotFoundError)) as raised:
        renderer(name, portion, SIZE, "cpu")
    assert message in str(raised.value)
    assert "pose_network" not in known()
