import csv
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from generators.training import checkpoint
from generators.training.loop import train
from generators.training.losslog import NonFiniteLoss
from generators.training.pairs import fingerprint, make_batch
from generators.training.phases import Phase, learning_rate, supports_bfloat16, uses_bfloat16

WORKER = Path(__file__).with_name("train_worker.py")


def run(
    generator, people, folder, on_log=lambda step, losses: None, on_sheet=lambda step, path: None
):
    return train(generator, *people, folder, on_log, on_sheet)


def state(folder: Path) -> list[torch.Tensor]:
    """Every tensor of a checkpoint: weights, discriminators, optimisers, pools, losses."""

    def tensors(nested):
        if isinstance(nested, torch.Tensor):
            return [nested]
        nested = list(nested.values()) if isinstance(nested, dict) else nested
        return [t for value in nested for t in tensors(value)] if isinstance(nested, list) else []

    return tensors(checkpoint.load(folder / "checkpoint.pt", "cpu"))


def assert_same_end(folder: Path, other: Path) -> None:
    ours, theirs = state(folder), state(other)
    assert len(ours) == len(theirs) > 50
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert (folder / "losses.csv").read_bytes() == (other / "losses.csv").read_bytes()


@pytest.fixture
def unbroken(patn, people, tmp_path) -> Path:
    run(patn(), people, tmp_path / "unbroken")
    return tmp_path / "unbroken"


def test_schedule_is_constant_then_linear_to_zero(params):
    training = replace(params.training, iterations=90_000, decay_start=60_000, learning_rate=2e-4)
    assert [learning_rate(step, training) for step in (0, 59_999, 60_000)] == [2e-4] * 3
    assert learning_rate(75_000, training) == pytest.approx(1e-4)
    assert learning_rate(89_999, training) == pytest.approx(2e-4 / 30_000)
    assert learning_rate(11, replace(params.training, decay_start=12)) == 1e-3


def test_losses_are_logged_as_averages(patn, people, tmp_path):
    every, pairs_of_steps = {}, {}
    run(
        patn(log_every=1), people, tmp_path / "a", lambda step, losses: every.update({step: losses})
    )
    run(
        patn(log_every=5),
        people,
        tmp_path / "b",
        lambda step, losses: pairs_of_steps.update({step: losses}),
    )
    assert list(every) == list(range(1, 13)) and list(pairs_of_steps) == [5, 10, 12]
    names = [
        "l1",
        "gan_appearance",
        "gan_shape",
        "appearance/real",
        "appearance/fake",
        "shape/real",
        "shape/fake",
    ]
    assert list(every[1]) == names
    for name in names:
        assert pairs_of_steps[12][name] == pytest.approx(
            (every[11][name] + every[12][name]) / 2, rel=1e-4
        )
    with (tmp_path / "b" / "losses.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["phase", "step", *names] and [row["step"] for row in rows] == [
        "5",
        "10",
        "12",
    ]
    assert float(rows[1]["l1"]) == pairs_of_steps[10]["l1"] and rows[0]["phase"] == "patn"


def test_sheets_are_drawn(patn, people, tmp_path):
    sheets = []
    run(
        patn(sheet_every=5),
        people,
        tmp_path,
        on_sheet=lambda step, path: sheets.append((step, path)),
    )
    assert sheets == [(step, tmp_path / "samples" / f"patn-{step:06d}.png") for step in (5, 10, 12)]
    pixels = np.asarray(Image.open(sheets[-1][1]))
    assert pixels.shape[2] == 3 and pixels.std() > 20
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == [
        path.name for _, path in sheets
    ]


def test_sheets_do_not_change_the_training(patn, people, tmp_path, unbroken):
    run(patn(sheet_every=3), people, tmp_path / "sheets")
    ours, theirs = state(tmp_path / "sheets"), state(unbroken)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("stops", [[1], [5], [7, 11], [9, 3]])
def test_an_interrupted_run_ends_like_an_unbroken_one(patn, people, tmp_path, unbroken, stops):
    folder = tmp_path / "broken"
    logged = []
    for stop in stops:

        def on_log(step, losses, stop=stop):
            logged.append(step)
            if step >= stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(patn(log_every=1), people, folder, on_log)
    trained = run(patn(log_every=1), people, folder)
    assert trained.resumed_at == max(stop - 1 for stop in stops) // 5 * 5
    assert trained.iterations == 12 - trained.resumed_at
    run(patn(log_every=1), people, tmp_path / "whole")
    assert_same_end(folder, tmp_path / "whole")
    # How often the losses are checked changes nothing.
    weights = [
        checkpoint.load(end / "checkpoint.pt", "cpu")["networks"] for end in (folder, unbroken)
    ]
    assert all(
        torch.equal(a, b)
        for a, b in zip(weights[0]["network"].values(), weights[1]["network"].values(), strict=True)
    )


def test_a_run_that_dies_while_it_saves(patn, people, tmp_path, unbroken, monkeypatch):
    saves = []

    def dying(contents, path, save=checkpoint.save):
        saves.append(path)
        if len(saves) == 2:
            path.with_name(path.name + ".part").write_bytes(b"half a checkpoint")
            raise KeyboardInterrupt
        save(contents, path)

    monkeypatch.setattr(checkpoint, "save", dying)
    with pytest.raises(KeyboardInterrupt):
        run(patn(), people, tmp_path / "broken")
    assert run(patn(), people, tmp_path / "broken").resumed_at == 5
    assert_same_end(tmp_path / "broken", unbroken)
    assert not list((tmp_path / "broken").glob("*.part"))


def test_a_run_killed_with_sigkill(patn, people, tmp_path):
    changes = {"iterations": 150, "decay_start": 75, "log_every": 3, "checkpoint_every": 7}
    run(patn(**changes), people, tmp_path / "whole")
    folder = tmp_path / "killed"
    (tmp_path / "inputs").write_bytes(pickle.dumps((*people, patn(**changes).params)))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, str(WORKER), str(tmp_path / "inputs"), str(folder)]
    worker = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while (
        not (folder / "losses.csv").exists()
        or len((folder / "losses.csv").read_text().splitlines()) < 12
    ):
        assert worker.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    worker.send_signal(signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL
    trained = run(patn(**changes), people, folder)
    assert (
        28 <= trained.resumed_at < 150
        and trained.message == f"resumes at iteration {trained.resumed_at}"
    )
    assert_same_end(folder, tmp_path / "whole")


def test_a_finished_run_is_not_trained_again(patn, people, unbroken):
    before = (unbroken / "checkpoint.pt").stat().st_mtime_ns
    generator = patn()
    trained = run(generator, people, unbroken)
    assert (trained.iterations, trained.message) == (0, "is complete at iteration 12")
    assert (unbroken / "checkpoint.pt").stat().st_mtime_ns == before
    stored = checkpoint.load(unbroken / "checkpoint.pt", "cpu")["networks"]["network"]
    assert all(
        torch.equal(stored[name], weight)
        for name, weight in generator.networks["network"].state_dict().items()
    )


def test_other_params_or_data_start_afresh(patn, people, unbroken, capsys):
    message = f"starts afresh: {unbroken / 'checkpoint.pt'} belongs to another run ("
    (unbroken / "samples" / "patn-099999.png").write_bytes(b"a sheet of the other run")
    trained = run(patn(dropout=0.25), people, unbroken)
    assert trained.message == message + "params.dropout: 0.5 -> 0.25)" and trained.resumed_at == 0
    assert trained.message in capsys.readouterr().err
    assert not (unbroken / "samples" / "patn-099999.png").exists()
    images, pairs = people
    trained = run(patn(dropout=0.25), (images, pairs[:-1]), unbroken)
    old, new = fingerprint(images, pairs), fingerprint(images, pairs[:-1])
    assert trained.message == message + f"data: {old} -> {new})" and trained.iterations == 12


def test_a_checkpoint_of_other_code(patn, people, unbroken):
    contents = checkpoint.load(unbroken / "checkpoint.pt", "cpu")
    contents["networks"]["network"].popitem()
    checkpoint.save(contents, unbroken / "checkpoint.pt")
    with pytest.raises(
        ValueError,
        match=r"(?s)checkpoint\.pt: was written by other code .*; delete it to start afresh",
    ):
        run(patn(), people, unbroken)


def test_fingerprint_sees_every_part(people):
    images, pairs = people
    pixels, keypoints = images.pixels.clone(), images.keypoints.clone()
    pixels[3, 1, 4, 4] += 1
    keypoints[2, 3, 0] += 1
    prints = [
        fingerprint(*given)
        for given in [
            (images, pairs),
            (replace(images, pixels=pixels), pairs),
            (replace(images, keypoints=keypoints), pairs),
            (replace(images, parsing=images.parsing + 1), pairs),
            (replace(images, parsing=None), pairs),
            (images, pairs.flip(0)),
        ]
    ]
    assert len(set(prints)) == 6 and prints[0] == fingerprint(images, pairs)


def spoiled(generator, at: int, spoil):
    """The generator, with spoil(output) applied in its `at`-th rendering."""
    (phase,) = generator.phases()
    calls = []

    def render(batch):
        calls.append(batch)
        output = phase.render(batch)
        return spoil(output) if len(calls) == at else output

    broken = replace(phase, render=render)
    generator.phases = lambda _: (broken,)
    return generator


def test_a_loss_that_is_not_finite_stops_the_run(patn, people, tmp_path):
    generator = spoiled(patn(log_every=4), 7, lambda output: output * float("nan"))
    with pytest.raises(
        NonFiniteLoss,
        match="iteration 7: l1, gan_appearance, gan_shape.* not finite; the last good",
    ) as caught:
        run(generator, people, tmp_path)
    assert f"{tmp_path / 'checkpoint.pt'}, of iteration 5" in str(caught.value)
    kept = checkpoint.load(tmp_path / "checkpoint.pt", "cpu")
    assert kept["step"] == 5 and all(t.isfinite().all() for t in state(tmp_path))
    # The checkpoint is intact: a run without the fault resumes from it.
    assert run(patn(log_every=4), people, tmp_path).resumed_at == 5


def test_a_loss_that_is_not_finite_before_the_first_checkpoint(patn, people, tmp_path):
    generator = spoiled(patn(), 2, lambda output: output / 0.0)
    with pytest.raises(
        FloatingPointError, match="iteration 2: .*no checkpoint exists yet; a lower learning_rate"
    ):
        run(generator, people, tmp_path)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_weights_that_are_not_finite_are_never_saved(patn, people, tmp_path):
    generator = patn(log_every=5)

    def poison(output):
        output.register_hook(
            lambda gradient: gradient * float("inf")
        )  # the loss stays finite, the gradient does not
        return output

    with pytest.raises(
        NonFiniteLoss, match="iteration 10: a weight is not finite; .* of iteration 5;"
    ):
        run(spoiled(generator, 10, poison), people, tmp_path)
    assert checkpoint.load(tmp_path / "checkpoint.pt", "cpu")["step"] == 5


def test_phases_follow_one_another(patn, people, tmp_path):
    def two(generator):
        (phase,) = generator.phases()
        short = replace(phase.training, iterations=4, decay_start=4)

        def simple(batch, output):
            return {"squares": (output - batch.target_image).square().mean()}

        first = Phase("warm", phase.network, short, phase.render, simple, phase.picture, ())
        generator.phases = lambda _: (first, phase)
        return generator

    steps = []
    run(
        two(patn()),
        people,
        tmp_path / "whole",
        lambda step, losses: steps.append((step, list(losses)[0])),
    )
    assert steps == [(2, "squares"), (4, "squares"), *[(step, "l1") for step in range(6, 17, 2)]]
    header, *rows = (tmp_path / "whole" / "losses.csv").read_text().splitlines()
    assert (
        header.startswith("phase,step,squares,l1,")
        and rows[0].startswith("warm,2,")
        and rows[2].startswith("patn,6,,")
    )

    def on_log(step, losses):
        if step == 14:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(two(patn()), people, tmp_path / "broken", on_log)
    assert run(two(patn()), people, tmp_path / "broken").resumed_at == 9
    assert_same_end(tmp_path / "broken", tmp_path / "whole")


def test_a_discriminator_learns_to_discriminate(patn, people, tmp_path):
    generator = patn(
        iterations=40,
        decay_start=40,
        lambda_l1=0.0,
        lambda_gan=1.0,
        learning_rate=4e-3,
        dropout=0.0,
    )
    seen = {}
    # The generator is frozen, so that its images stay easy to recognise.
    (phase,) = generator.phases()
    still = replace(phase, render=lambda batch: phase.render(batch) * 0 - 0.9)
    generator.phases = lambda _: (still,)
    run(generator, people, tmp_path, lambda step, losses: seen.update({step: losses}))
    assert seen[40]["shape/real"] + seen[40]["shape/fake"] < 0.5 * (
        seen[2]["shape/real"] + seen[2]["shape/fake"]
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"iterations": 0}, "training.iterations is 0; it must be at least 1"),
        ({"decay_start": 13}, r"training.decay_start is 13; it must lie in 0 to iterations \(12\)"),
        (
            {"precision": "half"},
            "training.precision is 'half'; it must be one of auto, float32, bfloat16",
        ),
        ({"seed": -1}, "training.seed is -1; it must not be negative"),
    ],
)
def test_senseless_training_params(params, change, message):
    with pytest.raises(ValueError, match=message):
        replace(params.training, **change)


def test_data_that_does_not_fit(patn, people, tmp_path):
    images, pairs = people
    with pytest.raises(ValueError, match="no training pairs: no identity has two images"):
        run(patn(), (images, pairs[:0]), tmp_path)
    with pytest.raises(
        ValueError, match=r"the images are \(32, 16\) px, but image_size is \(64, 32\)"
    ):
        run(patn(image_size=(64, 32)), people, tmp_path)


def test_bfloat16_runs_the_networks_and_float32_the_losses(patn, people, tmp_path):
    seen = {}
    generator = patn(precision="bfloat16", iterations=3, decay_start=3)
    generator.networks["network"].blocks[0].register_forward_hook(
        lambda module, given, code: seen.update(code=code[0].dtype)
    )
    (phase,) = generator.phases()

    def losses(batch, output):
        found = phase.losses(batch, output)
        seen.update({name: value.dtype for name, value in found.items()})
        return found

    generator.phases = lambda _: (replace(phase, losses=losses),)
    run(generator, people, tmp_path)
    assert seen.pop("code") == torch.bfloat16 and set(seen.values()) == {torch.float32}
    assert all(p.dtype == torch.float32 for p in generator.networks["network"].parameters())


def test_auto_precision_depends_on_the_device():
    cpu = torch.device("cpu")
    assert not uses_bfloat16("float32", cpu) and uses_bfloat16("bfloat16", cpu)
    assert (
        uses_bfloat16("auto", cpu)
        == supports_bfloat16(cpu)
        == torch.cpu._is_avx512_bf16_supported()
    )


def test_two_processes_train_like_one(patn, people, tmp_path):
    generator = patn(
        norm="instance", dropout=0.0, image_pool=0, iterations=8, decay_start=8, log_every=1
    )
    (tmp_path / "inputs").write_bytes(pickle.dumps((*people, generator.params)))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        str(WORKER),
        str(tmp_path / "inputs"),
        str(tmp_path / "two"),
        str(tmp_path / "weights"),
    ]
    shared = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "WORLD_SIZE": "2"}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true"}
    shared |= {"OMP_NUM_THREADS": "1"}
    workers = [
        subprocess.Popen(
            command,
            env={**shared, "RANK": rank, "LOCAL_RANK": rank},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    run(generator, people, tmp_path / "one")
    for worker in workers:
        _, errors = worker.communicate(timeout=120)
        assert worker.returncode == 0, errors

    first, second = (
        torch.load(f"{tmp_path / 'weights'}.{rank}", weights_only=True) for rank in "01"
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    rows = []
    for folder in ("one", "two"):
        with (tmp_path / folder / "losses.csv").open() as file:
            rows.append(
                [[float(value) for value in list(row.values())[1:]] for row in csv.DictReader(file)]
            )
    assert np.allclose(rows[0], rows[1], rtol=1e-3)
    batch = make_batch(*people, 1.5, "cpu")
    alone = generator.generate(batch)
    generator.networks["network"].load_state_dict(first)
    assert (generator.generate(batch) - alone).abs().max() < 1e-3
