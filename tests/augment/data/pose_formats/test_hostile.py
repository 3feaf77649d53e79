"""Hostile keypoint files: each is refused by name, and none exhausts memory."""

import json
import re
import struct
import tracemalloc
import zlib

import numpy as np
import pose_files
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat
from upright import UPRIGHT

from augment.data import pose_formats
from augment.data.pose_formats import document, mat_file
from augment.prepared.keypoints import HEADER

ROW = f"{[20] * 18}: {[10] * 18}"
PERSON = {"pose_keypoints_2d": pose_files.triples(UPRIGHT)}
COCO = {"image_id": "a.jpg", "keypoints": [1.0] * 51, "score": 1}


def refused(file, message, **given):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        pose_formats.read(file, **given)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (
            "hello",
            "is not a known keypoint file: neither a CSV with the header 'name:keypoints_y:keypoints_x'",
        ),
        ("name,y,x\na.jpg,1,2", "row 1: the separator is ','"),
        (
            f"{HEADER}\n/etc/passwd: {ROW}",
            "'/etc/passwd' is an absolute path; names are relative to the images' folder",
        ),
        (
            f"{HEADER}\nC\\x.jpg: {ROW}\n../x.jpg: {ROW}",
            "'../x.jpg' leaves the images' folder by '..'",
        ),
        (f"{HEADER}\na\x01.jpg: {ROW}", "the name holds a control character; rename the file"),
        (f"{HEADER}\n : {ROW}", "'' is not an image name"),
        (
            f"{HEADER}\na.jpg: {[float('nan')] * 18}: {[1] * 18}",
            "row 2: keypoints_y is not a list of numbers",
        ),
        (
            f"{HEADER}\na.jpg: {[1e300] * 18}: {[1] * 18}",
            "row 2: keypoints_y holds 1e+300; at most 100,000",
        ),
        (
            f"{HEADER}\na.jpg: [{'9' * 5000}]: {[1] * 18}",
            "row 2: keypoints_y is not a list of numbers",
        ),
        (
            f"{HEADER}\na.jpg: {'[' * 9000}: {[1] * 18}",
            "row 2: keypoints_y is not a list of numbers",
        ),
        (
            f"{HEADER}\na.jpg: {'1' * 20000}: {[1] * 18}",
            "characters; a row of 18 joints has at most 10,000",
        ),
        ("[" * 200_000, "is nested too deeply to be a keypoint file"),
        ('{"a":' * 200_000, "is nested too deeply to be a keypoint file"),
        ("[]", "is JSON, but not in a known keypoint format: it is '[]'"),
        ('{"a": 1}', "is JSON, but not in a known keypoint format: it has a"),
        ('{"people": ', "is not a JSON of keypoints"),
        (
            '{"people": [{"pose_keypoints_2d": [NaN]}]}',
            "it holds NaN; a missing joint is a score of 0, or -1",
        ),
        ('{"people": [{"pose_keypoints_2d": [-Infinity]}]}', "it holds -Infinity"),
        (
            '{"people": [{"pose_keypoints_2d": [' + "1e999," * 53 + "1]}]}",
            "holds inf; no image has more than 100,000 px",
        ),
        ('{"people": [{"pose_keypoints_2d": [' + "9" * 5000 + "]}]}", "is not a JSON of keypoints"),
        ('{"people": 3}', "people is not a list: '3'"),
        ('{"people": [3]}', "people[0] is not an object: '3'"),
        ('{"people": [{"id": 1}]}', "people[0] has no 'pose_keypoints_2d'; it has id"),
        (
            '{"people": [{"pose_keypoints_2d": "x"}]}',
            "pose_keypoints_2d is not a list of numbers: 'x'",
        ),
        (
            '{"people": [{"pose_keypoints_2d": [1, 2, true]}]}',
            "pose_keypoints_2d is not a list of numbers",
        ),
        ('{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}', "holds 3 numbers; expected 54 or 75"),
        (
            json.dumps([COCO | {"image_id": 7}]),
            "image_id 7 is a number, and the file has no list `images`",
        ),
        (json.dumps([COCO | {"image_id": None}]), "image_id 'None' is neither a number nor text"),
        (json.dumps([COCO | {"image_id": "/a.jpg"}]), "'/a.jpg' is an absolute path"),
        (json.dumps([COCO | {"image_id": "C:\\a.jpg"}]), "'C:/a.jpg' is an absolute path"),
        (json.dumps([COCO | {"image_id": "a/../../b.jpg"}]), "leaves the images' folder by '..'"),
        (
            json.dumps([COCO | {"keypoints": [1] * 50}]),
            "[0].keypoints holds 50 numbers; expected 51 or 78 or 399 or 408",
        ),
        (json.dumps([COCO, {"image_id": "b.jpg"}]), "[1] has no 'keypoints'; it has image_id"),
        (json.dumps([COCO | {"score": "high"}]), "[0].score is not a list of numbers"),
        ('{"images": [{"id": 1}], "annotations": []}', "images[0] has no 'file_name'; it has id"),
        (
            '{"images": [{"id": [1], "file_name": "a"}], "annotations": []}',
            "id '[1]' is neither a number nor text",
        ),
        (
            json.dumps({"images": [{"id": 1, "file_name": "a"}] * 2, "annotations": []}),
            "images[1]: id 1 occurs twice",
        ),
        (
            json.dumps(
                {
                    "images": [{"id": 1, "file_name": "a"}, {"id": 2, "file_name": "a"}],
                    "annotations": [],
                }
            ),
            "images: 'a' occurs twice",
        ),
        (
            json.dumps(
                {"images": [{"id": 1, "file_name": "a"}], "annotations": [COCO | {"image_id": 2}]}
            ),
            "annotations[0]: image_id '2' is not in the list `images`",
        ),
        (
            '{"instance_info": [{"frame_id": 1, "instances": []}]}',
            "instance_info[0] has no image name (image, file_name",
        ),
        (
            '[{"keypoints": [[1, 2]], "keypoint_scores": [1]}]',
            "keypoints holds 1 joints; expected 17, 26, 133, 136",
        ),
        (
            json.dumps([pose_files.instance(np.array(UPRIGHT)) | {"keypoint_scores": [1, 2]}]),
            "keypoint_scores holds 2 numbers; expected 17",
        ),
        (
            json.dumps([{"keypoints": [[1, 2, 3]] * 17, "keypoint_scores": [1] * 17}]),
            "keypoints[0] is not [x, y]: '[1, 2, 3]'",
        ),
        (
            json.dumps([{"image": "a", "instances": []}] * 2),
            "instance_info[1]: 'a' occurs twice",
        ),
    ],
)
def test_a_bad_text_is_refused_by_name(tmp_path, text, message):
    file = tmp_path / "k.txt"
    file.write_text(text)
    refused(file, message)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    file = tmp_path / "k.json"
    with file.open("wb") as out:
        out.truncate(document.MAX_BYTES + 1)
    tracemalloc.start()
    refused(file, "268,435,457 bytes; keypoint files have at most 268,435,456: split it")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_a_json_of_too_many_values_is_not_parsed(tmp_path):
    file = tmp_path / "k.json"
    file.write_bytes(b"[" + b"[]," * (document.MAX_CONTAINERS) + b"[]]")
    refused(
        file,
        "5,000,002 lists and objects and 5,000,000 commas; a file may have 5,000,000 lists and objects",
    )


def test_bytes_that_are_no_text(tmp_path):
    file = tmp_path / "k.csv"
    file.write_bytes(b"name:keypoints_y:keypoints_x\n\xff\xfe")
    refused(file, "is not UTF-8 text (invalid start byte at byte 29)")


def test_folders(tmp_path):
    refused(tmp_path, "has no .json file; a folder of keypoints has one per image")
    pose_files.coco_results(tmp_path / "k.json", {"a.jpg": np.array(UPRIGHT, float)})
    refused(tmp_path, "a folder holds OpenPose or MMPose JSONs, but")
    (tmp_path / "k.json").unlink()
    outside = pose_files.dumped(tmp_path.parent / "outside_keypoints.json", {"people": [PERSON]})
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a_keypoints.json").symlink_to(outside)
    refused(tmp_path / "in", "through a symbolic link; only files inside it are read")
    (tmp_path / "in/a_keypoints.json").unlink()
    pose_files.dumped(tmp_path / "in/a_keypoints.json", {"people": [PERSON]})
    pose_files.dumped(tmp_path / "in/b.json", {"other": 1})
    with pytest.raises(ValueError, match=r"b\.json: it has no 'people'; it has other"):
        pose_formats.read(tmp_path / "in")


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"k\.csv: keypoint file not found"):
        pose_formats.read(tmp_path / "k.csv")


POINTS, NAMES = np.ones((2, 14, 2)), np.array(["a.jpg", "b.jpg"], dtype=object)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"x": POINTS, "names": NAMES},
            "has no variable joints or keypoints or keypoint or coords or pose; it has x, names",
        ),
        ({"joints": POINTS}, "has no variable names or image_names"),
        (
            {"joints": np.ones((2, 16, 2)), "names": NAMES},
            "joints is 2 x 16 x 2; expected N x 14 x 2 (or 3)",
        ),
        (
            {"joints": np.ones((5, 14, 2)), "names": NAMES},
            "joints is 5 x 14 x 2; expected N x 14 x 2 (or 3)",
        ),
        ({"joints": POINTS, "names": NAMES[:1]}, "or 2 x 14 x N; there are 1 names"),
        (
            {"joints": POINTS, "names": np.ones(2)},
            "names is of type double; expected a cell array or a char matrix",
        ),
        ({"joints": {"a": 1}, "names": NAMES}, "joints is 1 x 1; expected"),
        (
            {"joints": POINTS, "names": np.array(["a.jpg", 3], dtype=object)},
            "a cell array or a char matrix",
        ),
        (
            {"joints": POINTS, "names": np.array(["a.jpg", "a.jpg"])},
            "image 2: 'a.jpg' occurs twice",
        ),
        (
            {"joints": POINTS, "names": np.array(["a.jpg", "../b.jpg"])},
            "image 2: '../b.jpg' leaves the images' folder",
        ),
        (
            {"joints": POINTS * np.inf, "names": NAMES},
            "image 1 has a joint at inf; no image has more than 100,000 px",
        ),
        ({"joints": POINTS * 1e6, "names": NAMES}, "image 1 has a joint at 1e+06"),
        ({"joints": POINTS * 1j, "names": NAMES}, "joints is of type complex; expected numbers"),
    ],
)
def test_a_bad_mat_is_refused_by_name(tmp_path, variables, message):
    file = tmp_path / "k.mat"
    savemat(file, variables)
    refused(file, message)


def test_mats_of_other_kinds(tmp_path):
    file = tmp_path / "k.mat"
    file.write_bytes(b"MATLAB 7.3 MAT-file, Platform" + b" " * 600)
    refused(
        file,
        "is a MATLAB 7.3 file, which is HDF5; in MATLAB, save it again with `save(..., '-v7')`",
    )
    file.write_bytes(mat_file.HDF5 + b" " * 600)
    refused(file, "is a MATLAB 7.3 file, which is HDF5")
    file.write_bytes(b"nothing of the kind")
    refused(file, "is not a .mat file of MATLAB 5 to 7")


def mat_header() -> bytes:
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<HH", 0x0100, 0x4D49)


def test_a_mat_that_unpacks_without_end_is_not_loaded(tmp_path):
    file = tmp_path / "k.mat"
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(300)) + packer.flush()
    file.write_bytes(mat_header() + struct.pack("<II", mat_file.COMPRESSED, len(bomb)) + bomb)
    assert file.stat().st_size < 2**20
    refused(file, "unpacks to more than 268,435,456 bytes")


def test_cells_in_cells_in_cells_are_not_followed(tmp_path):
    """scipy's reader follows them by recursion in C, which ends the process."""

    def cell(inside: bytes, name: bytes = b"") -> bytes:
        body = (
            struct.pack("<IIII", 6, 8, 1, 0)
            + struct.pack("<IIii", 5, 8, 1, 1)
            + struct.pack("<II", 1, len(name))
        )
        body += name.ljust(-(-len(name) // 8) * 8, b"\0") + inside
        return struct.pack("<II", mat_file.MATRIX, len(body)) + body

    inside = b""
    for _ in range(2000):
        inside = cell(inside)
    file = tmp_path / "k.mat"
    file.write_bytes(mat_header() + inside)
    refused(file, "has no variable joints")  # whose contents are not looked at
    savemat(tmp_path / "joints.mat", {"joints": POINTS})
    file.write_bytes((tmp_path / "joints.mat").read_bytes() + cell(inside, b"names"))
    refused(file, "names holds arrays in arrays in arrays; expected a cell array of texts")


def test_a_mat_whose_header_promises_more_than_there_is(tmp_path):
    file = pose_files.mat14(
        tmp_path / "k.mat", {"a.jpg": np.array(UPRIGHT, float)}, compressed=False
    )
    raw = bytearray(file.read_bytes())
    at = raw.index(struct.pack("<iii", 1, 14, 2))
    raw[at : at + 12] = struct.pack("<iii", 10**9, 14, 2)
    file.write_bytes(raw)
    refused(file, "joints is 1000000000 x 14 x 2; expected N x 14 x 2 (or 3)")
    raw[at : at + 12] = struct.pack("<iii", 1, 14, 3)
    file.write_bytes(raw)
    refused(file, "joints is damaged: it has 28 numbers and declares 42")


KEYS = st.sampled_from(
    [
        "people",
        "pose_keypoints_2d",
        "image_id",
        "keypoints",
        "images",
        "annotations",
        "instances",
        "instance_info",
        "id",
        "keypoint_scores",
        "file_name",
        "score",
        "image",
    ]
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
        st.lists(st.floats(0, 9)),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
FORMAT = st.one_of(st.none(), st.sampled_from(pose_formats.FORMATS))
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def only_named_errors(file, format):
    try:
        pose_formats.read(file, format)
    except ValueError as error:
        assert str(file) in str(error)


@QUICK
@given(value=VALUES, format=FORMAT)
def test_any_json_is_read_or_refused_by_name(tmp_path_factory, value, format):
    only_named_errors(pose_files.dumped(tmp_path_factory.mktemp("any") / "k.json", value), format)


@QUICK
@given(
    content=st.binary(max_size=200),
    head=st.sampled_from([b"", b"MATLAB", b"[", b"name:", mat_header()]),
    format=FORMAT,
)
def test_any_bytes_are_read_or_refused_by_name(tmp_path_factory, content, head, format):
    file = tmp_path_factory.mktemp("any") / "k.bin"
    file.write_bytes(head + content)
    only_named_errors(file, format)


@QUICK
@given(place=st.integers(128, 700), byte=st.integers(0, 255), packed=st.booleans())
def test_a_damaged_mat_is_read_or_refused_by_name(tmp_path_factory, place, byte, packed):
    file = tmp_path_factory.mktemp("any") / "k.mat"
    pose_files.mat14(
        file,
        {"a.jpg": np.array(UPRIGHT, float), "b.jpg": np.array(UPRIGHT, float)},
        compressed=packed,
    )
    raw = bytearray(file.read_bytes())
    raw[min(place, len(raw) - 1)] = byte
    file.write_bytes(raw)
    only_named_errors(file, None)


@QUICK
@given(lines=st.lists(st.text(max_size=40), max_size=4))
def test_any_csv_is_read_or_refused_by_name(tmp_path_factory, lines):
    file = tmp_path_factory.mktemp("any") / "k.csv"
    file.write_text("\n".join([HEADER, *lines]), encoding="utf-8", errors="replace")
    only_named_errors(file, None)
