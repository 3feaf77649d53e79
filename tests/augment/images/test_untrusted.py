"""Bad files with their error messages, and odd files with their results."""

import os
import re

import hostile
import numpy as np
import pytest
from PIL import Image

from augment.images import untrusted

REFUSED = {
    "header of 30,000 x 30,000": (
        lambda path: hostile.png_header(path, 30_000, 30_000),
        "far too many pixels by its header; images have at most 64,000,000",
    ),
    "header of 9,000 x 10,000": (
        lambda path: hostile.png_header(path, 9_000, 10_000),
        "9,000 x 10,000 px by its header; images have at most 64,000,000",
    ),
    "truncated": (hostile.truncated, "cannot be decoded (image file is truncated"),
    "gif named jpg": (
        hostile.gif,
        "is a GIF file by its content; expected JPEG, PNG, BMP, WEBP, TIFF, PPM",
    ),
    "empty": (hostile.empty, "is empty"),
    "text": (
        lambda path: path.write_text("no image") and path,
        "cannot be decoded (cannot identify image file",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_bad_files_are_refused_by_name(kind, tmp_path):
    make, message = REFUSED[kind]
    file = make(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match=re.escape(f"{file}: {message}")):
        untrusted.read(file)


def test_what_is_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path, tmp_path / "pipe.jpg"):
        with pytest.raises(
            ValueError, match=re.escape(f"{path}: is a folder, pipe or device, not a file")
        ):
            untrusted.read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="a.jpg: not found"):
        untrusted.read(tmp_path / "a.jpg")


def test_cmyk_becomes_rgb(tmp_path):
    read = untrusted.read(hostile.cmyk(tmp_path / "a.jpg"))
    assert read.mode == "RGB" and read.size == (64, 128)
    # CMYK of an RGB picture without black is its complement, so that little but JPEG's loss is
    # between them.
    assert (
        np.abs(np.asarray(read).astype(int).mean((0, 1)) - hostile.PICTURE.mean((0, 1))).max() < 3
    )


def test_16_bits_become_8(tmp_path):
    read = np.asarray(untrusted.read(hostile.sixteen_bits(tmp_path / "a.png")))
    assert read.shape == (128, 64, 3)
    assert (read[0, :, 0] == np.linspace(0, 65535, 64).astype(int) // 256).all()


def test_exif_rotation_is_carried_out(tmp_path):
    read = np.asarray(untrusted.read(hostile.rotated(tmp_path / "a.jpg"))).astype(int)
    assert read.shape == (128, 64, 3)
    assert read[:28, :, 0].mean() > 240 and read[36:, :, 0].mean() < 10


def test_transparency_becomes_white(tmp_path):
    Image.new("RGBA", (4, 6), (10, 20, 30, 0)).save(tmp_path / "a.png")
    assert (np.asarray(untrusted.read(tmp_path / "a.png")) == 255).all()


def test_labels_are_read_and_pictures_refused(tmp_path):
    labels = np.arange(24, dtype=np.uint8).reshape(6, 4) % 10
    palette = Image.fromarray(labels)
    palette.putpalette(np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8).tobytes())
    palette.save(tmp_path / "palette.png")
    Image.fromarray(labels.astype(np.uint16) * 100).save(tmp_path / "sixteen.png")
    assert (untrusted.read_labels(tmp_path / "palette.png") == labels).all()
    assert (untrusted.read_labels(tmp_path / "sixteen.png") == labels.astype(int) * 100).all()
    Image.fromarray(hostile.PICTURE).save(tmp_path / "picture.png")
    with pytest.raises(
        ValueError, match="picture.png: is a picture, RGB; a label map has one number per pixel"
    ):
        untrusted.read_labels(tmp_path / "picture.png")


def test_paths_cannot_leave_the_root(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "in.jpg").touch()
    (tmp_path / "out.jpg").touch()
    untrusted.check_inside(root / "in.jpg", root)
    for path in (root / "../out.jpg", tmp_path / "out.jpg"):
        with pytest.raises(ValueError, match="lies outside .*root; only files inside it are read"):
            untrusted.check_inside(path, root)
    with pytest.raises(ValueError, match="link.jpg': lies outside .* through a symbolic link"):
        untrusted.check_inside(hostile.link(root / "link.jpg", tmp_path / "out.jpg"), root)


def test_names_that_no_table_could_hold(tmp_path):
    with pytest.raises(
        ValueError,
        match=r"0001_c1s1_000001\\n_01.jpg': the name holds a control character; rename the file",
    ):
        untrusted.check_name(hostile.with_newline(tmp_path))
    with pytest.raises(
        ValueError, match=r"0001_c1s1_\\udcff_01.jpg': the name holds bytes that are not UTF-8"
    ):
        untrusted.check_name(hostile.with_foreign_bytes(tmp_path))
    untrusted.check_name(tmp_path / "naïve\u202fname 人.jpg")
