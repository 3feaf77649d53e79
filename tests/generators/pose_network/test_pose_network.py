from dataclasses import replace

import pytest
import torch
from short_training import short_training

from generators.body.pose import pose_maps, visible
from generators.pose_network.pose_network import PoseEstimator, PoseNetworkParams, _losses, peaks
from generators.training.batch import Batch
from generators.training.pairs import make_batch

PARAMS = PoseNetworkParams(
    image_size=(32, 16),
    sigma_px=1.5,
    width=8,
    blocks=1,
    training=short_training(
        iterations=12,
        decay_start=6,
        learning_rate=3e-3,
        betas=(0.9, 0.999),
        seed=0,
        log_every=4,
        checkpoint_every=5,
    ),
)


def test_peaks_find_the_joints_of_pose_maps():
    keypoints = torch.tensor([[4.0, 3.0], [20.0, 10.0], [0.0, 15.0]]).repeat(6, 1)[None]
    keypoints[0, 5] = -1
    found = peaks(pose_maps(keypoints, (32, 16), 1.5), 0.2)
    assert torch.equal(visible(found), visible(keypoints))
    assert (found - keypoints).abs().max() <= 0.25


def test_peaks_lean_towards_the_higher_neighbour():
    heat = torch.zeros(1, 1, 5, 5)
    heat[0, 0, 2, 2], heat[0, 0, 2, 3], heat[0, 0, 1, 2] = 1.0, 0.5, 0.4
    assert peaks(heat, 0.2).tolist() == [[[1.75, 2.25]]]
    assert peaks(heat * 0.1, 0.2).tolist() == [[[-1, -1]]]


def test_it_learns_a_batch(people):
    estimator = PoseEstimator(PARAMS)
    (phase,) = estimator.phases()
    batch = make_batch(*people, 1.5, "cpu")
    optimiser = torch.optim.Adam(phase.network.parameters(), 5e-3)
    losses = []
    for _ in range(60):
        loss = sum(phase.losses(batch, phase.render(batch)).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert phase.picture(phase.render(batch)).shape == batch.target_image.shape


def test_images_of_another_size_are_resized_and_gradients_reach_them():
    network = PoseEstimator(PARAMS).networks["network"].eval()
    images = torch.rand(2, 3, 64, 32, requires_grad=True)
    heat = network(images)
    assert heat.shape == (2, 18, 64, 32)
    heat.sum().backward()
    assert images.grad.abs().sum() > 0
    assert [tuple(one.shape) for one in network.features(torch.rand(2, 3, 32, 16))] == [
        (2, 8, 32, 16),
        (2, 16, 16, 8),
        (2, 32, 8, 4),
        (2, 64, 4, 2),
    ]


def test_killed_and_resumed_equals_unbroken(resumes_alike):
    resumes_alike(lambda: PoseEstimator(PARAMS))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"image_size": (28, 16)}, "pose_network.image_size is .*multiples of 8"),
        ({"width": 0}, "pose_network.width is 0"),
    ],
)
def test_senseless_params(change, message):
    with pytest.raises(ValueError, match=message):
        replace(PARAMS, **change)


def test_the_loss_sees_left_and_right_in_one_place():
    keypoints = torch.full((1, 18, 2), -1.0)
    keypoints[0, 9], keypoints[0, 12] = torch.tensor([8.0, 2.0]), torch.tensor([8.0, 6.0])  # knees
    maps = pose_maps(keypoints, (16, 8), 1.0)
    image = torch.zeros(1, 3, 16, 8)
    batch = Batch(image, image, keypoints, keypoints, maps, maps)
    true = torch.cat([maps, maps])
    assert all(value == 0 for value in _losses(batch, true).values())
    merged = true.clone()
    merged[:, [9, 12]] = true[:, [9, 12]].mean(1, keepdim=True)
    shifted = true.clone()
    shifted[:, [9, 12]] -= (true[:, 9] - merged[:, 9]).abs()[
        :, None
    ]  # the same error, but equal on both sides
    assert _losses(batch, merged)["sides"] > 0.1 and _losses(batch, shifted)["sides"] < 1e-6
