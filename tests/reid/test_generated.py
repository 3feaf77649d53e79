import dataclasses

import pytest
import torch
from reid_toy import AS_THEY_COME, NO_AUGMENT, PARAMS, coloured_people, train
from torch import nn

from reid.batch_norm import TwoNorms, join, part
from reid.data import concatenate
from reid.generated import GateParams, Teacher, TeacherParams
from reid.models import build


@pytest.fixture
def mixed():
    """32 real images and 32 much darker generated ones."""
    real = coloured_people(4, 4, seed=0)
    return concatenate(
        [real, dataclasses.replace(real, pixels=real.pixels // 3, generated=~real.generated)]
    )


def switched(**switches):
    return dataclasses.replace(AS_THEY_COME, **switches)


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"share": 1.0}, r"generated.share must lie in \(0, 1\), or be null, got 1.0"),
        ({"label_smoothing": 1.0}, r"generated.label_smoothing must lie in \[0, 1\), got 1.0"),
        ({"start": -0.1}, r"generated.start must lie in \[0, 1\), got -0.1"),
        ({"own_batch_norm": True}, "generated.own_batch_norm needs generated.share"),
    ],
)
def test_switches_are_checked(switches, message):
    with pytest.raises(ValueError, match=message):
        switched(**switches)


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (GateParams, (1.0, 0.5), r"generated.gate.drop must lie in \[0, 1\), got 1.0"),
        (GateParams, (0.0, 2.0), r"generated.gate.pose must lie in \[0, 1\], got 2.0"),
        (TeacherParams, (-1.0, 0.9), "generated.teacher.weight must not be negative, got -1.0"),
        (TeacherParams, (1.0, 1.0), r"generated.teacher.decay must lie in \[0, 1\), got 1.0"),
    ],
)
def test_gate_and_teacher_are_checked(kind, values, message):
    with pytest.raises(ValueError, match=message):
        kind(*values)


def test_two_norms_normalise_each_kind_by_itself():
    norms = TwoNorms(nn.BatchNorm1d(3), nn.BatchNorm1d(3))
    norms.num_real = 6
    rows = torch.cat([torch.randn(6, 3), 5 + 2 * torch.randn(10, 3)])
    out = norms(rows)
    expected = [
        (part - part.mean(0)) / (part.var(0, unbiased=False) + 1e-5).sqrt()
        for part in (rows[:6], rows[6:])
    ]
    torch.testing.assert_close(out, torch.cat(expected), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(norms.real.running_mean, 0.1 * rows[:6].mean(0))
    norms.eval()
    assert torch.equal(norms(rows), norms.real(rows))


def test_joined_again_a_model_is_as_it_was():
    model = build("inception", 4, PARAMS.network)
    names = list(model.state_dict())
    assert len(part(model)) == len([name for name in names if name.endswith("running_mean")])
    join(model)
    assert list(model.state_dict()) == names


def test_with_own_batch_norm_the_running_statistics_are_of_real_images(mixed, tmp_path):
    """Checked without augmentation at the first convolution, whose weights hardly change."""
    params = dataclasses.replace(
        PARAMS, iterations=40, learning_rate=1e-6, augment=NO_AUGMENT, precision="float32"
    )

    def first_mean(name, **switches):
        model = train(
            mixed, params, 0, tmp_path / name, generated=switched(share=0.5, **switches)
        ).model
        assert not any(isinstance(layer, TwoNorms) for layer in model.modules())
        return next(
            layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)
        ).running_mean

    real_alone = dataclasses.replace(
        mixed, **{f: getattr(mixed, f)[:32] for f in ("pixels", "pids", "camids", "generated")}
    )
    model = train(real_alone, params, 0, tmp_path / "real").model
    expected = next(
        layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)
    ).running_mean
    apart, together = first_mean("apart", own_batch_norm=True), first_mean("together")
    assert (apart - expected).abs().max() < 0.2 * (together - expected).abs().max()


def test_own_batch_norm_needs_two_of_each_kind(mixed, tmp_path):
    with pytest.raises(
        ValueError,
        match="a batch of 16 images has 1 generated ones; each process must have at least 2",
    ):
        train(mixed, PARAMS, 0, tmp_path, generated=switched(share=0.05, own_batch_norm=True))


def test_smoothing_of_generated_images_leaves_a_real_set_alone(mixed, tmp_path, one_thread):
    params = dataclasses.replace(PARAMS, iterations=3)
    real = coloured_people(4, 4, seed=0)

    def weight(people, name, smoothing):
        generated = switched(label_smoothing=smoothing)
        return train(
            people, params, 0, tmp_path / name, generated=generated
        ).model.head.classifier.weight

    assert torch.equal(weight(real, "real", 0.0), weight(real, "smooth", 0.3))
    assert not torch.equal(weight(mixed, "mixed", 0.0), weight(mixed, "mixed_smooth", 0.3))


def test_the_teacher_is_the_moving_average_and_its_loss_the_two_divergences():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
    teacher = Teacher(nn.Sequential(model, _AsLogits()), TeacherParams(weight=0.5, decay=0.75))
    images, before = torch.randn(6, 3, 2, 2), model[1].weight.detach().clone()
    assert teacher.loss(images, model(images)).item() == pytest.approx(0, abs=1e-6)
    with torch.no_grad():
        model[1].weight += 1
        model[1].bias.uniform_()
    teacher.average.update_parameters(nn.Sequential(model, _AsLogits()))  # the first one copies
    with torch.no_grad():
        model[1].weight -= 2 * torch.rand_like(model[1].weight)
    after = model[1].weight.detach().clone()
    teacher.average.update_parameters(nn.Sequential(model, _AsLogits()))
    averaged = teacher.average.module[0][1].weight
    torch.testing.assert_close(averaged, 0.75 * (before + 1) + 0.25 * after)
    ours, theirs = (one.softmax(1) for one in (model(images), teacher.average(images)[-1]))
    both = (ours * (ours / theirs).log()).sum(1) + (theirs * (theirs / ours).log()).sum(1)
    assert teacher.loss(images, model(images)).item() == pytest.approx(
        0.5 * both.mean().item(), rel=1e-4
    )


class _AsLogits(nn.Module):
    def forward(self, logits):
        return None, logits


EVERYTHING = {
    "share": 0.5,
    "label_smoothing": 0.1,
    "own_batch_norm": True,
    "start": 0.25,
    "teacher": TeacherParams(0.1, 0.9),
}


def test_with_every_switch_stopped_equals_unbroken(mixed, tmp_path, one_thread):
    params = dataclasses.replace(PARAMS, iterations=12, checkpoint_iterations=5)
    logged = []

    class Stop(Exception):
        pass

    def stop(step, _):
        if step == 10:
            raise Stop

    generated = switched(**EVERYTHING)
    with pytest.raises(Stop):
        train(mixed, params, 0, tmp_path / "stopped", stop, generated=generated)
    continued = train(mixed, params, 0, tmp_path / "stopped", generated=generated)
    unbroken = train(
        mixed,
        params,
        0,
        tmp_path / "unbroken",
        lambda *entry: logged.append(entry),
        generated=generated,
    )
    assert continued.resumed_from == 5
    one, two = continued.model.state_dict(), unbroken.model.state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert logged[0][1].keys() == {"loss", "identity", "teacher", "accuracy", "learning_rate"}
    assert logged[0][1]["loss"] == pytest.approx(
        logged[0][1]["identity"] + logged[0][1]["teacher"] * 7 / 10, rel=1e-4
    )


def test_a_checkpoint_of_other_switches_is_not_continued(mixed, tmp_path, caplog):
    params = dataclasses.replace(PARAMS, iterations=3)
    train(mixed, params, 0, tmp_path)
    assert train(mixed, params, 0, tmp_path, generated=switched(share=0.5)).resumed_from == 0
    assert "differs in generated: training starts afresh" in caplog.text
