import pytest

from generators.registry import GENERATORS, generator_class
from generators.training.generator import Generator


class Half(Generator):
    """An incomplete generator, without `generate`."""

    name = "half"

    def __init__(self, params):
        self.params, self.networks = params, {}

    def phases(self, pose_network=None):
        return ()


class Whole(Half):
    def generate(self, batch):
        return batch.source_image


def test_an_incomplete_generator_cannot_be_made():
    with pytest.raises(TypeError, match="generate"):
        Half(None)


def test_abilities_that_a_generator_lacks_are_named():
    generator = Whole(None)
    assert not (generator.predicts_parsing or generator.has_masks or generator.has_alignments)
    assert generator.parsing is None and not generator.uses_pose_network
    for call, message in (
        (lambda: generator.predict_parsing(None), "half predicts no parsing maps"),
        (lambda: generator.attention(None), "half has no attention masks"),
        (lambda: generator.alignment(None, None), "half has no alignments"),
    ):
        with pytest.raises(NotImplementedError, match=message):
            call()


@pytest.mark.parametrize("name", GENERATORS)
def test_every_generator_is_complete(name):
    assert not generator_class(name).__abstractmethods__
