import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.body.plates import cast_gain, fill, mean_outside


def image_and_hole(height, width, seed):
    draws = torch.Generator().manual_seed(seed)
    image = torch.rand(2, 3, height, width, generator=draws)
    hole = (torch.rand(2, 1, height, width, generator=draws) < 0.4).float()
    hole[:, :, 0, 0] = 0.0
    return image, hole


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_what_is_known_stays_and_holes_take_colours_from_around(height, width, seed):
    image, hole = image_and_hole(height, width, seed)
    filled = fill(image, hole)
    known = (hole == 0).expand_as(image)
    assert torch.allclose(filled[known], image[known], atol=1e-6)
    for one in range(2):
        for channel in range(3):
            seen = image[one, channel][hole[one, 0] == 0]
            assert (
                filled[one, channel].min() >= seen.min() - 1e-5
                and filled[one, channel].max() <= seen.max() + 1e-5
            )


def test_a_plain_image_is_filled_to_itself():
    _, hole = image_and_hole(37, 18, 0)
    image = torch.tensor([0.2, 0.5, 0.9]).view(1, 3, 1, 1).expand(2, 3, 37, 18)
    assert torch.allclose(fill(image, hole), image, atol=1e-6)


def test_a_hole_takes_what_is_near():
    image = torch.zeros(1, 3, 32, 32)
    image[..., 16:] = 1.0
    hole = torch.zeros(1, 1, 32, 32)
    hole[..., 12:20, 4:28] = 1.0
    row = fill(image, hole)[0, 0, 16]
    assert row[5] < 0.2 and row[26] > 0.8 and (row[1:] >= row[:-1] - 1e-6).all()


def test_soft_edges_blend():
    image, hole = image_and_hole(16, 16, 1)
    hard = fill(image, hole.round())
    assert torch.allclose(fill(image, hole * 0.999), hard, atol=0.05)


def test_all_hole_is_finite():
    assert fill(torch.rand(1, 3, 16, 8), torch.ones(1, 1, 16, 8)).isfinite().all()
    assert torch.allclose(
        mean_outside(torch.full((1, 3, 4, 4), 0.3), torch.ones(1, 1, 4, 4)), torch.full((1, 3), 0.3)
    )


def test_mean_outside():
    image, hole = image_and_hole(9, 7, 2)
    for one in range(2):
        expected = image[one][:, hole[one, 0] == 0].mean(1)
        assert torch.allclose(mean_outside(image, hole)[one], expected, atol=1e-3)


def test_cast_gain():
    source, scene = torch.tensor([[0.5, 0.5, 0.5]]), torch.tensor([[0.5, 0.32, 0.0]])
    assert torch.allclose(
        cast_gain(source, scene, 0.5, (0.6, 1.6)), torch.tensor([[1.0, 0.8, 0.6]])
    )
    assert torch.allclose(
        cast_gain(source, scene, 1.0, (0.1, 9.0)), torch.tensor([[1.0, 0.64, 0.1]])
    )
    assert cast_gain(source, scene, 0.0, (0.6, 1.6)).tolist() == [[1.0, 1.0, 1.0]]
    assert torch.allclose(
        cast_gain(torch.zeros(1, 3), torch.ones(1, 3), 1.0, (0.6, 1.6)), torch.full((1, 3), 1.6)
    )
