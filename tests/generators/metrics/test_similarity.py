"""SSIM against scikit-image, published masks against naive loops, the JPEG strip against Pillow."""

from io import BytesIO

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.draw import disk, polygon
from skimage.metrics import structural_similarity
from skimage.morphology import closing

from generators.body.pose import draw_skeleton
from generators.metrics.similarity import (
    MASK_LIMBS,
    body_mask,
    clean,
    cut_to_uint8,
    patn_legacy,
    ssim,
    through_jpeg_strip,
)

STANDING = torch.tensor(
    [
        [14, 32],
        [26, 32],
        [27, 22],
        [44, 17],
        [58, 15],
        [27, 42],
        [44, 47],
        [58, 49],
        [62, 26],
        [88, 25],
        [114, 24],
        [62, 38],
        [88, 39],
        [114, 41],
        [11, 30],
        [11, 34],
        [13, 26],
        [13, 38],
    ],
    dtype=torch.float32,
)


def drawn(
    number: int, size: tuple[int, int] = (32, 24), seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth pictures, and similar ones."""
    rng = np.random.default_rng(seed)
    noise = gaussian_filter(rng.normal(size=(2, number, 3, *size)), (0, 0, 0, 2, 2)) * 400
    first = noise[0] + 120
    second = 0.7 * noise[0] + 0.5 * noise[1] + 110 + rng.normal(size=noise[0].shape) * 4
    return tuple(torch.from_numpy(one.clip(0, 255).astype(np.uint8)) for one in (first, second))


def reference(x: torch.Tensor, y: torch.Tensor, data_range: float, full: bool = False):
    x, y = (one.permute(1, 2, 0).numpy() for one in (x, y))
    settings = dict(
        gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=-1, full=full
    )
    return structural_similarity(x, y, data_range=data_range, **settings)


@pytest.mark.parametrize("size", [(128, 64), (11, 11), (20, 33)])
def test_ssim_is_scikit_images(size):
    x, y = drawn(4, size)
    ranges = torch.tensor([255.0, 100.0, 7.0, 1.0])
    wanted = [reference(one, other, 255) for one, other in zip(x, y, strict=True)]
    assert ssim(x, y).tolist() == pytest.approx(wanted, abs=1e-9)
    assert ssim(x, y).dtype == torch.float64 and 0.1 < ssim(x, y).mean() < 0.9
    wanted = [
        reference(one, other, float(span)) for one, other, span in zip(x, y, ranges, strict=True)
    ]
    assert ssim(x, y, ranges).tolist() == pytest.approx(wanted, abs=1e-9)


def test_ssim_of_an_image_with_itself_is_1_and_of_opposites_below_0():
    x, _ = drawn(3)
    assert ssim(x, x).tolist() == [1.0] * 3
    assert (ssim(x, 255 - x) < 0).all()


def test_a_long_batch_is_its_images_one_by_one():
    x, y = drawn(19)
    ranges = torch.arange(50.0, 69.0)
    one_by_one = [ssim(x[row : row + 1], y[row : row + 1], ranges[row]).item() for row in range(19)]
    assert ssim(x, y, ranges).tolist() == pytest.approx(one_by_one, abs=1e-12)
    assert ssim(x[:0], y[:0]).shape == (0,)


def test_ssim_inside_a_mask_is_the_mean_of_scikit_images_map_there():
    x, y = drawn(3)
    inside = torch.zeros(3, 1, 32, 24, dtype=torch.bool)
    inside[0, :, 10:20, 3:9] = True
    inside[1, :, 6, 7] = True
    inside[2, :, :3] = True  # no window has its centre inside
    scores = ssim(x, y, inside=inside)
    for row in (0, 1):
        _, whole = reference(x[row], y[row], 255, full=True)
        centres = inside[row, 0].numpy().copy()
        centres[:5], centres[-5:], centres[:, :5], centres[:, -5:] = False, False, False, False
        assert float(scores[row]) == pytest.approx(whole.mean(-1)[centres].mean(), abs=1e-9)
    assert scores[2].isnan()
    both = clean(x, y, inside)
    assert both["ssim"].tolist() == ssim(x, y).tolist()
    assert both["mask_ssim"].tolist() == pytest.approx(scores.tolist(), nan_ok=True)


def test_images_that_ssim_cannot_compare_are_rejected():
    x, y = drawn(1)
    with pytest.raises(
        ValueError, match=r"two uint8 tensors of one shape \[N, C, H, W\], not torch.float32"
    ):
        ssim(x.float(), y)
    with pytest.raises(ValueError, match="window of 11 px does not fit"):
        ssim(x[..., :10], y[..., :10])


def test_the_legacy_protocol_step_by_step():
    """The protocol with only Pillow, numpy and scikit-image gives the same numbers."""
    output, target = drawn(3, (128, 64))
    source, _ = drawn(3, (128, 64), seed=1)
    points = STANDING.expand(3, 18, 2) + torch.tensor([0.0, 3.0, -4.0])[:, None, None]
    points[2, :4] = -1
    source_points = STANDING.flip(-1).clamp(max=63).expand(3, 18, 2)
    mask = body_mask(points, (128, 64))
    scores = patn_legacy(output, source, target, source_points, points, mask)
    for row in range(3):
        levels = np.arange(256, dtype=np.float32) / np.float32(127.5) - 1
        cut = ((levels + 1) / 2 * 255).astype(np.uint8)
        panels = [
            cut[source[row].permute(1, 2, 0).numpy()],
            draw_skeleton(source_points[row], (128, 64)),
            cut[target[row].permute(1, 2, 0).numpy()],
            draw_skeleton(points[row], (128, 64)),
            output[row].permute(1, 2, 0).numpy(),
        ]
        file = BytesIO()
        Image.fromarray(np.concatenate(panels, 1)).save(file, format="JPEG")
        strip = np.asarray(Image.open(file))
        real, made = strip[:, 128:192], strip[:, 256:]
        kept = mask[row, 0].numpy()[..., None].astype(np.uint8)
        for key, one, other in (("ssim", made, real), ("mask_ssim", made * kept, real * kept)):
            span = int(one.max()) - int(one.min())
            wanted = structural_similarity(
                one,
                other,
                data_range=span,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                channel_axis=-1,
            )
            assert float(scores[f"{key}_legacy"][row]) == pytest.approx(wanted, abs=1e-9)
    # The reason for two protocols: the blackened area counts as similar and raises the score.
    assert (scores["mask_ssim_legacy"] > clean(output, target, mask)["mask_ssim"] + 0.05).all()


def test_the_legacy_protocol_gives_1_to_the_target_itself_but_for_jpeg():
    target, _ = drawn(2, (128, 64))
    points = STANDING.expand(2, 18, 2)
    mask = body_mask(points, (128, 64))
    scores = patn_legacy(cut_to_uint8(target / 127.5 - 1), target, target, points, points, mask)
    # Only the colours at the panels' edges differ, because of other neighbours in the strip.
    assert scores["ssim_legacy"].tolist() == pytest.approx([1.0] * 2, abs=2e-3)
    assert scores["mask_ssim_legacy"].tolist() == pytest.approx([1.0] * 2, abs=1e-4)


def test_the_pictures_of_poses_touch_their_neighbours_edges_alone():
    output, target = drawn(1, (128, 64))
    missing, points = torch.full((1, 18, 2), -1.0), STANDING[None]
    first = through_jpeg_strip(output, target, target, points, points)
    second = through_jpeg_strip(output, target, target, missing, missing)
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one[..., 1:-1], other[..., 1:-1])
    assert ssim(first[0], first[1]).item() == pytest.approx(
        ssim(second[0], second[1]).item(), abs=1e-3
    )


def test_legacy_images_are_cut_off_where_ours_are_rounded():
    images = torch.tensor([-2.0, -1.0, -0.001, 0.0, 0.999, 1.0, 3.0])
    assert cut_to_uint8(images).tolist() == [0, 0, 127, 127, 254, 255, 255]


def test_a_mask_without_anybody_is_empty_and_its_scores_are_nan():
    output, target = drawn(1, (128, 64))
    missing = torch.full((1, 18, 2), -1.0)
    mask = body_mask(missing, (128, 64))
    assert not mask.any()
    scores = patn_legacy(output, target, target, missing, missing, mask) | clean(
        output, target, mask
    )
    assert {key for key, value in scores.items() if value.isnan().all()} == {
        "mask_ssim",
        "mask_ssim_legacy",
    }


def naive_mask(
    points: list[list[float]], size: tuple[int, int], reach: float, square: int
) -> np.ndarray:
    """The published masks, pixel by pixel."""
    height, width = size
    drawn = np.zeros(size, dtype=bool)
    present = [y > -0.5 and x > -0.5 for y, x in points]
    for row in range(height):
        for column in range(width):
            for (y, x), seen in zip(points, present, strict=True):
                if seen and (row - y) ** 2 + (column - x) ** 2 < reach**2:
                    drawn[row, column] = True
            for a, b in MASK_LIMBS:
                (ay, ax), (by, bx) = points[a], points[b]
                length = ((by - ay) ** 2 + (bx - ax) ** 2) ** 0.5
                if not (present[a] and present[b]) or length == 0:
                    continue
                along = ((row - ay) * (by - ay) + (column - ax) * (bx - ax)) / length
                aside = abs((row - ay) * (bx - ax) - (column - ax) * (by - ay)) / length
                if 0 <= along <= length and aside <= reach:
                    drawn[row, column] = True

    def spread(mask: np.ndarray) -> np.ndarray:
        wide = np.zeros_like(mask)
        for row, column in np.argwhere(mask):
            top, left = max(row - square, 0), max(column - square, 0)
            wide[top : row + square + 1, left : column + square + 1] = True
        return wide

    return ~spread(~spread(drawn))


# Not whole numbers, because on the exact edge of a rectangle two computers may differ.
coordinates = st.tuples(st.integers(0, 31), st.integers(0, 15)).map(
    lambda at: [at[0] + 0.1731, at[1] + 0.2917]
)
people = st.lists(st.one_of(coordinates, st.just([-1.0, -1.0])), min_size=18, max_size=18)


@settings(max_examples=15, deadline=None)
@given(people)
def test_body_masks_are_those_of_a_naive_loop(points):
    mask = body_mask(torch.tensor([points], dtype=torch.float64), (32, 16))
    assert np.array_equal(mask[0, 0].numpy(), naive_mask(points, (32, 16), 1.0, 0))


def test_body_masks_are_drawn_as_published_at_128_x_64():
    """The masks equal those of scikit-image's polygons, discs and closing, as published."""
    mask = np.zeros((128, 64), dtype=bool)
    places = STANDING.double().numpy() + np.array([0.13, 0.29])
    for a, b in MASK_LIMBS:
        along = places[b] - places[a]
        aside = 4 * np.array([-along[1], along[0]]) / np.linalg.norm(along)
        corners = np.stack(
            [places[a] + aside, places[a] - aside, places[b] - aside, places[b] + aside]
        )
        mask[polygon(*corners.T, shape=mask.shape)] = True
    for place in places.tolist():
        mask[disk(place, 4, shape=mask.shape)] = True
    assert len(MASK_LIMBS) == 23
    made = body_mask(torch.from_numpy(places)[None], (128, 64))
    assert made.dtype == torch.bool and made.shape == (1, 1, 128, 64)
    assert np.array_equal(made[0, 0].numpy(), closing(mask, np.ones((5, 5))))
    assert np.array_equal(made[0, 0].numpy(), naive_mask(places.tolist(), (128, 64), 4.0, 2))


def test_one_person_does_not_touch_anothers_mask():
    missing = torch.full_like(STANDING, -1.0)
    masks = body_mask(torch.stack([missing, STANDING, missing]), (128, 64))
    assert masks.flatten(1).any(1).tolist() == [False, True, False]
    assert torch.equal(masks[1], body_mask(STANDING[None], (128, 64))[0])
