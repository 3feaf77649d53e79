"""augment import-weights: files of old torch versions, and hostile files."""

import pickle
import zipfile

import pytest
import tiny_models
import torch
from hostile import malicious_checkpoint
from public_patn_model import output, public_patn

from generators.training.batch import Batch
from generators.training.checkpoint import load_generator, load_pose_network, read_trained_on

SIZE = (32, 16)


@pytest.fixture
def importing(augment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(file, *options):
        return augment(
            "import-weights",
            "patn",
            str(file),
            "--output",
            "patn.pt",
            "--image-size",
            "32x16",
            "--sigma-px",
            "1.5",
            *options,
        )

    return run


@pytest.fixture
def batch() -> Batch:
    draws = torch.Generator().manual_seed(0)
    image, pose = (
        torch.rand(2, 3, *SIZE, generator=draws) * 2 - 1,
        torch.rand(2, 18, *SIZE, generator=draws),
    )
    keypoints = torch.rand(2, 18, 2, generator=draws) * 15
    return Batch(image, image, keypoints, keypoints, pose, pose.flip(0))


def assert_renders(file, batch, expected):
    generator = load_generator(file, "cpu")
    generator.networks["network"].to(
        memory_format=torch.contiguous_format
    )  # sums in the public network's order
    torch.testing.assert_close(generator.generate(batch), expected, rtol=0, atol=1e-6)


def old_tensor(tensor):
    """As torch 0.3 pickled a tensor: rebuilt without `requires_grad`."""
    return torch._utils._rebuild_tensor, (
        tensor.storage(),
        tensor.storage_offset(),
        tuple(tensor.shape),
        tensor.stride(),
    )


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("kind", ["batch", "instance_old"])
def test_round_trip(importing, batch, tmp_path, kind, zipped):
    public = public_patn(kind)
    expected = output(public, batch)
    torch.save(public.state_dict(), "latest_net_netG.pth", _use_new_zipfile_serialization=zipped)
    assert zipfile.is_zipfile("latest_net_netG.pth") == zipped
    result = importing("latest_net_netG.pth")
    assert result.exit_code == 0, result.output
    assert (
        "ngf 4: 0.06 M parameters (the paper has 41.36 M), all shapes checked; at 32x16, sigma 1.5 px"
        in result.output
    )
    assert ("running statistics of instance norms left out" in result.output) == (
        kind == "instance_old"
    )
    assert_renders(tmp_path / "patn.pt", batch, expected)
    # Its training images are unknown: no reduced set holds this name, so leak_free refuses it.
    assert read_trained_on(tmp_path / "patn.pt")["images"] == ["unknown: public weights"]


def test_as_torch_0_3_wrote_it(importing, batch, tmp_path, monkeypatch):
    public = public_patn("batch")
    tensors = {
        "module." + name: value
        for name, value in public.state_dict().items()
        if not name.endswith("tracked")
    }
    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "__reduce_ex__", lambda tensor, _: old_tensor(tensor))
        with pytest.warns(UserWarning, match="TypedStorage is deprecated"):
            torch.save(tensors, "old.pth", _use_new_zipfile_serialization=False)
    assert b"_rebuild_tensor_v2" not in (tmp_path / "old.pth").read_bytes()
    result = importing("old.pth")
    assert result.exit_code == 0, result.output
    assert_renders(tmp_path / "patn.pt", batch, output(public, batch))


def test_refusals(importing, tmp_path):
    def refused(file):
        result = importing(file)
        assert result.exit_code == 1 and not (tmp_path / "patn.pt").exists()
        return result.output

    assert refused("absent.pth") == "Error: absent.pth: not found\n"
    (tmp_path / "empty.pth").write_bytes(b"")
    assert refused("empty.pth") == "Error: empty.pth: is empty; download it again\n"
    for zipped in (False, True):
        torch.save(public_patn().state_dict(), "cut.pth", _use_new_zipfile_serialization=zipped)
        data = (tmp_path / "cut.pth").read_bytes()
        for share in (0.1, 0.5, 0.95):
            (tmp_path / "cut.pth").write_bytes(data[: int(share * len(data))])
            assert refused("cut.pth").startswith("Error: cut.pth: ")
    (tmp_path / "text.pth").write_text("not weights")
    assert refused("text.pth").startswith("Error: text.pth: c")
    torch.save([torch.zeros(1)], "list.pth")
    assert refused("list.pth") == "Error: list.pth: holds a list, not a state dict\n"
    torch.save({"format": "reid-augment generator, version 2"}, "ours.pth")
    assert refused("ours.pth").startswith("Error: ours.pth: is a file of this project already")
    torch.save({"model.1.weight": torch.zeros(64, 21, 7, 7)}, "netD.pth")
    assert refused("netD.pth") == (
        "Error: netD.pth: not the weights of a public PATN generator: its first convolution takes 21 channels: this is the "
        "shape discriminator; the generator's file is latest_net_netG.pth\n"
    )
    with (tmp_path / "numbers.pth").open("wb") as file:
        pickle.dump({"a": 1}, file)
    assert refused("numbers.pth").startswith("Error: numbers.pth: c")


@pytest.mark.parametrize("zipped", [False, True])
def test_code_in_a_file_is_not_run(importing, tmp_path, zipped):
    mark = malicious_checkpoint(tmp_path / "evil.pth", tmp_path / "owned", zipped)
    result = importing("evil.pth")
    assert result.exit_code == 1
    assert result.output.startswith(
        "Error: evil.pth: cannot be read as weights only; it is truncated, damaged, or would run code, and was not opened"
    )
    assert not mark.exists()


def test_pack(augment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def pack(*options):
        return augment("pack", "--generator", "patn", "--output", "patn.pt", *options)

    def refused(*options):
        result = pack(*options)
        assert result.exit_code == 1 and not (tmp_path / "patn.pt").exists()
        return result.output

    missing = "Error: models/{}/generator.pt: not found; run `augment {}` first\n"
    assert refused() == missing.format("full/patn", "train-generator --generator patn")
    tiny_models.write(tmp_path / "models/full/patn/generator.pt", tiny_models.generator("patn"))
    assert refused() == missing.format("full/pose_network", "train-pose-network")
    assert refused("--portion", "0.3") == missing.format(
        "reduced/0.3/patn", "train-generator --generator patn --portion 0.3"
    )
    tiny_models.write(
        tmp_path / "models/full/pose_network/generator.pt", tiny_models.generator("pose_network")
    )
    result = pack()
    assert result.exit_code == 0
    assert result.output.startswith(
        "pack: patn and its pose network, trained on 2 images of data/prepared -> patn.pt ("
    )
    assert load_pose_network(tmp_path / "patn.pt", "cpu") is not None
