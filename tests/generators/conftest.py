"""Small people made of coloured rectangles, and a PATN small enough to train in a second."""

from dataclasses import replace

import pytest
import torch
from short_training import short_training

from generators.networks.transfer_params import DiscriminatorParams
from generators.patn.patn import Patn, PatnParams
from generators.training.loop import train
from generators.training.pairs import ImageSet, training_pairs
from generators.training.phases import TrainingParams

SIZE = (32, 16)


@pytest.fixture(autouse=True)
def one_thread():
    """With one thread, sums are the same in every process on any machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def people() -> tuple[ImageSet, torch.Tensor]:
    """12 images of 3 identities and their training pairs.

    Each identity has one colour, drawn where its keypoints are. The parsing maps have clothes above
    and both legs below.
    """
    draws = torch.Generator().manual_seed(0)
    pids = torch.arange(12) // 4 + 1
    pixels = torch.full((12, 3, *SIZE), 60, dtype=torch.uint8)
    keypoints = torch.rand(12, 18, 2, generator=draws)
    parsing = torch.zeros(12, *SIZE, dtype=torch.uint8)
    for row, pid in enumerate(pids.tolist()):
        top, left = (
            int(torch.randint(2, 8, (), generator=draws)),
            int(torch.randint(1, 7, (), generator=draws)),
        )
        pixels[row, :, top : top + 20, left : left + 8] = 40
        pixels[row, pid - 1, top : top + 20, left : left + 8] = 220
        parsing[row, top : top + 10, left : left + 8] = 3
        parsing[row, top + 10 : top + 20, left : left + 4] = 9
        parsing[row, top + 10 : top + 20, left + 4 : left + 8] = 8
        keypoints[row] = keypoints[row] * torch.tensor([20.0, 8.0]) + torch.tensor([top, left])
    keypoints[5, 4] = -1.0
    return ImageSet(pixels, keypoints, parsing), training_pairs(pids, keypoints)


@pytest.fixture
def params() -> PatnParams:
    training = short_training(iterations=12, decay_start=6, log_every=2, checkpoint_every=5)
    return PatnParams(
        image_size=SIZE,
        sigma_px=1.5,
        ngf=4,
        downsamplings=2,
        blocks=2,
        block="patb",
        norm="batch",
        dropout=0.5,
        discriminator=DiscriminatorParams(ndf=4, blocks=1, norm="instance", dropout=0.0),
        gan="vanilla",
        image_pool=6,
        lambda_gan=1.0,
        lambda_l1=10.0,
        person_weight=0.0,
        lambda_perceptual=0.0,
        perceptual="none",
        training=training,
    )


@pytest.fixture
def patn(params) -> callable:
    """patn(**changes) -> a Patn; changes may also name fields of `training`."""

    def make(**changes) -> Patn:
        inner = {
            name: changes.pop(name)
            for name in list(changes)
            if name in TrainingParams.__dataclass_fields__
        }
        return Patn(replace(params, training=replace(params.training, **inner), **changes))

    return make


@pytest.fixture
def resumes_alike(people, tmp_path) -> callable:
    """resumes_alike(make): make()'s generator, killed after iteration 8, ends with equal weights."""

    class Killed(Exception):
        pass

    def stop(step, _):
        if step == 8:
            raise Killed

    def check(make):
        def run(folder, on_log):
            trained = make()
            train(trained, *people, tmp_path / folder, on_log, lambda *_: None)
            return trained.networks["network"].state_dict()

        unbroken = run("unbroken", lambda *_: None)
        with pytest.raises(Killed):
            run("broken", stop)
        resumed = run("broken", lambda *_: None)
        assert all(torch.equal(unbroken[name], resumed[name]) for name in unbroken)

    return check
