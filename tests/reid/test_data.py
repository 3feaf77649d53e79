import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from reid_toy import NO_AUGMENT
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as tv

from reid.augmentation import Draws, augmented, draw
from reid.data import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    ReidSet,
    concatenate,
    labels,
    load,
    normalise,
    resize,
)

SIZE = (64, 32)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=6, size=SIZE):
    return torch.randint(0, 256, (n, 3, *size), generator=seeded(), dtype=torch.uint8)


def switched(**fields):
    return dataclasses.replace(NO_AUGMENT, **fields)


def still(n):
    """Draws that change nothing."""
    return Draws(
        torch.tensor([[0.0, 0, 1, 1]]).repeat(n, 1),
        torch.zeros(n).bool(),
        torch.zeros(n, 4),
        torch.ones(n, 3),
    )


# Loading


def rows(folder, n=3):
    table = []
    for i in range(n):
        pixels = np.random.default_rng(i).integers(0, 256, (128, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
        table.append(
            {
                "path": str(folder / f"{i}.png"),
                "pid": 10 * i,
                "camid": i,
                "generator": "patn" if i == 1 else None,
            }
        )
    return pd.DataFrame(table)


def test_load(tmp_path):
    table = rows(tmp_path)
    loaded = load(table, (128, 64))
    assert (len(loaded), loaded.size) == (3, (128, 64))
    assert torch.equal(
        loaded.pixels[2].permute(1, 2, 0), torch.tensor(np.asarray(Image.open(table["path"][2])))
    )
    assert loaded.pids.tolist() == [0, 10, 20] and loaded.camids.tolist() == [0, 1, 2]
    assert loaded.generated.tolist() == [False, True, False]
    table["generator"] = table["generator"].fillna("")
    assert torch.equal(load(table, (128, 64)).generated, loaded.generated)


def test_load_shrinks_by_averaging(tmp_path):
    loaded = load(rows(tmp_path), SIZE)
    full = load(rows(tmp_path), (128, 64))
    # Pillow's bilinear filter over twice the pixels has weights 1/8, 3/8, 3/8, 1/8.
    kernel = torch.tensor([1, 3, 3, 1.0]) / 8
    expected = torch.nn.functional.conv2d(
        full.pixels.float().flatten(0, 1)[:, None],
        (kernel[:, None] * kernel)[None, None],
        stride=2,
        padding=1,
    ).view_as(loaded.pixels)
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    torch.testing.assert_close(loaded.pixels.float()[inner], expected[inner], rtol=0, atol=1.01)


def test_load_names_a_truncated_file(tmp_path):
    table = rows(tmp_path)
    path = tmp_path / "1.jpg"
    Image.new("RGB", (64, 128), (200, 10, 10)).save(path)
    path.write_bytes(path.read_bytes()[:-200])
    table.loc[1, "path"] = str(path)
    with pytest.raises(ValueError, match=rf"row 1: {path} is not a readable image"):
        load(table, SIZE)
    table.loc[1, "path"] = str(tmp_path / "absent.jpg")
    with pytest.raises(ValueError, match=r"row 1: .*absent.jpg is not a readable image"):
        load(table, SIZE)


def test_load_needs_rows_and_columns(tmp_path):
    table = rows(tmp_path)
    with pytest.raises(ValueError, match="missing column camid"):
        load(table.drop(columns="camid"), SIZE)
    with pytest.raises(ValueError, match="no rows"):
        load(table[:0], SIZE)


def test_a_set_states_its_shapes(tmp_path):
    one = load(rows(tmp_path), SIZE)
    with pytest.raises(ValueError, match=r"pids must be torch.int64 \[3\].*got torch.int64 \[2\]"):
        dataclasses.replace(one, pids=one.pids[:2])
    with pytest.raises(ValueError, match=r"pixels must be uint8 \[N, 3, H, W\], got torch.float32"):
        dataclasses.replace(one, pixels=one.pixels.float())


def test_fingerprint_tells_sets_apart(tmp_path):
    one, again = load(rows(tmp_path), SIZE), load(rows(tmp_path), SIZE)
    assert one.fingerprint() == again.fingerprint()
    again.pixels[2, 0, 5, 5] += 1
    assert one.fingerprint() != again.fingerprint()
    assert one.fingerprint() != dataclasses.replace(one, generated=~one.generated).fingerprint()


def test_concatenate_keeps_identities(tmp_path):
    one = load(rows(tmp_path), SIZE)
    both = concatenate([one, one])
    assert len(both) == 6 and both.pids.unique().tolist() == [0, 10, 20]
    with pytest.raises(ValueError, match="different image sizes"):
        concatenate([one, load(rows(tmp_path), (128, 64))])


def test_labels_follow_sorted_pids():
    label, classes = labels(torch.tensor([7, 2, 7, 1501]))
    assert label.tolist() == [1, 0, 1, 2] and classes == 3


# Augmentation


def test_normalise_is_torchvisions():
    pixels = images()
    expected = tv.normalize(
        tv.to_dtype(pixels, torch.float32, scale=True), IMAGENET_MEAN, IMAGENET_STD
    )
    torch.testing.assert_close(normalise(pixels), expected, rtol=1e-5, atol=1e-5)
    assert normalise(pixels).is_contiguous(memory_format=torch.channels_last)


def test_nothing_drawn_nothing_changed():
    pixels = images()
    torch.testing.assert_close(
        augmented(pixels, still(6), SIZE), normalise(pixels), rtol=1e-4, atol=1e-4
    )
    drawn = draw(6, SIZE, NO_AUGMENT, seeded())
    for ours, expected in zip(
        dataclasses.astuple(drawn), dataclasses.astuple(still(6)), strict=True
    ):
        assert torch.equal(ours, expected)


def test_flip_of_flip():
    pixels = images()
    flipped = dataclasses.replace(still(6), flip=torch.tensor([True, False] * 3))
    once = augmented(pixels, flipped, SIZE)
    expected = normalise(torch.where(flipped.flip.view(-1, 1, 1, 1), pixels.flip(3), pixels))
    torch.testing.assert_close(once, expected, rtol=1e-4, atol=1e-4)
    mirrored = torch.where(flipped.flip.view(-1, 1, 1, 1), pixels.flip(3), pixels)
    torch.testing.assert_close(
        augmented(mirrored, flipped, SIZE), normalise(pixels), rtol=1e-4, atol=1e-4
    )


def test_a_crop_is_cut_and_resized():
    pixels = images(2)
    # Rows 8 to 40 and columns 4 to 20, enlarged twofold.
    draws = dataclasses.replace(
        still(2), crop=torch.tensor([[8 / 64, 4 / 32, 32 / 64, 16 / 32]] * 2)
    )
    expected = normalise(resize(pixels[:, :, 8:40, 4:20], SIZE))
    inner = (
        slice(None),
        slice(None),
        slice(1, -1),
        slice(1, -1),
    )  # at its edge a crop is interpolated with its neighbours
    torch.testing.assert_close(
        augmented(pixels, draws, SIZE)[inner], expected[inner], rtol=1e-3, atol=1e-3
    )


def test_a_crop_is_black_beyond_the_edge():
    pixels = torch.full((1, 3, *SIZE), 255, dtype=torch.uint8)
    draws = dataclasses.replace(still(1), crop=torch.tensor([[-4 / 64, 8 / 32, 1.0, 1.0]]))
    black, white = normalise(
        torch.tensor([0.0, 255.0]).view(2, 1, 1, 1).expand(2, 3, 1, 1)
    ).squeeze()
    result = augmented(pixels, draws, SIZE)[0]
    torch.testing.assert_close(
        result[:, :4], black.view(3, 1, 1).expand(3, 4, 32), rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(
        result[:, 4:, :24], white.view(3, 1, 1).expand(3, 60, 24), rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(
        result[:, :, 24:], black.view(3, 1, 1).expand(3, 64, 8), rtol=1e-4, atol=1e-4
    )


def test_area_crop_is_open_reids():
    crop = draw(4000, SIZE, switched(crop_area_min=0.64), seeded()).crop
    top, left, height, width = (crop * torch.tensor([64, 32, 64, 32])).unbind(1)
    for value in (top, left, height, width):
        torch.testing.assert_close(value, value.round())  # whole pixels
    assert (
        (top >= 0).all()
        and (left >= 0).all()
        and (top + height <= 64).all()
        and (left + width <= 32).all()
    )
    cut = ~((height == 64) & (width == 32))
    area, aspect = (height * width)[cut] / (64 * 32), (height / width)[cut]
    assert cut.float().mean() > 0.9
    assert 0.62 < area.min() < 0.66 and area.max() < 1.02  # sides are rounded
    assert 1.9 < aspect.min() < 2.1 and 2.8 < aspect.max() < 3.15


def test_pad_crop_moves_by_whole_pixels_within_the_border():
    crop = draw(2000, SIZE, switched(pad_crop_px=3), seeded()).crop
    assert torch.equal(crop[:, 2:], torch.ones(2000, 2))
    for moved in (crop[:, 0] * 64, crop[:, 1] * 32):
        values, counts = moved.round().unique(return_counts=True)
        torch.testing.assert_close(moved, moved.round(), rtol=0, atol=1e-5)
        assert values.tolist() == list(range(-3, 4)) and counts.min() > 200


def test_erased_share():
    params = switched(erasing=0.5)
    draws = draw(2000, SIZE, params, seeded())
    pixels = torch.full((2000, 3, *SIZE), 255, dtype=torch.uint8)
    erased = (augmented(pixels, draws, SIZE) == 0).all(1)  # [N, H, W]
    share = erased.float().mean((1, 2))
    assert (share > 0).float().mean().item() == pytest.approx(0.5, abs=0.04)
    assert 0.01 < share[share > 0].min() and 0.3 < share.max() < 0.42
    # Exactly the drawn box is erased.
    area = draws.erase[:, 2] * draws.erase[:, 3]
    torch.testing.assert_close(share, area, rtol=0, atol=1e-6)
    box = erased.any(2).sum(1) * erased.any(1).sum(1)
    assert torch.equal(box, erased.sum((1, 2)))


@pytest.mark.parametrize(
    ("column", "function"),
    [(0, tv.adjust_brightness), (1, tv.adjust_contrast), (2, tv.adjust_saturation)],
)
def test_colour_is_torchvisions(column, function):
    pixels = images(5)
    factors = torch.ones(5, 3)
    factors[:, column] = torch.tensor([0.5, 0.8, 1.0, 1.2, 1.5])
    result = augmented(pixels, dataclasses.replace(still(5), colour=factors), SIZE)
    floats = tv.to_dtype(pixels, torch.float32, scale=True)
    expected = torch.stack(
        [function(one, f) for one, f in zip(floats, factors[:, column].tolist(), strict=True)]
    )
    expected = v2.Normalize(IMAGENET_MEAN, IMAGENET_STD)(expected)
    torch.testing.assert_close(result, expected, rtol=0.01, atol=0.01)


def test_colour_factors_stay_in_their_range():
    colour = draw(1000, SIZE, switched(brightness=0.2, contrast=0.5), seeded()).colour
    assert 0.8 <= colour[:, 0].min() < 0.81 and 1.19 < colour[:, 0].max() <= 1.2
    assert 0.5 <= colour[:, 1].min() < 0.52 and (colour[:, 2] == 1).all()


def test_small_images_are_enlarged_to_the_size_asked_for():
    draws = still(2)
    result = augmented(images(2, (32, 16)), draws, SIZE)
    assert result.shape == (2, 3, *SIZE) and result.dtype == torch.float32
    expected = normalise(resize(images(2, (32, 16)), SIZE))
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    torch.testing.assert_close(result[inner], expected[inner], rtol=1e-3, atol=1e-3)


def test_draws_follow_the_seed_and_one_switch_moves_no_other():
    params = switched(flip=0.5, crop_area_min=0.64, erasing=0.5, brightness=0.2)
    one, again, other = (draw(50, SIZE, params, seeded(seed)) for seed in (1, 1, 2))
    for field in ("crop", "flip", "erase", "colour"):
        assert torch.equal(getattr(one, field), getattr(again, field))
        assert not torch.equal(getattr(one, field), getattr(other, field))
    unflipped = draw(50, SIZE, dataclasses.replace(params, flip=0.0), seeded(1))
    assert torch.equal(unflipped.crop, one.crop) and torch.equal(unflipped.erase, one.erase)
    part = one.rows(slice(10, 20))
    assert torch.equal(part.crop, one.crop[10:20]) and len(part.colour) == 10


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"flip": 1.5}, r"augment.flip is a probability in \[0, 1\], got 1.5"),
        ({"contrast": 1.0}, r"augment.contrast must lie in \[0, 1\), got 1.0"),
        ({"crop_area_min": 0.0}, r"augment.crop_area_min must lie in \(0, 1\], got 0.0"),
        ({"crop_aspect_min": 4.0}, r"must be positive and in order, got 4.0 and 3.0"),
        ({"pad_crop_px": -1}, "augment.pad_crop_px must not be negative, got -1"),
    ],
)
def test_params_are_checked(fields, message):
    with pytest.raises(ValueError, match=message):
        switched(**fields)


def test_reid_set_is_frozen(tmp_path):
    one = load(rows(tmp_path), SIZE)
    assert isinstance(one, ReidSet)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.pids = one.camids
