"""augment annotate: its output, and that an interrupted run gives the same bytes."""

import dataclasses
import json
import os

import hostile
import numpy as np
import pytest
import torch
from PIL import Image

from augment.annotation import annotate, joint_finders, picture_folder
from augment.data import pose_formats
from augment.pretrained import keypoint_rcnn
from generators.pose_network.pose_network import PoseEstimator, PoseNetworkParams
from generators.training.checkpoint import save_generator
from generators.training.phases import TrainingParams

SIZES = {
    "a.jpg": (128, 64),
    "deep/er/b.png": (64, 64),
    "c.JPG": (40, 90),
    "d.jpg": (128, 64),
    "e.jpg": (33, 17),
    "f.jpg": (128, 64),
}


@pytest.fixture
def crops(tmp_path):
    folder, rng = tmp_path / "crops", np.random.default_rng(0)
    for name, size in SIZES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(folder / name)
    (folder / "Thumbs.db").write_bytes(b"not a picture")
    return folder


@pytest.fixture(scope="module")
def network_file(tmp_path_factory):
    """A pose network that has learned nothing, so that its peaks lie anywhere."""
    training = {field.name: 1 for field in dataclasses.fields(TrainingParams)}
    training |= {
        "iterations": 1,
        "decay_start": 1,
        "betas": (0.5, 0.9),
        "flip": False,
        "seed": 0,
        "precision": "float32",
    }
    training = TrainingParams(**training)
    network = PoseEstimator(
        PoseNetworkParams(image_size=(32, 16), sigma_px=1.0, width=4, blocks=1, training=training)
    )
    file = tmp_path_factory.mktemp("network") / "generator.pt"
    save_generator(network, file, {"images": []})
    return file


def test_joints_are_in_the_pixels_of_each_image(crops, tmp_path):
    """A finder that receives images at 10 x 10 and finds joint j at (j / 2, 9), except the nose."""
    points = torch.tensor([[joint / 2, 9.0] for joint in range(18)])
    points[0] = -1
    finder = joint_finders.Finder(
        {}, lambda _: (10, 10), lambda images: points.expand(len(images), -1, -1)
    )
    annotate.run(picture_folder.find(crops), tmp_path / "out/k.csv", finder, batch=4)
    found = pose_formats.read(tmp_path / "out/k.csv").keypoints
    assert list(found) == sorted(SIZES)
    for name, (height, width) in SIZES.items():
        assert found[name][0].tolist() == [-1, -1]
        assert found[name][8].tolist() == [
            np.rint(4.5 * height / 10 - 0.5),
            np.rint(9.5 * width / 10 - 0.5),
        ]
        assert (found[name][1:] >= 0).all() and (found[name][1:] < (height, width)).all()
    assert not (tmp_path / "out/k.csv.partial").exists()


def finder_of(file, after=None):
    """The pose network's, which is killed after so many batches."""
    finder, seen = joint_finders.pose_network(file, -9.0, "cpu"), []

    def find(images):
        seen.append(len(images))
        if after is not None and len(seen) > after:
            raise KeyboardInterrupt
        return finder.find(images)

    return dataclasses.replace(finder, find=find), seen


def test_a_broken_run_comes_to_the_same_bytes(crops, tmp_path, network_file, capsys):
    pictures = picture_folder.find(crops)
    finder, seen = finder_of(network_file)
    annotate.run(pictures, tmp_path / "whole.csv", finder, batch=2)
    assert seen == [2, 2, 2]
    output = tmp_path / "broken.csv"
    for after in (1, 1):
        with pytest.raises(KeyboardInterrupt):
            annotate.run(pictures, output, finder_of(network_file, after)[0], batch=2)
        assert not output.exists()
    with (tmp_path / "broken.csv.partial").open(
        "a"
    ) as log:  # the power went while a line was written
        log.write('{"names": ["e.jp')
    finder, seen = finder_of(network_file)
    annotate.run(pictures, output, finder, batch=2)
    assert seen == [2]
    assert output.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    printed = capsys.readouterr().out
    assert "broken.csv.partial: 4 of 6 images are done already" in printed
    assert (
        "broken.csv: 6 images, 0 without a person; 18.0 of 18 joints per image; 6 images with both shoulders"
        in printed
    )
    assert f"next: augment check-keypoints {output} --images {crops} --output sheet.png" in printed


def test_what_changed_is_done_again(crops, tmp_path, network_file, capsys):
    output = tmp_path / "k.csv"
    with pytest.raises(KeyboardInterrupt):
        annotate.run(picture_folder.find(crops), output, finder_of(network_file, 2)[0], batch=2)
    Image.fromarray(hostile.PICTURE).save(crops / "a.jpg")
    finder, seen = finder_of(network_file)
    with pytest.raises(KeyboardInterrupt):
        annotate.run(picture_folder.find(crops), output, finder_of(network_file, 1)[0], batch=2)
    annotate.run(picture_folder.find(crops), output, finder, batch=2)
    assert seen == [2]
    with pytest.raises(KeyboardInterrupt):
        annotate.run(picture_folder.find(crops), output, finder_of(network_file, 2)[0], batch=2)
    finder, seen = finder_of(network_file)
    annotate.run(picture_folder.find(crops), output, finder, batch=3)
    assert seen == [3, 3]
    assert (
        "k.csv.partial: was written with other settings; starting afresh" in capsys.readouterr().out
    )


def test_settings_are_all_that_results_depend_on(network_file):
    keys = [
        joint_finders.pose_network(network_file, threshold, "cpu").key for threshold in (None, 0.3)
    ]
    assert keys[0]["threshold"] == 0.2 and keys[1]["threshold"] == 0.3
    assert keys[0] | {"threshold": 0.3} == keys[1] and len(keys[0]["weights"]) == 64
    json.dumps(keys)


def test_names_that_the_csv_cannot_hold(crops, tmp_path, network_file):
    (crops / "a.jpg").rename(crops / "12:30.jpg")
    (crops / "d.jpg").rename(crops / " d.jpg")
    with pytest.raises(
        ValueError,
        match=r"2 names hold ':' or begin or end with a space, .* rename ' d.jpg', '12:30.jpg'",
    ):
        annotate.run(picture_folder.find(crops), tmp_path / "k.csv", finder_of(network_file)[0], 2)


def test_bad_pictures_are_named_before_the_work(crops):
    hostile.truncated(crops / "g.jpg")
    hostile.gif(crops / "h.jpg")
    hostile.png_header(crops / "i.png", 30_000, 30_000)
    hostile.empty(crops / "j.jpg")
    with pytest.raises(ValueError) as caught:
        picture_folder.find(crops)
    for text in (
        "h.jpg: is a GIF file by its content",
        "i.png: far too many pixels by its header",
        "j.jpg: is empty",
    ):
        assert text in str(caught.value)
    hostile.link(crops / "k.jpg", crops.parent / "elsewhere.jpg")
    with pytest.raises(ValueError, match="through a symbolic link"):
        picture_folder.find(crops)
    hostile.with_newline(crops)
    hostile.with_foreign_bytes(crops)
    with pytest.raises(ValueError, match="; and [12] more$"):
        picture_folder.find(crops)


def test_a_folder_without_pictures(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: folder not found"):
        picture_folder.find(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"holds no pictures \(.jpg, .jpeg, .png"):
        picture_folder.find(tmp_path)


def test_of_a_market_tree_its_folders_alone(market):
    picture_folder.find(market)
    (market / "gt_bbox").mkdir()
    (market / "gt_bbox/0001_c1s1_000111_00.jpg").write_bytes(b"never looked at")
    found = picture_folder.find(market)
    assert {name.split("/")[0] for name in found.sizes} == {
        "bounding_box_train",
        "bounding_box_test",
        "query",
    }
    assert found.others == "3 other files, gt_bbox"


def test_a_picture_that_breaks_later_is_named(crops):
    pictures = picture_folder.find(crops)
    hostile.truncated(crops / "d.jpg")
    with pytest.raises(ValueError, match="d.jpg: cannot be decoded"):
        list(
            picture_folder.decoded(
                crops, [["a.jpg"], ["c.JPG", "d.jpg"], ["e.jpg"]], lambda image: image.size
            )
        )
    batches = [list(pictures.sizes)[:2], ["c.JPG"]]
    found = list(picture_folder.decoded(crops, batches, lambda image: image.size))
    assert found == [(["a.jpg", "c.JPG"], [(64, 128), (90, 40)]), (["c.JPG"], [(90, 40)])]


def test_large_pictures_are_reduced_for_the_keypoint_network():
    assert joint_finders._bounded((128, 64)) == (128, 64) and joint_finders._bounded(
        (4096, 2048)
    ) == (1024, 512)
    finder = joint_finders.Finder({}, joint_finders._bounded, lambda images: None)
    assert finder.pixels(Image.new("RGB", (2048, 16))).shape == (3, 8, 1024)


def test_the_command(crops, tmp_path, network_file, augment, cache):
    output = tmp_path / "k.csv"
    given = (
        "annotate",
        str(crops),
        "--output",
        str(output),
        "--from-model",
        str(network_file),
        "--device",
        "cpu",
    )
    result = augment(*given, "--dry-run")
    assert result.exit_code == 0 and not output.exists()
    assert f"annotate: 6 images of {crops} (not read: 1 other files) -> {output}" in result.output
    result = augment(*given, "--threshold", "2")  # higher than any peak
    assert (
        result.exit_code == 0
        and "6 images, 6 without a person; 0.0 of 18 joints per image" in result.output
    )
    assert (pose_formats.read(output).keypoints["a.jpg"] == -1).all()
    other = tmp_path / "other.pt"
    result = augment(
        "annotate",
        str(crops),
        "--output",
        str(output),
        "--from-model",
        str(other),
        "--device",
        "cpu",
    )
    assert (
        result.exit_code == 1
        and "other.pt: not found; `augment train-pose-network` writes" in result.output
    )
    other.write_bytes(b"no network")
    result = augment(
        "annotate",
        str(crops),
        "--output",
        str(output),
        "--from-model",
        str(other),
        "--device",
        "cpu",
    )
    assert result.exit_code == 1 and "other.pt: not a readable checkpoint" in result.output


def test_another_generator_is_no_pose_network(project, crops, augment):
    file = "models/full/patn/generator.pt"
    result = augment(
        "annotate", str(crops), "--output", "k.csv", "--from-model", file, "--device", "cpu"
    )
    assert result.exit_code == 1 and f"{file}: holds patn, not a pose network" in result.output


def test_the_keypoint_network_on_images_of_any_size(crops, tmp_path, cache, monkeypatch):
    from torchvision.models.detection import keypointrcnn_resnet50_fpn

    torch.manual_seed(0)
    network = keypointrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, min_size=32, box_detections_per_img=2
    ).eval()
    monkeypatch.setattr(keypoint_rcnn, "fetched", lambda device: network)
    (cache / "keypointrcnn_resnet50_fpn_coco-fc266e95.pth").write_bytes(b"its digest counts")
    for name in ("c.JPG", "d.jpg", "f.jpg", "deep/er/b.png"):
        os.remove(crops / name)
    found = annotate.run(
        picture_folder.find(crops), tmp_path / "k.csv", joint_finders.keypoint_rcnn(None, "cpu"), 2
    )
    assert list(found) == ["a.jpg", "e.jpg"] and all(
        points.shape == (18, 2) for points in found.values()
    )
