import pytest
import torch
from torch.nn import functional as F

from generators.body.parsing import one_hot
from generators.spgnet.region_norm import Layout, RegionNorm, StyleEncoder, region_means

SIZE, LABELS = (12, 8), 10


@pytest.fixture
def maps() -> torch.Tensor:
    """Two one-hot maps; the second lacks labels 7 to 9."""
    labels = torch.randint(0, LABELS, (2, *SIZE), generator=torch.Generator().manual_seed(1))
    labels[1].clamp_(max=6)
    return one_hot(labels)


def region_norm(style_channels: int, norm: str = "batch") -> RegionNorm:
    torch.manual_seed(0)
    found = RegionNorm(6, LABELS, 5, style_channels, norm)
    if style_channels:
        torch.nn.init.normal_(found.theta)
    return found


def test_region_means(maps):
    features = torch.randn(2, 3, *SIZE)
    found = region_means(features, maps)
    for sample in range(2):
        for label in range(LABELS):
            region = maps[sample, label] > 0
            wanted = features[sample][:, region].mean(1) if region.any() else torch.zeros(3)
            assert torch.allclose(found[sample, label], wanted, atol=1e-6)
    assert found.shape == (2, LABELS, 3) and not found[1, 7:].any()


def test_region_means_are_exact_in_mixed_precision():
    features, everywhere = torch.full((1, 2, 64, 64), 0.1).bfloat16(), torch.ones(1, 1, 64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        found = region_means(features, everywhere)
    assert torch.allclose(found, features[0, 0, 0, 0].float()) and found.dtype == torch.float32


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_equations_6_and_7(maps, norm):
    region, styles = region_norm(4, norm), torch.randn(2, LABELS, 4)
    h = 3 + 2 * torch.randn(2, 6, *SIZE)
    style_map = torch.einsum(
        "nld,nlhw->ndhw", styles, maps
    )  # C: every pixel has its region's style
    h_s = F.conv2d(F.relu(region.hidden(maps)), region.layout.weight, region.layout.bias, padding=1)
    h_c = F.conv2d(style_map, region.style.weight, region.style.bias, padding=1)
    theta_alpha, theta_beta = torch.sigmoid(region.theta)
    alpha = theta_alpha * h_s[:, :6] + (1 - theta_alpha) * h_c[:, :6]  # (7)
    beta = theta_beta * h_s[:, 6:] + (1 - theta_beta) * h_c[:, 6:]
    over = (0, 2, 3) if norm == "batch" else (2, 3)
    mean, variance = h.mean(over, keepdim=True), h.var(over, correction=0, keepdim=True)
    wanted = alpha * (h - mean) / (variance + 1e-5).sqrt() + beta  # (6)
    assert torch.allclose(region(h, Layout.at(maps, SIZE), styles), wanted, atol=1e-4)


def test_without_styles_it_is_spade(maps):
    region = region_norm(0)
    assert region.style is None and region.theta is None
    h = torch.randn(2, 6, *SIZE)
    alpha, beta = F.conv2d(
        F.relu(region.hidden(maps)), region.layout.weight, region.layout.bias, padding=1
    ).chunk(2, 1)
    wanted = alpha * F.batch_norm(h, None, None, training=True) + beta
    assert torch.allclose(region(h, Layout.at(maps, SIZE), None), wanted, atol=1e-5)


def test_a_style_changes_only_its_region(maps):
    region, styles, h = region_norm(4).eval(), torch.randn(2, LABELS, 4), torch.randn(2, 6, *SIZE)
    layout = Layout.at(maps, SIZE)
    changed = styles.clone()
    changed[0, 3] += 1
    moved = (region(h, layout, changed) - region(h, layout, styles)).abs().amax(1) > 1e-6
    near = F.max_pool2d(maps[:, 3:4], 3, 1, 1)[:, 0] > 0  # the kernel is 3 wide
    assert torch.equal(moved[0], near[0]) and not moved[1].any()


def test_training_begins_as_plain_normalisation(maps):
    region = region_norm(4)
    region.start()
    alpha, beta = region.scale_and_shift(Layout.at(maps, SIZE), torch.randn(2, LABELS, 4)).chunk(
        2, 1
    )
    assert (alpha - 1).abs().max() < 0.5 > beta.abs().max()


def test_layouts_at_a_smaller_scale_stay_one_hot(maps):
    layout = Layout.at(maps, (6, 4))
    assert layout.one_hot.shape == (2, LABELS, 6, 4) and torch.equal(
        layout.one_hot.sum(1), torch.ones(2, 6, 4)
    )
    assert layout.patches.shape == (2, 24, 9 * LABELS)


def test_styles_of_regions_do_not_mix(maps):
    torch.manual_seed(0)
    encoder = StyleEncoder(LABELS, 4, "batch")
    image = torch.randn(2, 3, *SIZE)
    assert encoder(image, maps).shape == (2, LABELS, 4)
    means = torch.randn(2, LABELS * 4, 1, 1)
    changed = means.clone()
    changed[0, 3 * 4 : 4 * 4] += 1  # style of label 3
    moved = (encoder.regions(changed) - encoder.regions(means)).abs().view(2, LABELS, 4).amax(2) > 0
    assert moved.nonzero().tolist() == [[0, 3]]


def test_a_region_that_the_source_lacks_has_the_style_of_its_label(maps):
    encoder = StyleEncoder(LABELS, 4, "batch").eval()
    first, second = (encoder(torch.randn(2, 3, *SIZE), maps)[1, 7:] for _ in range(2))
    assert torch.equal(first, second) and first.abs().sum() > 0
