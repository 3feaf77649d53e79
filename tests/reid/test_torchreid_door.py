import dataclasses
import sys

import pytest
import torch
from reid_toy import PARAMS

from reid import torchreid_door
from reid.models import build

NECK = dataclasses.replace(PARAMS.network, width=1.0, head="bnneck", embedding=None, dropout=0.0)
CHANNELS = {"osnet_x0_25": 512, "resnet18": 512, "mobilenetv2_x1_0": 1280, "squeezenet1_1": 512}


def test_many_backbones_by_name():
    names = torchreid_door.names()
    assert {
        f"torchreid:{name}"
        for name in (*CHANNELS, "osnet_x1_0", "resnet50_fc512", "osnet_ain_x1_0", "resnet50_ibn_a")
    } <= {*names}
    assert names == sorted(names)


@pytest.mark.parametrize(("name", "channels"), CHANNELS.items())
@pytest.mark.parametrize("head", ["linear", "bnneck"])
def test_our_head_on_their_features(name, channels, head):
    params = dataclasses.replace(NECK, head=head, embedding=16 if head == "linear" else None)
    model = build(f"torchreid:{name}", 7, params)
    images = torch.randn(2, 3, 64, 32)
    pooled, embedding, logits = model(images)
    assert pooled.shape == (2, channels) and logits.shape == (2, 7)
    assert embedding.shape == (2, 16 if head == "linear" else channels)
    logits.square().sum().backward()
    idle = {
        name
        for name, weight in model.named_parameters()
        if weight.requires_grad and weight.grad is None
    }
    assert (
        not idle
    )  # a weight that does not affect the output would stop processes that train together
    model.eval()
    with torch.no_grad():
        torch.testing.assert_close(model(images).pooled, model.base.network(images))


def test_last_stride():
    strides = {}
    for stride in (1, 2):
        model = build("torchreid:resnet18", 7, dataclasses.replace(NECK, last_stride=stride))
        strides[stride] = model.base.network.featuremaps(torch.randn(1, 3, 64, 32)).shape
    assert strides == {1: (1, 512, 4, 2), 2: (1, 512, 2, 1)}
    with pytest.raises(
        ValueError,
        match="torchreid:osnet_x0_25 is not a ResNet, so network.last_stride cannot be 1",
    ):
        build("torchreid:osnet_x0_25", 7, dataclasses.replace(NECK, last_stride=1))


def test_unknown_names_and_missing_weights_are_errors(monkeypatch):
    with pytest.raises(
        ValueError,
        match="unknown backbone 'torchreid:osnet'; torchreid has .*torchreid:osnet_x0_25",
    ):
        dataclasses.replace(PARAMS, backbone="torchreid:osnet")
    with pytest.raises(
        ValueError, match="torchreid has no ImageNet weights for torchreid:shufflenet_v2_x2_0"
    ):
        build("torchreid:shufflenet_v2_x2_0", 7, dataclasses.replace(NECK, pretrained=True))

    def unreachable(*_, pretrained, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(torchreid_door._models(), "build_model", unreachable)
    with pytest.raises(
        OSError,
        match="cannot load the ImageNet weights of osnet_x0_25 .*no route to host(.|\n)*pretrained",
    ):
        build("torchreid:osnet_x0_25", 7, dataclasses.replace(NECK, pretrained=True))


def test_a_data_set_of_our_own():
    items = [("a.jpg", 0, 1, 1)]
    torchreid_door.register_images("made_by_a_test", items, items, items)
    data = torchreid_door._torchreid("the test needs", "").data
    found = data.datasets.init_image_dataset("made_by_a_test", mode="query", verbose=False)
    assert (found.data, type(found).__name__) == (items, "made_by_a_test")
    with pytest.raises(
        ValueError,
        match="torchreid already has a data set named 'made_by_a_test'; choose another name",
    ):
        torchreid_door.register_images("made_by_a_test", items, items, items)


def test_without_torchreid(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchreid.reid", None)
    with pytest.raises(
        ValueError,
        match="backbones torchreid:NAME need torchreid .*: pip install torchreid, or choose",
    ):
        dataclasses.replace(PARAMS, backbone="torchreid:osnet_x0_25")
    with pytest.raises(
        ValueError, match="to register a data set you need torchreid .*: pip install torchreid"
    ):
        torchreid_door.register_images("ours", [], [], [])
