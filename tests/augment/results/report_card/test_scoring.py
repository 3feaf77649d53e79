"""All metrics of images whose scores are known: the real targets themselves, and the sources."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from augment.pretrained.weights import Unavailable
from augment.results.report_card import identity
from augment.results.report_card.metrics import METRICS, keys_of
from augment.results.report_card.pairs import held_out
from augment.results.report_card.pose import Finder
from augment.results.report_card.render import Rendered, Renderer, render, renderer
from augment.results.report_card.scoring import entry, score
from augment.results.report_card.settings import DiversityParams, EvaluationParams, JudgeParams
from generators.body.parsing import one_hot
from generators.metrics.intervals import mean_interval

SIZE = (64, 32)
SETTINGS = EvaluationParams(
    None, 0, SIZE, JudgeParams("inception", "iterations"), DiversityParams(4, 3), 50, 8
)
NO_POSE = Unavailable("no pose network here", "nowhere.pt")


def knowing(images) -> Finder:
    """A finder that knows the joints: it recognises images by their bytes."""
    known = {
        pixels.numpy().tobytes(): points
        for pixels, points in zip(images.pixels, images.keypoints, strict=True)
    }
    return Finder(
        "known", lambda pixels: torch.stack([known[one.numpy().tobytes()] for one in pixels])
    )


@pytest.fixture
def copied(project) -> Rendered:
    """Sources for outputs."""
    return render(
        renderer("copy_source", None, SIZE, "cpu"), held_out("mini_market", 40, 0), SETTINGS
    )


@pytest.fixture
def perfect(copied) -> Rendered:
    """Targets for outputs, in the target's scene."""
    pairs = torch.cat([copied.held.pairs, copied.several])
    outputs = copied.images.pixels[pairs[:, 1]]
    seeing = replace(copied.renderer, sees=("target background", "target colours"))
    return replace(copied, renderer=seeing, outputs=outputs, cut=outputs[: len(copied.held.pairs)])


def scored(rendered, finder=NO_POSE):
    return score(
        rendered, identity.load_judge(SETTINGS.judge, "cpu"), finder, SETTINGS, torch.device("cpu")
    )


def test_the_target_itself_is_perfect(perfect):
    found = scored(perfect, knowing(perfect.images))
    assert set(found.metrics) == set(METRICS) - {"miou"}
    value = {key: one.value for key, one in found.metrics.items() if hasattr(one, "value")}
    for key in ("ssim", "mask_ssim", "pckh", "pckh_euclidean", "pckh_real"):
        assert value[key] == pytest.approx(1, abs=1e-9)
    assert value["l1"] == 0 and found.metrics["reid_frechet"] == pytest.approx(0, abs=1e-3)
    for key in ("identity_mAP", "identity_rank1", "identity_cosine", "diversity", "memorisation"):
        assert value[key] == pytest.approx(value[f"{key}_real"], abs=1e-5), key
    assert 0 < value["diversity"] and 0 < value["memorisation"]


def test_a_copied_source(copied):
    found = scored(copied)
    metrics, frame = found.metrics, found.pairs
    assert (
        len(frame) == 40 and (frame[["source", "target", "pid"]] == copied.held.frame()).all().all()
    )
    assert metrics["diversity"].value < 1e-9 < metrics["diversity_real"].value
    source, target = (copied.images.pixels[rows].double() for rows in copied.held.pairs.T)
    assert np.allclose(frame["l1"], (source - target).abs().mean((1, 2, 3)) / 127.5)
    # Interval and mean are those of the column, by identities.
    for key, metric in METRICS.items():
        assert (metric.of_pairs(frame) is None) or metric.scorer in ("similarity", "identity")
        if metric.column is not None and metric.scorer in ("similarity", "identity"):
            assert metrics[key] == mean_interval(frame[metric.column], frame["pid"], None, 50, 0)
            assert metrics[key].low <= metrics[key].value <= metrics[key].high
    assert (
        metrics["pckh"] is metrics["pckh_euclidean_real"] is NO_POSE and "pckh_right" not in frame
    )
    distances = [one["distance"] for one in found.closest]
    assert distances == sorted(frame["nearest_distance"])[: len(distances)] and len(distances) == 16
    assert all(frame["nearest"][one["output"]] == one["training"] for one in found.closest)
    assert found.seconds.keys() == {
        "render",
        "similarity",
        "pose",
        "parsing",
        "identity",
        "outside",
    }


def test_every_key_is_a_number_or_says_why_not(copied):
    metrics = score(
        copied, Unavailable("no judge", "judge.pt"), NO_POSE, SETTINGS, torch.device("cpu")
    ).metrics
    entries = {key: entry(one) for key, one in metrics.items()}
    assert entries["identity_mAP"] == {"unavailable": "no judge", "file": "judge.pt"}
    assert all("unavailable" in entries[key] for key in keys_of("identity"))
    assert entries["ssim"].keys() == {"value", "low", "high"} and metrics.keys() >= {
        *keys_of("outside")
    }
    assert entries["pckh_real"]["file"] == "nowhere.pt"


def test_miou_of_predicted_parsing_maps(copied):
    """A system whose predicted map has background in every fourth row of pixels."""
    held = copied.held
    images = held.images(SIZE, "files")

    class Half:
        predicts_parsing, parsing = True, "files"

        class params:
            image_size, parsing, sigma_px = SIZE, "files", 1.5

        def predict_parsing(self, batch):
            assert batch.target_image.abs().max() == 0 and batch.target_parsing.max() == 0
            rows = [
                next(r for r in range(len(images)) if torch.equal(images.keypoints[r], one))
                for one in batch.target_keypoints
            ]
            predicted = images.parsing[rows].long()
            predicted[:, ::4] = 0
            return predicted

    drawing = Renderer("half", SIZE, (), Half(), None, copied.renderer.start)
    found = scored(replace(copied, renderer=drawing)).metrics["miou"]
    true = images.parsing[held.pairs[:, 1]].long()
    predicted = true.clone()
    predicted[:, ::4] = 0
    both = (one_hot(true).bool() & one_hot(predicted).bool()).sum((0, 2, 3))
    either = (one_hot(true).bool() | one_hot(predicted).bool()).sum((0, 2, 3))
    wanted = float((both / either)[either > 0].mean())
    assert found.value == pytest.approx(wanted, abs=1e-6) and found.low < found.value < found.high
