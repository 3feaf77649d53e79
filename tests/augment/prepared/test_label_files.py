"""Label maps in every supported form, and in hostile ones."""

import io
import re

import hostile
import numpy as np
import pytest
from PIL import Image

from augment.prepared import label_files, parsing
from generators.body.parsing import COLOURS, LABELS, merge, table

LIP = np.arange(20).reshape(4, 5)


def grey(file, labels):
    Image.fromarray(labels.astype(np.uint8)).save(file)


def palette(file, labels):
    image = Image.fromarray(labels.astype(np.uint8))
    image.putpalette(label_files.voc_colours(256).tobytes())
    image.save(file)


def sixteen(file, labels):
    Image.fromarray(labels.astype(np.uint16)).save(file)


def npy(file, labels):
    np.save(file, labels.astype(np.int64))


def npy_small(file, labels):
    np.save(file, labels.astype(np.uint8)[None])


def npy_fortran(file, labels):
    np.save(file, np.asfortranarray(labels.astype(np.int16)))


def lip_colours(file, labels):
    Image.fromarray(np.array(label_files.LIP_COLOURS, np.uint8)[labels]).save(file)


def voc_colours(file, labels):
    Image.fromarray(label_files.voc_colours(20)[labels]).save(file)


FORMS = {
    "png": (grey, palette, sixteen, lip_colours, voc_colours),
    "npy": (npy, npy_small, npy_fortran),
}


@pytest.mark.parametrize(
    ("suffix", "write"), [(suffix, write) for suffix, forms in FORMS.items() for write in forms]
)
def test_every_form_is_read(tmp_path, suffix, write):
    file = tmp_path / f"a.{suffix}"
    write(file, LIP)
    found = label_files.read(file, "lip20")
    assert found.dtype == np.int64 and np.array_equal(found, LIP)


def test_vocs_colours_are_those_that_everybody_knows():
    known = [
        (0, 0, 0),
        (128, 0, 0),
        (0, 128, 0),
        (128, 128, 0),
        (0, 0, 128),
        (128, 0, 128),
        (0, 128, 128),
        (128, 128, 128),
    ]
    assert label_files.voc_colours(256)[:8].tolist() == [list(one) for one in known]
    assert label_files.voc_colours(256)[[8, 16, 64, 255]].tolist() == [
        [64, 0, 0],
        [0, 64, 0],
        [32, 0, 0],
        [224, 224, 192],
    ]
    assert len(set(label_files.LIP_COLOURS)) == 20 == len(table("lip20"))


def test_our_own_colours(tmp_path):
    labels = np.arange(10).reshape(2, 5)
    Image.fromarray(np.array(COLOURS, np.uint8)[labels]).save(tmp_path / "a.png")
    assert np.array_equal(label_files.read(tmp_path / "a.png", "ten"), labels)


def test_colours_of_two_codes_are_refused_unless_they_agree(tmp_path):
    file = tmp_path / "a.png"
    Image.fromarray(np.array([[(0, 0, 0), (128, 0, 0)]], np.uint8)).save(file)  # a hat in both
    assert label_files.read(file, "cihp20").tolist() == [[0, 1]]
    Image.fromarray(np.array([[(0, 0, 0), (0, 128, 0)]], np.uint8)).save(
        file
    )  # hair in VOC's, a skirt in LIP's
    with pytest.raises(
        ValueError,
        match="a.png: its colours mean different labels in the codes of VOC and LIP: save",
    ):
        label_files.read(file, "lip20")
    assert label_files.read(file, "atr18").tolist() == [[0, 2]]  # which is drawn in VOC's alone


def header(shape, kind="|u1") -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        out, {"descr": kind, "fortran_order": False, "shape": shape}
    )
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a readable .npy array"),
        (b"\x93NUMPY\x09\x00", "is not a readable .npy array"),
        (
            header((10**6, 10**6)),
            "1,000,000 x 1,000,000 labels by its header; maps have at most 64,000,000",
        ),
        (
            header((128, 64)) + bytes(100),
            "has 100 bytes of labels, but its header declares another number",
        ),
        (header((128, 64)) + bytes(128 * 64 + 1), "has 8,193 bytes of labels"),
        (
            header((2, 2), "|O") + bytes(32),
            "holds Python objects, which are not loaded; a label map has integers",
        ),
        (header((2, 2), "<f4") + bytes(16), "holds float32; a label map has integers"),
        (header((20, 2, 2)) + bytes(80), "has the shape 20 x 2 x 2; a label map is height x width"),
        (header((0, 2)), "has the shape 0 x 2"),
        (
            header((2, 2), "<i8") + np.full(4, -1).tobytes(),
            "holds labels from -1 to -1; labels are 0 to",
        ),
        (
            header((2, 2), "<i8") + np.full(4, 10**9).tobytes(),
            "holds labels from 1000000000 to 1000000000",
        ),
        (
            b"\x93NUMPY\x01\x00" + (60000).to_bytes(2, "little") + b"(" * 60000,
            "is not a readable .npy array",
        ),
    ],
)
def test_a_bad_npy_is_refused_by_name(tmp_path, content, message):
    file = tmp_path / "a.npy"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"{file}: ") + ".*" + re.escape(message)):
        label_files.read(file, "lip20")


def test_pickles_are_not_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[{"a": 1}]], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="a.npy: holds Python objects, which are not loaded"):
        label_files.read(tmp_path / "a.npy", "lip20")


def test_bad_pictures_are_refused_by_name(tmp_path):
    for write, message in (
        (hostile.truncated, "is a JPEG file by its content"),
        (hostile.gif, "is a GIF file by its content"),
        (hostile.empty, "is empty"),
        (
            lambda file: hostile.png_header(file, 30_000, 30_000),
            "far too many pixels by its header",
        ),
    ):
        with pytest.raises(ValueError, match=f"a.png: .*{message}"):
            label_files.read(write(tmp_path / "a.png"), "lip20")
    Image.fromarray(hostile.PICTURE).save(tmp_path / "a.png")
    with pytest.raises(
        ValueError,
        match=r"a.png: is a picture, RGB, with colours other than those of lip20 \(VOC or LIP\)",
    ):
        label_files.read(tmp_path / "a.png", "lip20")
    for name in ("b.png", "b.npy"):
        with pytest.raises(FileNotFoundError, match=f"{name}: not found"):
            label_files.read(tmp_path / name, "lip20")


@pytest.mark.parametrize("labels", ["lip20", "cihp20", "atr18", "ten"])
def test_maps_are_imported_merged_and_at_the_images_size(tmp_path, labels):
    import torch

    given = (
        np.arange(len(LABELS) if labels == "ten" else len(table(labels))).repeat(8).reshape(-1, 8)
    )
    npy(tmp_path / "b.npy", given)
    grey(tmp_path / "a.png", given)
    size = (2 * given.shape[0], 4)
    files = {
        "0001_c1s1_000001_01.jpg": tmp_path / "a.png",
        "0002_c1s1_000002_01.jpg": tmp_path / "b.npy",
    }
    parsing.import_maps(files, labels, size, tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "0001_c1s1_000001_01.png",
        "0002_c1s1_000002_01.png",
    ]
    wanted = merge(torch.from_numpy(given)[None], labels)[0].numpy()
    for file in (tmp_path / "out").iterdir():
        with Image.open(file) as image:
            assert image.mode == "P" and image.getpalette()[:30] == list(np.ravel(COLOURS))
            assert np.array_equal(np.asarray(image), wanted.repeat(2, 0)[:, ::2])


def test_a_label_that_there_is_not_is_named(tmp_path):
    npy(tmp_path / "a.npy", np.full((4, 4), 300))
    wanted = r"a.npy: label 300 is not one of lip20's, which are 0 to 19 \(params.yaml: dataset.parsing.labels is lip20\)"
    with pytest.raises(ValueError, match=wanted):
        parsing.import_maps({"x.jpg": tmp_path / "a.npy"}, "lip20", (4, 4), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
