"""generate with puppets and recomposition, and train-reid with online puppets."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import upright
from PIL import Image

from augment import files, paths, prepared
from augment.augmentations import parse
from augment.generation import puppets
from augment.generation.puppets import Scenes, plan
from augment.prepared import index, keypoints, market1501
from augment.reid_training.online import OnlineParams, OnlinePuppets

CONTROLS = ("puppet", "puppet-pose", "puppet-plate", "puppet-plate_cast", "puppet-pose_plate")
UPRIGHT = np.array(upright.UPRIGHT)
KEPT = pd.DataFrame(
    [
        (f"t/{name}", pid, camid, "train", "", "", "", "")
        for name, pid, camid in (("a", 1, 0), ("b", 1, 3), ("c", 2, 2), ("d", 3, 3))
    ],
    columns=index.COLUMNS,
)
WANTED = pd.DataFrame(
    {"pid": [1, 2, 3] * 5, "path": [f"t/removed{number}" for number in range(15)]}
)
FOUND = {"a": UPRIGHT, "b": UPRIGHT, "c": UPRIGHT, "d": np.full((18, 2), -1)}


def run(augment, *arguments):
    result = augment(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def generated(name):
    return Path("data/generated") / name / "0.4"


def test_scenes_are_of_other_cameras_and_cameras_are_equally_likely():
    camids = np.array([0] * 50 + [1] * 2 + [2] * 2)
    usable = np.ones(54, bool)
    usable[53] = False
    scenes, rng = Scenes(camids, usable), np.random.default_rng(0)
    drawn = [scenes.draw(rng, 2) for _ in range(2000)]
    assert 53 not in drawn and 0.45 < np.mean(camids[drawn] == 0) < 0.55
    assert {*camids[[scenes.draw(rng, 0) for _ in range(50)]]} == {1, 2}


def test_a_single_camera_is_its_own_scene():
    scenes = Scenes(np.zeros(3, int), np.array([True, False, True]))
    assert {scenes.draw(np.random.default_rng(seed), 0) for seed in range(20)} == {0, 2}
    with pytest.raises(ValueError, match="puppets have no scenes"):
        Scenes(np.zeros(3, int), np.zeros(3, bool))


def test_a_row_has_its_sources_identity_and_its_scenes_camera(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prepared.write(prepared.About("mini_market", market1501.SIZE, True), paths.PREPARED)
    camids = dict(zip(KEPT["path"], KEPT["camid"], strict=True))
    plans = {name: plan(KEPT, WANTED, FOUND, parse(name), 0) for name in CONTROLS}
    for name, (rows, counts) in plans.items():
        assert rows["pid"].tolist() == [1, 2, 3] * 5 and set(rows["generator"]) == {"puppet"}
        assert counts == {"sources_without_torso": 5, "scenes_without_torso": 1}
        shown = rows["scene"].where(rows["scene"] != "", rows["source"])
        assert rows["camid"].tolist() == [camids[path] for path in shown]
        assert ((rows["scene"] != "") == ("plate" in parse(name).takes)).all()
        assert ((rows["target"] == rows["source"]) == ("pose" not in parse(name).takes)).all()
        assert "t/d" not in set(rows["scene"])
        market1501.parse_name(Path(rows["path"][0]).name)
    # The controls differ in nothing but what they take.
    all_of_it = plans["puppet"][0]
    for name in CONTROLS[1:]:
        assert plans[name][0]["source"].equals(all_of_it["source"])
    assert plans["puppet-plate"][0]["scene"].equals(all_of_it["scene"])
    assert plans["puppet-pose"][0]["target"].equals(all_of_it["target"])


@pytest.mark.parametrize("name", CONTROLS)
def test_every_control_writes_its_set(project, augment, name):
    run(augment, "generate", "--portion", "0.4", "--augmentation", name)
    rows = index.read(generated(name) / "index.csv")
    removed = index.read(project / "data/reduced/0.4/removed.csv")
    assert rows["pid"].tolist() == removed["pid"].tolist()
    for path in rows["path"]:
        with Image.open(generated(name) / path) as image:
            assert image.size == (32, 64)
    assert (generated(name) / "contact_sheet.png").is_file()
    output = run(
        augment, "train-reid", "--model", "inception", "--portion", "0.4", "--augmentation", name
    )
    assert "8 real and 12 generated images" in output


def test_every_image_named_is_in_the_reduced_set(project, augment):
    run(augment, "generate", "--portion", "0.4", "--generator", "puppet")
    kept = set(index.read(project / "data/reduced/0.4/index.csv")["path"])
    rows, manifest = (
        index.read(generated("puppet") / "index.csv"),
        files.read_json(generated("puppet") / "manifest.json"),
    )
    assert {*rows["source"], *rows["target"], *rows["scene"]} <= kept
    assert (
        manifest["trained_on"] is None
        and set(manifest["real"]) == kept
        and manifest["protocol"] == "leak_free"
    )


def test_without_the_removed_images_puppets_come_out_the_same(project, augment):
    """Removed images are deleted with maps, keypoints and index rows, and no result changes."""

    def make():
        run(augment, "generate", "--portion", "0.4", "--generator", "puppet")
        run(
            augment,
            "train-reid",
            "--model",
            "inception",
            "--portion",
            "0.4",
            "--augmentation",
            "puppet-online",
        )
        trained = project / "models/reid/iterations/inception/puppet-online/0.4/seed0/weights.pt"
        return {
            file.name: file.read_bytes()
            for file in generated("puppet").rglob("*")
            if file.is_file()
        }, trained.read_bytes()

    before = make()
    assert len(before[0]) == 16
    shutil.rmtree(generated("puppet"))
    shutil.rmtree(project / "models/reid/iterations/inception/puppet-online")
    removed = index.read(project / "data/reduced/0.4/removed.csv")["path"]
    for path in removed:
        (project / "data/prepared" / path).unlink()
        (project / "data/prepared/parsing" / Path(path).with_suffix(".png").name).unlink()
    table, names = project / "data/prepared/keypoints.csv", {Path(path).name for path in removed}
    found = keypoints.read(table, market1501.SIZE)
    keypoints.write({name: points for name, points in found.items() if name not in names}, table)
    rows = index.read(project / "data/prepared/index.csv")
    index.write(rows[~rows["path"].isin(removed)], project / "data/prepared/index.csv")
    assert make() == before


def test_without_a_generator_named_the_trained_one_is_taken_or_else_puppets(project, augment):
    assert "generate: patn, portion 0.4" in run(
        augment, "generate", "--portion", "0.4", "--dry-run"
    )
    shutil.rmtree("models/full")
    assert "generate: puppet, portion 0.4" in run(
        augment, "generate", "--portion", "0.4", "--dry-run"
    )


def test_other_settings_start_afresh_and_a_stopped_run_goes_on(project, augment):
    run(augment, "generate", "--portion", "0.4", "--generator", "puppet")
    (generated("puppet") / index.read(generated("puppet") / "index.csv")["path"][3]).unlink()
    assert "11 images exist already" in run(
        augment, "generate", "--portion", "0.4", "--generator", "puppet"
    )
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("dilation: 0.15", "dilation: 0.2"))
    assert "starting afresh" in run(
        augment, "generate", "--portion", "0.4", "--generator", "puppet"
    )


def test_recomposition_changes_the_background_and_the_camera(project, augment):
    run(augment, "generate", "--portion", "0.4", "--generator", "patn", "--background", "other")
    plain, rows = (
        index.read(generated(name) / "index.csv") for name in ("patn", "patn-recomposed")
    )
    assert rows[["pid", "source", "target"]].equals(plain[["pid", "source", "target"]])
    assert (rows["scene"] != "").all() and (rows["camid"] != plain["camid"]).all()
    manifest = files.read_json(generated("patn-recomposed") / "manifest.json")
    assert (
        manifest["trained_on"] == files.read_json(generated("patn") / "manifest.json")["trained_on"]
    )
    assert set(rows["scene"]) <= set(index.read(project / "data/reduced/0.4/index.csv")["path"])
    with Image.open(generated("patn-recomposed") / rows["path"][0]) as image:
        assert image.size == (16, 32)
    shutil.rmtree(generated("patn"))
    result = augment("generate", "--portion", "0.4", "--augmentation", "patn-recomposed")
    assert result.exit_code == 1
    assert "run `augment generate --augmentation patn --portion 0.4` first" in result.output


def test_there_is_nothing_to_generate_for_none_and_online(project, augment):
    for name in ("none", "classic", "puppet-online"):
        result = augment("generate", "--portion", "0.4", "--augmentation", name)
        assert result.exit_code == 1 and f"{name}: no images to generate" in result.output


def test_parsing_maps_are_used_where_there_are_any(project):
    rows = index.read(project / "data/reduced/0.4/index.csv")
    found = keypoints.read(project / "data/prepared/keypoints.csv", market1501.SIZE)
    sharp = puppets.studio(rows, found, puppets.build(), (64, 32), "cpu")
    labels = Image.open(
        project / "data/prepared/parsing" / Path(rows["path"][0]).with_suffix(".png").name
    )
    person = np.asarray(labels.resize((32, 64), Image.Resampling.NEAREST)) > 0
    assert (
        not sharp.person[0, 0].numpy()[~person].any()
        and sharp.person[0].float().mean() > 0.3 * 255 * person.mean()
    )
    (project / "data/prepared/parsing" / Path(rows["path"][2]).with_suffix(".png").name).unlink()
    with pytest.raises(
        ValueError, match="not found; other images of data/prepared have a parsing map"
    ):
        puppets.studio(rows, found, puppets.build(), (64, 32), "cpu")
    shutil.rmtree(project / "data/prepared/parsing")
    assert puppets.studio(rows, found, puppets.build(), (64, 32), "cpu").person is None


@pytest.fixture
def online(project):
    def make(**changes):
        rows = index.read(project / "data/reduced/0.4/index.csv")
        found = keypoints.read(project / "data/prepared/keypoints.csv", market1501.SIZE)
        params = OnlineParams(**({"share": 0.5, "girth": 0.1, "flip": 0.5} | changes))
        return OnlinePuppets(rows, found, puppets.build(), params, (32, 16), 0, "cpu")

    return make


def test_online_puppets_follow_from_the_step_alone(online):
    draw, rows = online(), torch.tensor([0, 1, 2, 3, 4, 5, 6, 7] * 4)
    every = slice(0, 32)
    first, again, other = draw(3, rows, every), online()(3, rows, every), draw(4, rows, every)
    assert first.shape == (32, 3, 32, 16) and first.dtype == torch.float32
    assert torch.equal(first, again) and not torch.equal(first, other)
    # A process that trains on half of the batch draws that half.
    assert torch.allclose(draw(3, rows, slice(16, 32)), first[16:], atol=1e-3)


def test_the_share_of_online_puppets(online):
    rows = torch.arange(8).repeat(50)
    real = online(share=0.0)(0, rows, slice(0, 400))
    drawn = torch.nn.functional.interpolate(
        online().studio.pixels[rows].float(), (32, 16), mode="bilinear", antialias=True
    )
    assert torch.equal(real, drawn)
    for share in (0.0, 0.5, 1.0):
        drawn = online(share=share)(0, rows, slice(0, 400))
        changed = (drawn != real).flatten(1).any(1).float().mean().item()
        assert abs(changed - share) < 0.1 and drawn.min() >= 0 and drawn.max() <= 255


def test_online_params_that_make_no_sense():
    with pytest.raises(ValueError, match=r"online.share must lie in \[0, 1\], got 1.5"):
        OnlineParams(share=1.5, girth=0.1, flip=0.5)
    with pytest.raises(ValueError, match=r"online.girth must lie in \[0, 1\), got 1.0"):
        OnlineParams(share=0.5, girth=1.0, flip=0.5)


def test_online_training_writes_a_result_and_no_image(project, augment):
    output = run(
        augment,
        "train-reid",
        "--model",
        "inception",
        "--portion",
        "0.4",
        "--augmentation",
        "puppet-online",
    )
    assert "8 real and 80% online images" in output and "images without torso" in output
    result = json.loads(
        Path("results/reid/iterations/inception/puppet-online/0.4/seed0.json").read_text()
    )
    assert (result["augmentation"], result["train_images"], result["generated_images"]) == (
        "puppet-online",
        8,
        0,
    )
    assert result["online_share"] == 0.8
    assert not generated("puppet-online").exists()
    with Image.open(
        "models/reid/iterations/inception/puppet-online/0.4/seed0/puppets.png"
    ) as sheet:
        assert sheet.width > 16 * 64
