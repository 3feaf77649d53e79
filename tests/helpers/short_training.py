"""Training params of a few iterations, for tests that train a tiny generator."""

from dataclasses import replace
from typing import Any

from generators.training.phases import TrainingParams

_SHORT = TrainingParams(
    iterations=6,
    decay_start=3,
    batch_size=4,
    learning_rate=1e-3,
    betas=(0.5, 0.999),
    flip=True,
    seed=3,
    precision="float32",
    log_every=1,
    sheet_every=100,
    checkpoint_every=4,
)


def short_training(**changes: Any) -> TrainingParams:
    return replace(_SHORT, **changes)
