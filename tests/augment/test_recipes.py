"""Every re-ID model of every shipped file trains in a small version.

Sizes are smaller, without ImageNet weights, for two updates.
"""

import dataclasses
import tempfile
from pathlib import Path

import pytest
import torch

from augment.params import load, raw
from augment.profiles.rendering import rendered
from reid.data import ReidSet
from reid.generated import GeneratedParams
from reid.params import ReidParams, learning_rate_factor, plan
from reid.training import train

FOLDER = Path(tempfile.mkdtemp())
FILES = {
    f"{name}.yaml": FOLDER / f"{name}.yaml" for name in ("mini", "market1501", "market1501_cpu")
}
for name in FILES.values():
    name.write_text(rendered(name.stem))


def people():
    pixels = torch.randint(
        0, 256, (32, 3, 64, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    return ReidSet(
        pixels, torch.arange(32) // 4 + 1, torch.arange(32) % 4, torch.zeros(32, dtype=torch.bool)
    )


@pytest.mark.parametrize(
    ("file", "name"), [(file, name) for file, path in FILES.items() for name in raw("reid", path)]
)
def test_trains(tmp_path, file, name):
    params = load(ReidParams, f"reid.{name}", FILES[file])
    small = dataclasses.replace(
        params,
        image_size=(64, 32),
        network=dataclasses.replace(params.network, pretrained=False),
        iterations=2,
        batch_size=8,
        statistics_batches=min(1, params.statistics_batches),
    )
    generated = load(GeneratedParams, "generated", FILES[file])
    trained = train(people(), small, "iterations", generated, 0, tmp_path)
    assert 0 < trained.loss < 200 and trained.num_classes == 8
    assert (trained.degenerate_pairs is None) == (params.sampler == "shuffled")


def test_the_papers_models_are_there():
    names = {
        "inception",
        "resnet50",
        "resnet50_circle",
        "resnet50_circle_pairs",
        "resnet50_strong",
        "osnet_x1_0",
        "osnet_x0_25",
    }
    assert names <= raw("reid", FILES["market1501.yaml"]).keys()


def test_open_reid_s_recipes_to_the_update():
    """Rates and milestones on Market-1501's 12,936 images.

    Batches have 64 images; the rate is 0.1 per 256, and a tenth of that for pretrained layers.
    """
    for name, epochs, milestone, base in (("inception", 70, 60, 1.0), ("resnet50", 50, 40, 0.1)):
        params = load(ReidParams, f"reid.{name}", FILES["market1501.yaml"])
        planned = plan(12936, params, "epochs")
        assert (planned.iterations, planned.images_per_epoch) == (epochs * 202, 202 * 64)
        factors = [
            learning_rate_factor(step, planned.iterations, params)
            for step in range(planned.iterations)
        ]
        assert factors.count(1.0) == milestone * 202 and factors[-1] == pytest.approx(0.1)
        assert (params.learning_rate, params.base_factor) == (0.1 / 256 * 64, base)
        assert (params.network.embedding, params.network.dropout, params.features) == (
            128,
            0.5,
            "logits",
        )


def test_bag_of_tricks_to_the_update():
    params = load(ReidParams, "reid.resnet50_strong", FILES["market1501.yaml"])
    planned = plan(12936, params, "epochs")
    factors = [
        learning_rate_factor(step, planned.iterations, params) for step in range(planned.iterations)
    ]
    assert planned.iterations == params.iterations == 120 * 202
    assert factors[10 * 202 : 40 * 202] == [1.0] * (30 * 202)
    assert factors[40 * 202] == factors[70 * 202 - 1] == pytest.approx(0.1) and factors[
        70 * 202
    ] == pytest.approx(0.01)
