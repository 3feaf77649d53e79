import dataclasses
import logging
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from reid_toy import AS_THEY_COME, NO_AUGMENT, PARAMS, coloured_people, train

from reid.data import concatenate, normalise
from reid.evaluation import score
from reid.losses import ClassCircle, LossParams, Triplet
from reid.params import learning_rate_factor, plan
from reid.sampling import Batches
from reid.training import CHECKPOINT, check

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_same(one, two):
    assert one.keys() == two.keys()
    for name in one:
        assert torch.equal(one[name], two[name]), name


# Params and plans


def test_an_unknown_backbone_is_named():
    with pytest.raises(
        ValueError,
        match="unknown backbone 'inceptoin'; available: inception, resnet50, and torchreid's",
    ):
        dataclasses.replace(PARAMS, backbone="inceptoin")


def test_plan_of_epochs_drops_the_incomplete_batch():
    planned = plan(50, dataclasses.replace(PARAMS, epochs=3, batch_size=16), "epochs")
    assert (planned.batch_size, planned.iterations, planned.images_per_epoch, planned.notes) == (
        16,
        9,
        48,
        (),
    )


def test_plan_of_iterations_is_the_same_for_every_set():
    for size in (16, 50, 1000):
        assert plan(size, PARAMS, "iterations").iterations == PARAMS.iterations


@pytest.mark.parametrize("budget", ["epochs", "iterations"])
def test_a_small_set_shrinks_the_batch_and_says_so(budget):
    planned = plan(10, PARAMS, budget)
    assert planned.batch_size == 10
    assert planned.notes == ("batch_size lowered from 16 to 10: the set has no more images",)
    assert planned.iterations == {"epochs": 3, "iterations": 40}[budget]
    with pytest.raises(ValueError, match="the training set has 1 images"):
        plan(1, PARAMS, budget)


def test_step_schedule_is_open_reids():
    """The rate is multiplied by 0.1 after 40 of 50 epochs."""
    params = dataclasses.replace(
        PARAMS, schedule="step", step_at=(0.8,), step_factor=0.1, warmup=0.0
    )
    factors = [learning_rate_factor(step, 500, params) for step in range(500)]
    assert factors[:400] == [1.0] * 400 and factors[400:] == pytest.approx([0.1] * 100)


def test_step_schedule_of_bag_of_tricks():
    """The rate rises over 10 epochs, then falls tenfold after 40 and 70 of 120 (10 updates each)."""
    params = dataclasses.replace(
        PARAMS, schedule="step", step_at=(40 / 120, 70 / 120), step_factor=0.1, warmup=10 / 120
    )
    factors = [learning_rate_factor(step, 1200, params) for step in range(1200)]
    assert factors[0] == pytest.approx(0.01) and factors[99:400] == [1.0] * 301
    assert factors[400:700] == pytest.approx([0.1] * 300) and factors[700:] == pytest.approx(
        [0.01] * 500
    )


def test_cosine_schedule_with_warmup():
    params = dataclasses.replace(PARAMS, schedule="cosine", warmup=0.1)
    factors = [learning_rate_factor(step, 100, params) for step in range(100)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert factors[55] == pytest.approx(0.5 * (1 + math.cos(math.pi / 2)))
    assert (
        factors[99] == pytest.approx(0.5 * (1 + math.cos(math.pi * 89 / 90)))
        and min(factors[10:]) == factors[99]
    )


def test_constant_schedule():
    params = dataclasses.replace(PARAMS, schedule="constant", warmup=0.0)
    assert {learning_rate_factor(step, 10, params) for step in range(10)} == {1.0}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"optimiser": "lion"}, "optimiser 'lion' is not one of sgd, adam, adamw"),
        ({"features": "pixels"}, "features 'pixels' is not one of embedding, logits"),
        ({"iterations": 0}, "iterations must be at least 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be positive, got 0.0"),
        ({"weight_decay": -1.0}, "weight_decay must not be negative, got -1.0"),
        (
            {"step_at": (0.5, 1.0)},
            r"step_at must contain shares of the run, in \(0, 1\), got \[0.5, 1.0\]",
        ),
        ({"images_per_identity": 1}, "images_per_identity must be at least 2, got 1"),
        (
            {"loss": LossParams("softmax", Triplet("triplet", "pooled", 0.3, 1.0))},
            "which shuffled batches lack: set sampler",
        ),
        (
            {"loss": LossParams(ClassCircle("circle", 64.0, 0.35), None)},
            "head bnneck_cosine must be used together: .* head is linear",
        ),
        ({"warmup": 1.0}, r"warmup must lie in \[0, 1\), got 1.0"),
        ({"image_size": (0, 16)}, r"image_size must be \(height, width\) in pixels, got \(0, 16\)"),
    ],
)
def test_params_are_checked(fields, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PARAMS, **fields)


def test_sets_are_checked():
    people = coloured_people(4, 4, seed=0)
    pids = people.pids.clone()
    pids[:3] = torch.tensor([-1, 0, 0])
    with pytest.raises(ValueError, match="3 training images have pid -1"):
        check(dataclasses.replace(people, pids=pids), PARAMS, "iterations", AS_THEY_COME)
    with pytest.raises(ValueError, match="32 x 16 px, are larger than image_size 16 x 16"):
        check(people, dataclasses.replace(PARAMS, image_size=(16, 16)), "iterations", AS_THEY_COME)
    with pytest.raises(ValueError, match="a batch of 16 images cannot be shared by 3 processes"):
        check(people, PARAMS, "iterations", AS_THEY_COME, num_processes=3)


# Training


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_learns_what_is_easy(tmp_path, optimiser):
    params = dataclasses.replace(
        PARAMS,
        iterations=80,
        optimiser=optimiser,
        learning_rate={"sgd": 0.1, "adamw": 0.005}[optimiser],
        network=dataclasses.replace(PARAMS.network, dropout=0.0),
        augment=dataclasses.replace(NO_AUGMENT, flip=0.5),
    )
    logged = []
    trained = train(
        coloured_people(8, 8, seed=1), params, 0, tmp_path, lambda *entry: logged.append(entry)
    )
    held_out = coloured_people(8, 4, seed=2)
    scores = score(trained.model, held_out, held_out, params)
    assert scores.rank1 == 1.0 and scores.mAP > 0.95
    assert trained.accuracy > 0.9 and not trained.model.training and trained.num_classes == 8
    assert trained.degenerate_pairs is None
    assert [step for step, _ in logged] == list(range(10, 81, 10))
    assert logged[0][1].keys() == {"loss", "accuracy", "learning_rate"}
    assert logged[-1][1]["loss"] == trained.loss < logged[0][1]["loss"]


def test_resnet50_trains_with_a_slower_base(tmp_path):
    params = dataclasses.replace(
        PARAMS,
        backbone="resnet50",
        # Smaller images end one pixel wide in layer4, where oneDNN 3.x occasionally leaves part of
        # a strided convolution's weight gradient unwritten (torch 2.15 on CPUs).
        image_size=(64, 32),
        iterations=1,
        batch_size=4,
        network=dataclasses.replace(PARAMS.network, width=1.0),
        base_factor=0.0,
        weight_decay=0.0,
    )
    people = coloured_people(2, 2, seed=0)
    trained = train(people, params, 0, tmp_path / "still")
    moving = train(people, dataclasses.replace(params, base_factor=0.1), 0, tmp_path / "moving")
    still, moved = (dict(one.model.named_parameters()) for one in (trained, moving))
    assert not torch.equal(still["base.conv1.weight"], moved["base.conv1.weight"])
    assert torch.equal(still["head.classifier.weight"], moved["head.classifier.weight"])


def test_equal_seeds_give_equal_weights_and_leave_the_callers_random_state(tmp_path):
    people = coloured_people(4, 8, seed=0)
    params = dataclasses.replace(PARAMS, iterations=5)
    before = torch.get_rng_state()
    one = train(people, params, 0, tmp_path / "one")
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    assert_same(weights(one.model), weights(train(people, params, 0, tmp_path / "two").model))
    other = train(people, params, 1, tmp_path / "three")
    assert not torch.equal(one.model.head.classifier.weight, other.model.head.classifier.weight)


def test_a_finished_training_is_not_repeated(tmp_path):
    people = coloured_people(4, 8, seed=0)
    params = dataclasses.replace(PARAMS, iterations=5)
    first = train(people, params, 0, tmp_path)
    again = train(people, params, 0, tmp_path, lambda *_: pytest.fail("nothing was left to do"))
    assert again.resumed_from == 5 and (again.loss, again.accuracy) == (first.loss, first.accuracy)
    assert again.seconds == first.seconds
    assert_same(weights(first.model), weights(again.model))


def test_a_checkpoint_of_something_else_is_not_continued(tmp_path, caplog):
    people = coloured_people(4, 8, seed=0)
    params = dataclasses.replace(PARAMS, iterations=3)
    train(people, params, 0, tmp_path)
    faster = dataclasses.replace(params, learning_rate=0.06)
    changes = {
        "params": (people, faster, 0),
        "seed": (people, faster, 1),
        "data": (coloured_people(4, 8, seed=5), faster, 1),
    }
    for reason, arguments in changes.items():
        caplog.clear()
        assert train(*arguments, tmp_path).resumed_from == 0
        assert f"{tmp_path / CHECKPOINT} differs in {reason}: training starts afresh" in caplog.text
    caplog.clear()
    (tmp_path / CHECKPOINT).write_bytes((tmp_path / CHECKPOINT).read_bytes()[:1000])
    assert train(*changes["data"], tmp_path).resumed_from == 0
    assert "cannot be read" in caplog.text and "training starts afresh" in caplog.text


def test_a_shrunk_batch_is_reported(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        train(coloured_people(2, 2, seed=0), dataclasses.replace(PARAMS, iterations=1), 0, tmp_path)
    assert "batch_size lowered from 16 to 8" in caplog.text


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    people = coloured_people(4, 8, seed=0)
    params = dataclasses.replace(
        PARAMS,
        optimiser="sgd",
        learning_rate=1e18,
        schedule="constant",
        warmup=0.0,
        checkpoint_iterations=1,
    )
    message = r"(the loss is (nan|inf) at|weights are not finite after) step \d+; .*checkpoint.pt is at step \d+"
    with pytest.raises(FloatingPointError, match=message):
        train(people, params, 0, tmp_path)
    kept = torch.load(tmp_path / CHECKPOINT, weights_only=True)["model"]
    assert all(value.isfinite().all() for value in kept.values())
    with pytest.raises(FloatingPointError, match="no checkpoint exists yet; lower learning_rate"):
        train(people, dataclasses.replace(params, checkpoint_iterations=1000), 0, tmp_path / "none")


# Several processes

LONGER = dataclasses.replace(PARAMS, iterations=100, checkpoint_iterations=3)
SCRIPT = """
import sys
sys.path[:0] = [{root!r}, {here!r}]
import dataclasses, torch
torch.set_num_threads(1)
from accelerate import PartialState
from reid_toy import PARAMS, coloured_people, train
folder = sys.argv[1]
params = dataclasses.replace(PARAMS, iterations=100, checkpoint_iterations=3)
trained = train(coloured_people(6, 8, seed=0), params, 0, folder)
state = PartialState()
torch.save(trained.model.state_dict(), folder + "/weights" + str(state.process_index) + ".pt")
print(state.num_processes, flush=True)
state.destroy_process_group()
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "training_script.py"
    path.write_text(SCRIPT.format(root=str(ROOT), here=str(HERE)))
    return str(path)


def test_killed_and_continued_equals_unbroken(tmp_path, script, one_thread):
    folder = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, script, str(folder)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while (
        process.poll() is None
        and not (folder / CHECKPOINT).exists()
        and time.monotonic() < deadline
    ):
        time.sleep(0.005)
    time.sleep(random.uniform(0, 0.2))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it was killed"
    people = coloured_people(6, 8, seed=0)
    continued = train(people, LONGER, 0, folder)
    assert 0 < continued.resumed_from < 100 and continued.resumed_from % 3 == 0
    unbroken = train(people, LONGER, 0, tmp_path / "unbroken")
    assert_same(weights(continued.model), weights(unbroken.model))
    assert (continued.loss, continued.accuracy) == (unbroken.loss, unbroken.accuracy)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_stopped_at_any_step_equals_unbroken(tmp_path, one_thread, precision):
    """The same within one process, in both number formats, and with Adam's state."""
    people = coloured_people(4, 8, seed=0)
    params = dataclasses.replace(
        PARAMS, iterations=12, checkpoint_iterations=5, optimiser="adam", precision=precision
    )

    class Stop(Exception):
        pass

    def stop(step, _):
        if step == 10:
            raise Stop

    with pytest.raises(Stop):  # after step 10's update, before its checkpoint: 5 is the last
        train(people, params, 0, tmp_path / "stopped", stop)
    continued = train(people, params, 0, tmp_path / "stopped")
    unbroken = train(people, params, 0, tmp_path / "unbroken")
    assert continued.resumed_from == 5
    assert_same(weights(continued.model), weights(unbroken.model))


def test_two_processes_end_with_the_same_weights(tmp_path, script):
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [*launch, script, str(tmp_path)], capture_output=True, text=True, env=environment
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert "".join(result.stdout.split()) == "22"  # both found each other
    one, two = (torch.load(tmp_path / f"weights{rank}.pt", weights_only=True) for rank in (0, 1))
    for name in one:
        # Running statistics differ by process; before every forward pass all take the first one's.
        if "running" not in name:
            assert torch.equal(one[name], two[name]), name


def test_batch_norm_statistics_are_those_of_real_images(tmp_path):
    """Generated images are much brighter here, and must not affect the final statistics."""
    real = coloured_people(4, 4, 0)
    bright = (real.pixels.float() + 120).clamp(max=255).to(torch.uint8)
    mixed = concatenate(
        [real, dataclasses.replace(real, pixels=bright, generated=torch.ones_like(real.generated))]
    )
    params = dataclasses.replace(
        PARAMS,
        augment=NO_AUGMENT,
        precision="float32",
        iterations=3,
        batch_size=len(real),
        statistics_batches=2,
    )
    model = train(mixed, params, 0, tmp_path).model
    convolution, norm = model.base[0][:2]
    with torch.no_grad():
        expected = convolution(normalise(real.pixels)).mean((0, 2, 3))
        of_all = convolution(normalise(mixed.pixels)).mean((0, 2, 3))
    assert torch.allclose(norm.running_mean, expected, atol=1e-4)
    assert not torch.allclose(of_all, expected, atol=1e-2)
    assert norm.momentum == 0.1 and not model.training


class Brighter:
    """Returns every image of a batch, brightened by the step."""

    def __init__(self, train_set, about=1):
        self.pixels, self.about, self.calls = train_set.pixels, {"number": about}, []

    def __call__(self, step, rows, mine):
        self.calls.append((step, rows[mine].tolist()))
        return (self.pixels[rows[mine]].float() + step).clamp(max=255)


def test_images_are_drawn_anew_at_every_step(tmp_path):
    train_set = coloured_people(4, 4, seed=1)
    renewal = Brighter(train_set)
    plain = train(train_set, PARAMS, 0, tmp_path / "plain")
    renewed = train(train_set, PARAMS, 0, tmp_path / "renewed", renewal=renewal)
    batches = Batches(
        train_set.generated, plan(len(train_set), PARAMS, "iterations"), AS_THEY_COME, seed=0
    )
    assert renewal.calls == [(step, batches(step).tolist()) for step in range(PARAMS.iterations)]
    assert any(
        not torch.equal(a, b)
        for a, b in zip(plain.model.parameters(), renewed.model.parameters(), strict=True)
    )


def test_another_renewal_starts_afresh(tmp_path, caplog):
    train_set = coloured_people(4, 4, seed=1)
    train(train_set, PARAMS, 0, tmp_path, renewal=Brighter(train_set))
    assert (
        train(train_set, PARAMS, 0, tmp_path, renewal=Brighter(train_set)).resumed_from
        == PARAMS.iterations
    )
    assert (
        train(train_set, PARAMS, 0, tmp_path, renewal=Brighter(train_set, about=2)).resumed_from
        == 0
    )
    assert "differs in renewal" in caplog.text


def test_other_code_starts_afresh(tmp_path, caplog):
    people = coloured_people(4, 4, seed=1)
    params = dataclasses.replace(PARAMS, iterations=3)
    train(people, params, 0, tmp_path, code="a")
    assert train(people, params, 0, tmp_path, code="a").resumed_from == 3
    assert train(people, params, 0, tmp_path, code="b").resumed_from == 0
    assert "differs in code: training starts afresh" in caplog.text
