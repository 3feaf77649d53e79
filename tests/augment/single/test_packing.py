import tiny_models

from generators.training.checkpoint import load_pose_network


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
