import pytest
import torch
from torchvision.models import vgg16

from generators.networks.features import feature_network
from generators.networks.losses import PerceptualLoss
from generators.pose_network.pose_network import PoseNetwork


@pytest.fixture
def trunk() -> PoseNetwork:
    return PoseNetwork(4, 1, (16, 16)).eval().requires_grad_(False)


def test_layers_of_vgg_are_torchvisions(monkeypatch):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = vgg16(weights=None, init_weights=False).features[:9].eval()
    weights = {f"features.{name}": value for name, value in theirs.state_dict().items()}
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *args, **kwargs: weights)
    ours = feature_network("vgg16", ("relu2_2", "relu1_2"), None)
    images = torch.rand(2, 3, 16, 8) * 2 - 1
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = ((images + 1) / 2 - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    wanted = [theirs(x), theirs[:4](x)]
    for one, other in zip(ours(images), wanted, strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    assert not any(parameter.requires_grad for parameter in ours.parameters())


def test_the_pose_networks_levels(trunk):
    network = feature_network("pose_network", ("relu1_2", "relu2_1", "relu5_1"), trunk)
    images = torch.rand(2, 3, 16, 16)
    for one, level in zip(network(images), (0, 1, 3), strict=True):
        assert torch.equal(one, trunk.features(images)[level])
    assert list(network.parameters()) == []


def test_perceptual_loss_on_several_layers_is_the_mean(trunk):
    a, b = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    each = [
        PerceptualLoss("pose_network", trunk, (layer,))(a, b) for layer in ("relu1_1", "relu2_1")
    ]
    both = PerceptualLoss("pose_network", trunk, ("relu1_1", "relu2_1"))(a, b)
    assert both.item() == pytest.approx((each[0] + each[1]).item() / 2, rel=1e-5)


@pytest.mark.parametrize(
    "kind, layers, message",
    [
        (
            "resnet",
            ("relu1_1",),
            "perceptual is 'resnet'; it must be one of vgg19, vgg16, pose_network",
        ),
        (
            "pose_network",
            ("relu1_1",),
            "needs a trained pose network; run `augment train-pose-network` first",
        ),
        ("vgg19", ("relu9_1",), "vgg19 has no layer 'relu9_1'"),
    ],
)
def test_errors(kind, layers, message):
    with pytest.raises(ValueError, match=message):
        feature_network(kind, layers, None)


def test_unknown_layer_of_the_pose_network(trunk):
    with pytest.raises(ValueError, match="unknown layer 'conv1'"):
        feature_network("pose_network", ("conv1",), trunk)
