"""Every keypoint format: what is written is read, and notes say what is derived or left out."""

import json

import numpy as np
import pose_files
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from upright import UPRIGHT

from augment.data import pose_formats
from augment.prepared import keypoints
from generators.body import joint_orders as joints

COORDINATE = st.integers(1, 400).map(lambda quarter: quarter / 4)
JOINT = st.one_of(st.just((-1.0, -1.0)), st.tuples(COORDINATE, COORDINATE))
NAME = st.from_regex(r"([a-z]{1,3}/)?[0-9]{4}_c[1-6]s1_[0-9]{6}_[0-9]{2}\.jpg", fullmatch=True)
PEOPLE = st.dictionaries(
    NAME, st.lists(JOINT, min_size=18, max_size=18).map(np.array), min_size=1, max_size=4
)
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FACE = [0, 14, 15, 16, 17]


def whole(people):
    return people


def without_neck(people):
    """As forms without a neck give it: set between the shoulders."""
    found = {name: points.copy() for name, points in people.items()}
    for points in found.values():
        both = points[[2, 5]]
        points[1] = -1 if (both == -1).any() else both.mean(0)
    return found


def without_face(people):
    return {
        name: np.where(np.isin(np.arange(18), FACE)[:, None], -1, points)
        for name, points in people.items()
    }


def without_suffix(people):
    return {name.removesuffix(".jpg"): points for name, points in people.items()}


FORMS = {
    "patn": (
        lambda folder, people: patn(folder / "k.csv", people),
        lambda people: {n: np.rint(p) for n, p in people.items()},
    ),
    "openpose": (pose_files.openpose, without_suffix),
    "openpose body_25": (
        lambda *given: pose_files.openpose(*given, pose_files.BODY_25),
        without_suffix,
    ),
    "coco results": (
        lambda folder, people: pose_files.coco_results(folder / "k.json", people),
        without_neck,
    ),
    "coco annotations": (
        lambda folder, people: pose_files.coco_annotations(folder / "k.json", people),
        without_neck,
    ),
    "mmpose": (
        lambda folder, people: pose_files.mmpose_file(folder / "k.json", people),
        without_neck,
    ),
    "mmpose folder": (
        pose_files.mmpose_folder,
        lambda people: without_suffix(without_neck(people)),
    ),
    "mmpose halpe": (
        lambda *given: pose_files.mmpose_folder(*given, more=9),
        lambda p: without_suffix(without_neck(p)),
    ),
    "mmpose body": (
        lambda *given: pose_files.mmpose_folder(*given, more=116),
        lambda p: without_suffix(without_neck(p)),
    ),
    "mat14": (lambda folder, people: pose_files.mat14(folder / "k.mat", people), without_face),
    "mat14 lsp": (
        lambda folder, people: pose_files.mat14(folder / "k.mat", people, "C14N", False),
        without_face,
    ),
    "mat14 lspet": (
        lambda folder, people: pose_files.mat14(folder / "k.mat", people, "14CN"),
        without_face,
    ),
}


def patn(file, people):
    keypoints.write(people, file)
    return file


@pytest.mark.parametrize("form", FORMS)
@QUICK
@given(people=PEOPLE)
def test_what_is_written_is_read(tmp_path_factory, form, people):
    assume(form != "mat14 lsp" or len(people) not in (2, 3))  # 2 x 14 x 2 may be either form
    write, expected = FORMS[form]
    found = pose_formats.read(write(tmp_path_factory.mktemp("form"), people))
    wanted = expected(people)
    assert found.format == form.split()[0]
    assert found.keypoints.keys() == wanted.keys()
    for name, points in wanted.items():
        assert found.keypoints[name].dtype == np.float64
        np.testing.assert_allclose(found.keypoints[name], points, atol=1e-9, err_msg=name)


PERSON = {"a.jpg": np.array(UPRIGHT, float)}


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("patn", ()),
        ("openpose", ()),
        ("openpose body_25", (joints.BODY_25_DERIVED,)),
        ("coco results", (joints.NECK_DERIVED,)),
        ("mmpose halpe", (joints.NECK_DERIVED, "the first 17 of 26 joints, COCO's, are used")),
        ("mmpose body", (joints.NECK_DERIVED, "the first 17 of 133 joints, COCO's, are used")),
        ("mat14", joints.LSP_DERIVED),
    ],
)
def test_what_is_derived_is_said(tmp_path, form, said):
    assert pose_formats.read(FORMS[form][0](tmp_path, PERSON)).derived == said


def test_the_surest_person_is_taken_and_the_others_are_counted(tmp_path):
    other = np.array(UPRIGHT) + 3.0
    people = [
        {"pose_keypoints_2d": pose_files.triples(other, score=0.5)},
        {"pose_keypoints_2d": pose_files.triples(UPRIGHT)},
    ]
    (tmp_path / "op").mkdir()
    pose_files.dumped(tmp_path / "op/a_keypoints.json", {"people": people})
    pose_files.dumped(tmp_path / "op/b_keypoints.json", {"people": []})
    found = pose_formats.read(tmp_path / "op")
    assert (found.keypoints["a"] == UPRIGHT).all() and (found.keypoints["b"] == -1).all()
    assert found.notes == (
        "1 further people are left out: the one with the highest score is used in each image",
    )
    rows = [
        {
            "image_id": "a.jpg",
            "keypoints": pose_files.triples(points, pose_files.TO_COCO),
            "score": score,
        }
        for points, score in ((UPRIGHT, 0.9), (other, 0.4), (other, 0.2))
    ]
    found = pose_formats.read(pose_files.dumped(tmp_path / "r.json", rows))
    assert (found.keypoints["a.jpg"][2:] == UPRIGHT[2:]).all()
    assert found.notes == (
        "2 further people are left out: the one with the highest score is used in each image",
    )
    both = {"instance_info": [pose_files.instance(other), pose_files.instance(UPRIGHT, 0)]}
    both["instance_info"][0]["keypoint_scores"] = [0.2] * 17
    found = pose_formats.read(pose_files.dumped(tmp_path / "results_c.json", both))
    assert (found.keypoints["c"][2:] == UPRIGHT[2:]).all() and found.notes[0].startswith(
        "1 further"
    )


def test_joints_below_the_threshold_are_missing(tmp_path):
    values = pose_files.triples(UPRIGHT)
    values[2], values[5] = 0.05, 0.2
    file = pose_files.dumped(
        tmp_path / "a_keypoints.json", {"people": [{"pose_keypoints_2d": values}]}
    )

    def missing(threshold):
        points = pose_formats.read(file, threshold=threshold).keypoints["a"]
        return np.flatnonzero((points == -1).all(1)).tolist()

    assert (
        missing(0.1) == [0]
        and missing(0) == []
        and missing(0.3) == [0, 1]
        and missing(0.95) == list(range(18))
    )


def test_images_without_a_person_are_there(tmp_path):
    value = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [{"image_id": 1, "category_id": 3}],
    }
    found = pose_formats.read(pose_files.dumped(tmp_path / "k.json", value))
    assert (found.keypoints["a.jpg"] == -1).all() and found.notes == (
        "1 annotations without keypoints are left out",
    )


def test_the_third_column_of_a_mat(tmp_path):
    from scipy.io import savemat

    points = np.array([[(10.0 + joint, 20.0 + joint, 0.0) for joint in range(14)]])
    points[0, 3, 0], points[0, 4, :2], points[0, 5, 0] = np.nan, 0, -1
    savemat(tmp_path / "k.mat", {"keypoints": points, "image_names": np.array(["a.jpg"])})
    found = pose_formats.read(tmp_path / "k.mat")
    assert "ignored" in found.derived[-1]
    assert [joint for joint in (11, 12, 13) if (found.keypoints["a.jpg"][joint] == -1).all()] == [
        11,
        12,
        13,
    ]
    assert found.keypoints["a.jpg"][10].tolist() == [20, 10]
    points[:, :, 2] = 0.05
    points[0, 0, 2] = 0.9
    savemat(tmp_path / "k.mat", {"keypoints": points, "image_names": np.array(["a.jpg"])})
    found = pose_formats.read(tmp_path / "k.mat")
    assert np.flatnonzero((found.keypoints["a.jpg"] != -1).all(1)).tolist() == [10]


def test_a_format_can_be_given(tmp_path):
    file = pose_files.coco_results(tmp_path / "k.json", PERSON)
    assert pose_formats.read(file, "coco").format == "coco"
    with pytest.raises(
        ValueError,
        match="unknown keypoint format 'mpii'; available: patn, openpose, coco, mmpose, mat14",
    ):
        pose_formats.read(file, "mpii")


def test_the_command_offers_every_format():
    from augment.commands.keypoints import FORMATS as offered

    assert offered == pose_formats.FORMATS


def test_windows_paths_and_leading_dots(tmp_path):
    file = pose_files.coco_results(
        tmp_path / "k.json", {"train\\a.jpg": PERSON["a.jpg"], "./b.jpg": PERSON["a.jpg"]}
    )
    assert list(pose_formats.read(file).keypoints) == ["train/a.jpg", "b.jpg"]


def test_a_byte_order_mark_does_no_harm(tmp_path):
    file = patn(tmp_path / "k.csv", PERSON)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert list(pose_formats.read(file).keypoints) == ["a.jpg"]
    file = tmp_path / "k.json"
    file.write_bytes(
        b"\xef\xbb\xbf" + json.dumps([{"image_id": "a.jpg", "keypoints": [1] * 51}]).encode()
    )
    assert list(pose_formats.read(file).keypoints) == ["a.jpg"]
