"""A trivially separable set and params for short training, shared by the tests of this folder."""

import dataclasses

import torch

from reid import training
from reid.augmentation import AugmentParams
from reid.data import ReidSet
from reid.generated import GateParams, GeneratedParams, TeacherParams
from reid.losses import LossParams
from reid.models import NetworkParams
from reid.params import ReidParams

NO_AUGMENT = AugmentParams(
    flip=0.0,
    crop_area_min=1.0,
    crop_aspect_min=2.0,
    crop_aspect_max=3.0,
    pad_crop_px=0,
    erasing=0.0,
    brightness=0.0,
    contrast=0.0,
    saturation=0.0,
)
PARAMS = ReidParams(
    backbone="inception",
    image_size=(32, 16),
    network=NetworkParams(
        pretrained=False, last_stride=2, width=0.125, head="linear", embedding=32, dropout=0.2
    ),
    features="embedding",
    metric="euclidean",
    epochs=3,
    iterations=40,
    batch_size=16,
    sampler="shuffled",
    images_per_identity=4,
    optimiser="sgd",
    learning_rate=0.05,
    base_factor=1.0,
    momentum=0.9,
    weight_decay=5e-4,
    schedule="cosine",
    step_at=(0.8,),
    step_factor=0.1,
    warmup=0.1,
    loss=LossParams(identity="softmax", metric=None),
    label_smoothing=0.0,
    statistics_batches=0,
    augment=dataclasses.replace(
        NO_AUGMENT, flip=0.5, crop_area_min=0.64, erasing=0.3, brightness=0.1
    ),
    precision="auto",
    log_iterations=10,
    checkpoint_iterations=10,
)


def coloured_people(identities: int, per_camera: int, seed: int) -> ReidSet:
    """Identities with distinct upper and lower colours, in two cameras of different brightness."""
    colours = torch.rand(identities, 3, 2, 1, generator=torch.Generator().manual_seed(0)) * 200 + 25
    generator = torch.Generator().manual_seed(seed)
    pids = torch.arange(1, identities + 1).repeat_interleave(2 * per_camera)
    camids = torch.tensor([0, 1]).repeat_interleave(per_camera).repeat(identities)
    images = colours[pids - 1].repeat_interleave(16, dim=2).expand(-1, -1, -1, 16)  # [N, 3, 32, 16]
    images = images * torch.where(camids == 0, 1.0, 0.85).view(-1, 1, 1, 1)
    images = images + 10 * torch.randn(images.shape, generator=generator)
    return ReidSet(
        images.clamp(0, 255).to(torch.uint8), pids, camids, torch.zeros(len(pids), dtype=torch.bool)
    )


AS_THEY_COME = GeneratedParams(
    share=None,
    label_smoothing=0.0,
    own_batch_norm=False,
    start=0.0,
    teacher=TeacherParams(weight=0.0, decay=0.9),
    gate=GateParams(drop=0.0, pose=0.5),
)


def train(people, params, seed, folder, on_log=None, renewal=None, generated=AS_THEY_COME, code=""):
    """Train with budget `iterations`."""
    return training.train(
        people, params, "iterations", generated, seed, folder, on_log, renewal, code
    )
