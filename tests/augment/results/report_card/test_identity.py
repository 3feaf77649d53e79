"""What the re-ID judge says, against loops over images."""

import numpy as np
import pytest
import torch
import yaml

from augment.results.report_card import identity
from augment.results.report_card.settings import JudgeParams

JUDGE = JudgeParams("inception", "iterations")


def cosine(a, b):
    a, b = a.double().numpy(), b.double().numpy()
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.fixture
def features():
    return torch.randn(12, 5, generator=torch.Generator().manual_seed(0))


def test_the_person_is_the_mean_of_their_other_images(features):
    pids = np.array([7, 7, 3, 7, 3, 3])
    held, pairs = features[:6], torch.tensor([[0, 1], [3, 0], [2, 4], [5, 2]])
    found = identity.cosine_to_identity(features[6:10], pairs, held, pids)
    for number, (source, target) in enumerate(pairs.tolist()):
        others = [
            row for row in range(6) if pids[row] == pids[source] and row not in (source, target)
        ]
        person = sum(held[row] / held[row].norm() for row in others)
        assert float(found[number]) == pytest.approx(cosine(features[6 + number], person), abs=1e-5)
    alone = identity.cosine_to_identity(
        features[6:7], torch.tensor([[0, 1]]), features[:5], np.array([1, 1, 2, 2, 2])
    )
    assert alone.isnan().all()


def test_an_image_is_nearest_to_itself(features):
    distance, row = identity.nearest(features[[4, 9]], features)
    assert row.tolist() == [4, 9] and distance.abs().max() < 1e-6
    distance, row = identity.nearest(features[:4], features[4:])
    for number in range(4):
        wanted = [1 - cosine(features[number], other) for other in features[4:]]
        assert float(distance[number]) == pytest.approx(min(wanted), abs=1e-5) and int(
            row[number]
        ) == int(np.argmin(wanted))


def test_spread_is_the_mean_distance_between_two_of_a_group(features):
    groups = torch.tensor([5, 2, 5, 5, 2, 9, 9, 9, 9, 2, 2, 5])
    found = identity.spread(features, groups)
    for number, group in enumerate((2, 5, 9)):
        rows = (groups == group).nonzero()[:, 0].tolist()
        wanted = [1 - cosine(features[a], features[b]) for a in rows for b in rows if a != b]
        assert float(found[number]) == pytest.approx(np.mean(wanted), abs=1e-5)
    assert identity.spread(features[[0, 0, 0]], torch.zeros(3)).abs().max() < 1e-6


def test_the_judge_is_the_model_of_all_real_images(project):
    judge = identity.load_judge(JUDGE, "cpu")
    assert (
        str(judge.file) == "models/reid/iterations/inception/none/1.0/seed0/weights.pt"
        and not judge.model.training
    )
    pixels = torch.randint(
        0, 256, (3, 3, 64, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    assert judge.features(pixels).shape[0] == 3 and judge.features(pixels[:0]).shape[0] == 0
    judge.file.unlink()
    assert identity.load_judge(JUDGE, "cpu") is None
    assert (
        identity.train_command(JUDGE)
        == "augment train-reid --model inception --portion 1.0 --budget iterations"
    )


def test_a_judge_of_other_params_is_refused(project):
    every = yaml.safe_load((project / "params.yaml").read_text())
    every["reid"]["inception"]["network"]["embedding"] = 17
    (project / "params.yaml").write_text(yaml.safe_dump(every))
    with pytest.raises(
        ValueError,
        match="weights.pt: does not fit the model that params.yaml describes under reid.inception",
    ):
        identity.load_judge(JUDGE, "cpu")
