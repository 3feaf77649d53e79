"""Invariants of SPT's applications, on small networks with random weights."""

import pytest
import tiny_models
import torch
import upright
from torch.nn import functional as F

from generators.body import parsing
from generators.body.plates import fill
from generators.body.pose import pose_maps
from generators.spt import applications
from generators.spt.applications import Look, manipulate, painted, texture_transfer, try_on
from generators.training.batch import Batch

SIZE = (32, 16)


def look(seed: int) -> Look:
    draws = torch.Generator().manual_seed(seed)
    keypoints = torch.tensor(upright.UPRIGHT)[None] / 4 + torch.rand(1, 18, 2, generator=draws)
    labels = torch.zeros(1, *SIZE, dtype=torch.int64)
    labels[:, 3:6, 6:10], labels[:, 6:16, 4:12], labels[:, 16:29, 5:11] = 1, 3, 4
    return Look(torch.rand(1, 3, *SIZE, generator=draws) * 2 - 1, labels, keypoints)


def spt(**changes):
    given = {"scene_doubt": 0.0, "training__appearance__precision": "float32"} | changes
    return tiny_models.generator("spt", **given)


def batch_of(source: Look, target: Look) -> Batch:
    maps = [pose_maps(one.keypoints, SIZE, 1.5) for one in (source, target)]
    return Batch(
        source.image,
        target.image,
        source.keypoints,
        target.keypoints,
        *maps,
        source.labels,
        target.labels,
    )


@pytest.mark.parametrize("copy_warped", [True, False])
@pytest.mark.parametrize("skips", ["flow", "parts"])
def test_texture_transfer_is_generation_on_a_given_map(copy_warped, skips):
    """With the true map (ts_gt) generate() paints the same person, and the same image for one look."""
    made, a, b = spt(configuration="ts_gt", copy_warped=copy_warped, skips=skips), look(0), look(1)
    found = texture_transfer(made, a, a, "network")
    torch.testing.assert_close(found.image, made.generate(batch_of(a, a)), rtol=0, atol=1e-6)
    assert found.changed.all()
    # With two looks, generate() keeps the source's background, and texture_transfer the other's.
    person = (b.labels != 0)[:, None].expand(-1, 3, -1, -1)
    moved, generated = texture_transfer(made, a, b, "network").image, made.generate(batch_of(a, b))
    torch.testing.assert_close(moved[person], generated[person], rtol=0, atol=1e-6)
    torch.testing.assert_close(
        moved[~person], texture_transfer(made, b, b, "network").image[~person], rtol=0, atol=1e-6
    )


def test_own_background_keeps_every_pixel_outside_the_person():
    made, a, b = spt(), look(0), look(1)
    found = texture_transfer(made, a, b)
    outside = (b.labels == 0)[:, None]
    assert torch.equal(found.changed, ~outside)
    assert torch.equal(
        found.image[outside.expand(-1, 3, -1, -1)], b.image[outside.expand(-1, 3, -1, -1)]
    )
    inside = ~outside.expand(-1, 3, -1, -1)
    assert torch.equal(found.image[inside], painted(made, a, b)[inside])
    assert not torch.equal(found.image, texture_transfer(made, b, b).image)


def test_the_network_is_fed_as_the_paper_says(monkeypatch):
    """The encoders receive image, S and p of the look, and S and p of the layout."""
    made, a, b = spt(), look(0), look(1)
    edited = b.labels.clone()
    edited[edited == 4] = 5
    seen = {}
    foreground = made.networks["foreground"]

    def spied(name, real):
        def spy(x):
            seen[name] = x
            return real(x)

        return spy

    for name in ("appearance_encoder", "semantic_encoder"):
        encoder = getattr(foreground, name)
        monkeypatch.setattr(encoder, "forward", spied(name, encoder.forward))
    painted(made, a, Look(b.image, edited, b.keypoints))
    expected = [a.image, parsing.one_hot(a.labels), pose_maps(a.keypoints, SIZE, 1.5)]
    assert torch.equal(seen["appearance_encoder"], torch.cat(expected, 1))
    expected = torch.cat([parsing.one_hot(edited), pose_maps(b.keypoints, SIZE, 1.5)], 1)
    assert torch.equal(seen["semantic_encoder"], expected)
    manipulate(made, b, edited)
    assert torch.equal(seen["semantic_encoder"], expected)


def test_an_unchanged_map_gives_the_reconstruction():
    made, a = spt(), look(0)
    found = manipulate(made, a, a.labels)
    assert torch.equal(found.image, texture_transfer(made, a, a).image)
    changed = a.labels.clone()
    changed[changed == 4] = 5
    assert not torch.equal(manipulate(made, a, changed).image, found.image)


@pytest.mark.parametrize("background", ["network", "none"])
def test_background_comes_where_an_edited_map_shows_less(background):
    made, a = spt(background=background), look(0)
    edited = a.labels.clone()
    edited[:, 22:] = 0  # no legs
    found = manipulate(made, a, edited)
    bared = (
        F.max_pool2d(((a.labels != 0) & (edited == 0))[:, None].float(), 3, 1, 1)
        * (edited == 0)[:, None]
    )
    assert torch.equal(found.changed, (edited != 0)[:, None] | (bared > 0))
    untouched = (~found.changed).expand(-1, 3, -1, -1)
    assert torch.equal(found.image[untouched], a.image[untouched])
    person = F.max_pool2d((a.labels != 0)[:, None].float(), 3, 1, 1)
    if background == "network":
        behind = made.networks["background"](a.image, person)
    else:
        behind = fill((a.image + 1) / 2, person) * 2 - 1
    where = (bared > 0).expand(-1, 3, -1, -1)
    torch.testing.assert_close(found.image[where], behind[where], rtol=0, atol=1e-6)


@pytest.mark.parametrize("region", [3, 4])
def test_try_on_keeps_the_face_and_all_else(region):
    made, person, clothing = spt(), look(0), look(1)
    only = torch.where(clothing.labels == 3, region, 0)
    found = try_on(made, Look(clothing.image, only, clothing.keypoints), person, region)
    mask = (person.labels == region)[:, None].expand(-1, 3, -1, -1)
    assert torch.equal(found.image[~mask], person.image[~mask]) and torch.equal(
        found.changed, mask[:, :1]
    )
    drawn = painted(made, Look(clothing.image, only, clothing.keypoints), person)
    assert torch.equal(found.image[mask], drawn[mask]) and not torch.equal(
        found.image[mask], person.image[mask]
    )


def test_refusals():
    with pytest.raises(ValueError, match="baseline uses no parsing maps"):
        applications.check(spt(configuration="baseline", style="mask"))
    with pytest.raises(ValueError, match="this SPT has no background network"):
        texture_transfer(spt(background="none"), look(0), look(1), "network")
