"""Images as people have them: handled, or refused by name before anything is written."""

import re

import hostile
import numpy as np
import pytest
from PIL import Image

from augment import data, prepared
from augment.data import pictures
from augment.images import untrusted

PATTERN = {"pattern": "(?P<identity>[^/]+)/.*", "table": None}
REFUSED = {
    "bomb.png": (
        lambda p: hostile.png_header(p, 30_000, 30_000),
        "far too many pixels by its header; images have at m",
    ),
    "cut.jpg": (hostile.truncated, "cannot be decoded (image file is truncated"),
    "gif.jpg": (
        hostile.gif,
        "is a GIF file by its content; expected JPEG, PNG, BMP, WEBP, TIFF, PPM",
    ),
    "empty.jpg": (hostile.empty, "is empty"),
}


@pytest.fixture
def listing(crops, settings):
    root = crops("a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg")
    return lambda: data.read(settings(name="folder", root=root, folder=PATTERN))


def check(listing, size=(128, 64)):
    return pictures.check(listing, list(listing.rows["file"]), "folder", size)


@pytest.mark.parametrize("name", REFUSED)
def test_one_bad_file_is_named(listing, name):
    make, message = REFUSED[name]
    file = make(listing().root / "a" / name)
    with pytest.raises(ValueError, match=re.escape(f"{file}: {message}")):
        check(listing())


def test_all_bad_files_are_named_at_once(listing):
    root = listing().root
    for name, (make, _) in REFUSED.items():
        make(root / "a" / name)
    for number in range(9):
        hostile.empty(root / "b" / f"{number}.png")
    with pytest.raises(ValueError) as refused:
        check(listing())
    lines = str(refused.value).splitlines()
    assert (
        lines[0] == "13 problems; nothing was written:"
        and len(lines) == 12
        and lines[-1] == "  and 3 more"
    )
    assert lines[1].startswith(f"  {root / 'a/bomb.png'}: far too many pixels")


def bring(listing, out, size):
    files = list(listing.rows["file"])
    names = [f"{number}.jpg" for number in range(len(files))]
    sources = pictures.check(listing, files, "folder", size)
    out.mkdir()
    written = pictures.write(listing, files, names, sources, size, out, fixed=False)
    return written, {file: out / name for file, name in zip(files, names, strict=True)}


def test_odd_files_become_upright_rgb_of_one_size(listing, tmp_path):
    root = listing().root
    hostile.cmyk(root / "a/cmyk.jpg")
    hostile.sixteen_bits(root / "a/deep.png")
    hostile.rotated(root / "a/turned.jpg")
    Image.new("LA", (30, 90), (0, 0)).save(root / "a/clear.png")
    found = listing()
    sizes = dict(zip(found.rows["file"], [one.size for one in check(found)], strict=True))
    assert sizes["a/turned.jpg"] == (128, 64) and sizes["a/clear.png"] == (90, 30)
    written, out = bring(found, tmp_path / "out", (64, 32))
    for file in out.values():
        header = untrusted.check(file)
        assert (header.format, header.mode, header.size, header.upright) == (
            "JPEG",
            "RGB",
            (64, 32),
            True,
        )
    assert written.copied == 0
    turned = np.asarray(Image.open(out["a/turned.jpg"])).astype(int)
    assert turned[:12, :, 0].mean() > 230 and turned[24:, :, 0].mean() < 20
    assert (np.asarray(Image.open(out["a/clear.png"])) > 250).all()
    deep = np.asarray(Image.open(out["a/deep.png"])).astype(int)
    assert abs(deep[30, -1, 0] - 255) < 8 and deep[30, 0, 0] < 8


def test_fitting_jpegs_are_copied_byte_for_byte_and_equal_ones_named(listing, crops, tmp_path):
    root = crops("c/1.jpg", "c/2.png", size=(64, 32))
    (root / "c/3.jpg").write_bytes((root / "c/1.jpg").read_bytes())
    written, out = bring(listing(), tmp_path / "out", (64, 32))
    assert written.copied == 2 and written.equal == [[str(root / "c/1.jpg"), str(root / "c/3.jpg")]]
    assert out["c/1.jpg"].read_bytes() == (root / "c/1.jpg").read_bytes()
    assert untrusted.check(out["c/2.png"]).format == "JPEG"


def test_deepfashion_is_cropped(crops, settings, tmp_path):
    names = ["fashionMENa_1front", "fashionMENa_2side", "fashionMENb_1front", "fashionMENb_2side"]
    root = crops(*(f"{name}.png" for name in names), size=(256, 256))
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[:, 40:216] = 255
    Image.fromarray(picture).save(root / f"{names[0]}.png")
    crops(f"{names[1]}.png", size=(256, 176))
    for part, own in (("train", names[:2]), ("test", names[2:])):
        (root / f"{part}.lst").write_text("".join(f"{name}.png\n" for name in own))
    found = data.read(settings(name="deepfashion", root=root))
    assert {one.size for one in check(found, (256, 176))} == {(256, 176)}
    _, out = bring(found, tmp_path / "out", (256, 176))
    assert (np.asarray(Image.open(out[f"{names[0]}.png"])) > 250).all()


def test_a_file_that_breaks_in_the_middle_is_named_while_writing(listing, tmp_path):
    """Header and end of the file are intact: only decoding finds the damage."""
    root = listing().root
    Image.fromarray(hostile.PICTURE).save(root / "b/1.jpg", "PNG")
    whole = (root / "b/1.jpg").read_bytes()
    (root / "b/1.jpg").write_bytes(whole[:9000] + bytes(100) + whole[9100:])
    check(listing())
    with pytest.raises(ValueError, match=re.escape(f"{root / 'b/1.jpg'}: cannot be decoded (")):
        bring(listing(), tmp_path / "out", (64, 32))


def test_headers_of_odd_exif(tmp_path):
    """Broken EXIF turns nothing; a PNG's behind its pixels is not looked for."""
    file = hostile.rotated(tmp_path / "a.jpg")
    assert untrusted.check(file) == untrusted.Header("JPEG", "RGB", (128, 64), False)
    broken = file.read_bytes().replace(b"MM\x00*", b"XX\x00*").replace(b"II*\x00", b"XX*\x00")
    file.write_bytes(broken)
    assert untrusted.check(file).upright
    assert untrusted.read(file).size == (128, 64)


def test_about_of_the_same_size_everywhere(tmp_path):
    prepared.write(prepared.About("folder", (256, 176), False), tmp_path)
    assert (tmp_path / "dataset.json").is_file()
