import dataclasses

import numpy as np
import pytest

from augment.data.mini_market.render import Difficulty, build_world
from augment.data.mini_market.wardrobe import draw_identity


@pytest.fixture(scope="session")
def world():
    return build_world(3, Difficulty(backpacks=0.3, occlusions=0.15, truncations=0.08, lost=0.02))


@pytest.fixture(scope="session")
def clear_world():
    """Nothing in front of anybody, and no box that cuts people by design."""
    return build_world(3, Difficulty(backpacks=0.3, occlusions=0.0, truncations=0.0, lost=0.0))


@pytest.fixture
def someone():
    """Makes a person with the given traits; the rest of them is fixed."""

    def make(**traits):
        who = draw_identity(np.random.default_rng(7), backpack_rate=0.0)
        fixed = {
            "hair_style": "short",
            "pattern": "plain",
            "sleeve": "short",
            "lower_kind": "trousers",
        }
        return dataclasses.replace(who, **(fixed | traits))

    return make
