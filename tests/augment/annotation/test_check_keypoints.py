"""augment check-keypoints on made files and on the prepared set."""

import numpy as np
import pose_files
import pytest
from PIL import Image
from upright import UPRIGHT

from augment.annotation import check_keypoints as checks
from augment.annotation import keypoint_sheet, keypoint_source
from augment.prepared import keypoints

PERSON = np.array(UPRIGHT, float)


@pytest.fixture
def crops(tmp_path):
    folder, rng = tmp_path / "crops", np.random.default_rng(0)
    folder.mkdir()
    for number in range(12):
        Image.fromarray(rng.integers(0, 256, (128, 64, 3), dtype=np.uint8)).save(
            folder / f"{number:02}.jpg"
        )
    return folder


def people(crops):
    return {file.name: PERSON for file in sorted(crops.iterdir())}


def test_a_good_file(crops, tmp_path, augment):
    file = pose_files.coco_results(tmp_path / "k.json", people(crops))
    sheet = tmp_path / "sheet.png"
    result = augment(
        "check-keypoints", str(file), "--images", str(crops), "--output", str(sheet), "--count", "5"
    )
    assert result.exit_code == 0, result.output
    assert f"{file}: format coco; keypoints of 12 images" in result.output
    assert "  neck = middle of the shoulders, missing where one of them is\n" in result.output
    assert f"  12 of 12 images in {crops} have keypoints" in result.output
    assert (
        "  0 without any joint, 12 with all 18, 12 with both shoulders and hips; 18.0 joints per image"
        in result.output
    )
    assert "nose 100%" in result.output and "no problems found" in result.output
    assert f"{sheet}: 5 of 12 images" in result.output
    with Image.open(sheet) as image:
        assert image.width > 5 * 96 and image.height > keypoint_sheet.HEIGHT_PX
        first = image.tobytes()
    augment(
        "check-keypoints", str(file), "--images", str(crops), "--output", str(sheet), "--count", "5"
    )
    with Image.open(sheet) as image:
        assert image.tobytes() == first
    augment(
        "check-keypoints",
        str(file),
        "--images",
        str(crops),
        "--output",
        str(sheet),
        "--count",
        "5",
        "--seed",
        "1",
    )
    with Image.open(sheet) as image:
        assert image.tobytes() != first


def test_a_wrong_file_ends_with_1(crops, tmp_path, augment):
    file = tmp_path / "k.csv"
    keypoints.write({name: points[:, ::-1] for name, points in people(crops).items()}, file)
    result = augment("check-keypoints", str(file), "--images", str(crops))
    assert result.exit_code == 1
    assert (
        "  ERROR: x and y are swapped (y comes first here); joints reach to y 46 and x 114"
        in result.output
    )
    assert (
        "(for example 00.jpg, 01.jpg, 02.jpg)" in result.output
        and "no problems found" not in result.output
    )


def test_without_a_match_there_is_no_sheet(crops, tmp_path, augment):
    file = pose_files.coco_results(tmp_path / "k.json", {"x.jpg": PERSON})
    result = augment(
        "check-keypoints",
        str(file),
        "--images",
        str(crops),
        "--output",
        str(tmp_path / "sheet.png"),
    )
    assert result.exit_code == 1 and not (tmp_path / "sheet.png").exists()
    assert "sheet.png: not written, because no image has keypoints" in result.output


def test_suspects_come_first(crops, tmp_path):
    wrong = people(crops) | {"07.jpg": PERSON[::-1].copy()}
    file = pose_files.coco_annotations(tmp_path / "k.json", wrong)
    (source,) = keypoint_source.of_files([file], crops, None, 0.1)
    drawn = {}

    def draw(shown, suspects, count, seed):
        drawn["suspects"] = suspects
        return Image.new("RGB", (1, 1))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keypoint_sheet, "draw", draw)
        checks.run([source], tmp_path / "sheet.png", 4, 0)
    assert drawn["suspects"] == ["07.jpg"]
    shown = [keypoint_sheet.Shown(source, name, name) for name in wrong]
    one_band = keypoint_sheet.draw(shown, [], 12, 0)
    assert keypoint_sheet.draw(shown, ["07.jpg"], 12, 0).height > one_band.height


def test_the_prepared_set(project, augment):
    result = augment("check-keypoints", "--output", "sheet.png", "--count", "6")
    assert result.exit_code == 0, result.output
    assert (
        "data/prepared/keypoints.csv: format patn" in result.output
        and "sheet.png: 6 of" in result.output
    )


def test_usage(crops, tmp_path, augment, monkeypatch):
    result = augment("check-keypoints", "--images", str(crops))
    assert result.exit_code == 2 and "FILES and --images FOLDER go together" in result.output
    monkeypatch.chdir(tmp_path)
    result = augment("check-keypoints")
    assert result.exit_code == 1 and "run `augment prepare` first" in result.output
    result = augment("check-keypoints", "no.csv", "--images", str(crops))
    assert result.exit_code == 1 and "no.csv: keypoint file not found" in result.output


@pytest.mark.parametrize("command", ["check-keypoints", "annotate", "parse"])
def test_help(augment, command):
    text = augment(command, "--help").output
    assert "Examples:" in text and f"augment {command}" in text


def test_captions_keep_to_their_cell():
    assert keypoint_sheet._caption("a.jpg", 96) == ["a.jpg"]
    assert keypoint_sheet._caption("bounding_box_train/0002_c1s1_000451_03.jpg", 96) == [
        "0002_c1s1_000451_",
        "03.jpg",
    ]
    assert "".join(keypoint_sheet._caption("x" * 60 + "end.jpg", 96)).endswith("end.jpg")
