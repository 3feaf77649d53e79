import dataclasses

import pytest
import torch
from reid_toy import PARAMS, coloured_people, train

from reid.data import normalise
from reid.generated import own_identity

PARAMS = dataclasses.replace(PARAMS, precision="float32")


def test_it_is_the_log_probability_of_the_own_class(tmp_path):
    people = coloured_people(4, 4, seed=0)
    people = dataclasses.replace(people, pids=people.pids * 10)
    model = train(people, dataclasses.replace(PARAMS, iterations=20), 0, tmp_path).model
    shown = coloured_people(4, 1, seed=5)
    shown = dataclasses.replace(shown, pids=shown.pids * 10)
    scores = own_identity(model, shown, torch.tensor([10, 20, 30, 40]), PARAMS)
    with torch.inference_mode():
        logits = model(normalise(shown.pixels))[-1]
    for row, (score, pid) in enumerate(zip(scores.tolist(), shown.pids.tolist(), strict=True)):
        assert score == pytest.approx(logits[row].softmax(0)[pid // 10 - 1].log().item(), abs=1e-4)


def test_strangers_and_models_of_other_sets_are_refused(tmp_path):
    people = coloured_people(4, 4, seed=0)
    model = train(people, dataclasses.replace(PARAMS, iterations=1), 0, tmp_path).model
    with pytest.raises(
        ValueError, match="identity 4 is not among the 4 identities that the model was trained on"
    ):
        own_identity(model, people, torch.tensor([1, 2, 3, 5]), PARAMS)
    with pytest.raises(
        ValueError,
        match="the model has 4 classes, not 3: it was trained on another set; train it again",
    ):
        own_identity(model, people, torch.tensor([1, 2, 3]), PARAMS)
