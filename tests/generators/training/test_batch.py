from dataclasses import fields, replace

import pytest
import torch

from generators.training.batch import Batch
from generators.training.pairs import make_batch


@pytest.fixture
def batch(people) -> Batch:
    return make_batch(people[0], people[1][:3], 1.5, "cpu")


@pytest.mark.parametrize("field", [field.name for field in fields(Batch)])
def test_every_stated_shape_and_dtype_is_checked(batch, field):
    value = getattr(batch, field)
    wrong, kind = value[:, :-1], "int64" if "parsing" in field else "float32"
    if field == "source_image":
        with pytest.raises(
            ValueError, match=r"Batch.source_image must be float32 \[3, 3, 32, 16\]"
        ):
            replace(batch, source_image=wrong)
    else:
        with pytest.raises(
            ValueError,
            match=rf"Batch.{field} must be {kind} .*{list(value.shape)}".replace("[", r"\["),
        ):
            replace(batch, **{field: wrong})
    with pytest.raises(ValueError, match=f"Batch.{field} must be {kind}"):
        replace(batch, **{field: value.double()})


def test_to_moves_every_tensor(batch):
    assert {getattr(batch.to("meta"), field.name).device.type for field in fields(Batch)} == {
        "meta"
    }


def test_image_without_batch_dimension(batch):
    with pytest.raises(
        ValueError, match=r"Batch.source_image must be \[N, 3, H, W\], got \[3, 32, 16\]"
    ):
        replace(batch, source_image=torch.zeros(3, 32, 16))
