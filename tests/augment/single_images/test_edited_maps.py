import hostile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from augment.prepared.parsing import picture
from augment.single_images import edited_maps
from generators.body.parsing import COLOURS

LABELS = np.zeros((40, 20), np.uint8)
for _number in range(10):
    LABELS[4 * _number : 4 * _number + 4, 3:17] = _number
PALETTE = np.array(COLOURS, np.uint8)


def reordered(labels: np.ndarray) -> Image.Image:
    """Indexed, with the same colours in another order, as paint programs write them."""
    order = np.array([3, 0, 9, 1, 8, 2, 7, 4, 6, 5])
    image = Image.fromarray(np.argsort(order)[labels].astype(np.uint8))
    image.putpalette(PALETTE[order].tobytes())
    return image


@pytest.mark.parametrize(
    "saved",
    [
        lambda labels: Image.fromarray(labels),
        picture,
        reordered,
        lambda labels: Image.fromarray(PALETTE[labels]),
        lambda labels: Image.fromarray(PALETTE[labels]).convert("RGBA"),
        lambda labels: Image.fromarray(labels.astype(np.uint16)),
    ],
)
@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_as_any_program_saves_it(tmp_path, saved, suffix):
    image = saved(LABELS)
    if suffix == "bmp" and image.mode.startswith("I"):
        pytest.skip("a BMP has no 16 bits")
    image.save(tmp_path / f"map.{suffix}")
    assert (edited_maps.read(tmp_path / f"map.{suffix}", (40, 20)) == LABELS).all()


@given(
    arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 9)
    )
)
@settings(max_examples=50, deadline=None)
def test_every_map_survives_every_form(tmp_path_factory, labels):
    path = tmp_path_factory.mktemp("maps") / "map.png"
    for saved in (
        Image.fromarray,
        picture,
        reordered,
        lambda one: Image.fromarray(PALETTE[one]),
    ):
        saved(labels).save(path)
        assert (edited_maps.read(path) == labels).all()


def test_few_softened_pixels_take_a_label_beside_them(tmp_path):
    """The mixed colour between shirt and trousers could be a skirt's, but no skirt is near."""
    labels = np.where(np.arange(60)[:, None] < 30, 3, 4).repeat(20, 1).astype(np.uint8)
    colours = PALETTE[labels]
    colours[29, :10] = (np.array(COLOURS[3]) * 0.6 + np.array(COLOURS[4]) * 0.4).astype(np.uint8)
    colours[30, 5:9] = (np.array(COLOURS[3]) * 0.2 + np.array(COLOURS[4]) * 0.8).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "map.png")
    assert (edited_maps.read(tmp_path / "map.png") == labels).all()
    Image.fromarray(colours).quantize(16).save(tmp_path / "indexed.png")
    assert (edited_maps.read(tmp_path / "indexed.png") == labels).all()


def refused(path, size=None) -> str:
    with pytest.raises(ValueError) as caught:
        edited_maps.read(path, size)
    return str(caught.value)


def test_many_softened_pixels_are_refused(tmp_path):
    colours = PALETTE[LABELS]
    colours[7, 3:17] = 40, 20, 110
    colours[12, 2] = 1, 2, 3
    colours[16, 3:6] = 77, 1, 1
    Image.fromarray(colours).save(tmp_path / "map.png")
    assert refused(tmp_path / "map.png").startswith(
        f"{tmp_path}/map.png: 18 of 800 pixels have a colour of no label, e.g. (40, 20, 110) at row 7 column 3. Draw with a "
        "hard brush in these colours: background (0, 0, 0), face (255, 205, 160), "
    )
    alone = np.zeros((60, 60, 3), np.uint8)
    alone[20:26, 20:26] = 9, 9, 9
    Image.fromarray(alone).save(
        tmp_path / "alone.png"
    )  # few, but those in the middle have no label next to them
    assert "36 of 3,600 pixels have a colour of no label" in refused(tmp_path / "alone.png")
    Image.fromarray(hostile.PICTURE).save(tmp_path / "photo.png")
    assert "have a colour of no label" in refused(tmp_path / "photo.png")


def test_wrong_maps(tmp_path):
    Image.fromarray(LABELS).save(tmp_path / "map.png")
    assert (
        refused(tmp_path / "map.png", (20, 40))
        == f"{tmp_path}/map.png: is 40 x 20 px; its image is 20 x 40"
    )
    wrong = LABELS.copy()
    wrong[5, 6] = 200
    Image.fromarray(wrong).save(tmp_path / "wrong.png")
    assert refused(tmp_path / "wrong.png") == (
        f"{tmp_path}/wrong.png: holds label 200, at row 5 column 6; labels are 0 (background) to 9 (right_leg)"
    )
    assert "map.jpg: " in refused(hostile.cmyk(tmp_path / "map.jpg"))  # JPEG softens all borders
    for make, words in (
        (hostile.truncated, "bad.png: "),
        (hostile.gif, "GIF"),
        (hostile.empty, "is empty"),
    ):
        assert words in refused(make(tmp_path / "bad.png"))
    assert "far too many pixels" in refused(
        hostile.png_header(tmp_path / "bomb.png", 30_000, 30_000)
    )
    with pytest.raises(FileNotFoundError, match="absent"):
        edited_maps.read(tmp_path / "absent.png")


def test_all_edits_at_once():
    labels = np.array([[0, 3, 4], [5, 4, 6]], np.uint8)
    found = edited_maps.relabelled(
        labels, edited_maps.parse_edits(["trousers->skirt", " skirt -> trousers "])
    )
    assert found.tolist() == [[0, 3, 5], [4, 5, 6]] and found.dtype == np.uint8
    assert edited_maps.relabelled(labels, {}).tolist() == labels.tolist()


@pytest.mark.parametrize(
    "texts, words",
    [
        (["trousers"], "--edit 'trousers': expected FROM->TO, such as 'trousers->skirt'"),
        (["a->b->c"], "expected FROM->TO"),
        (
            ["pants->skirt"],
            "unknown label 'pants'; available: background, face, hair, upper_clothes, trousers, skirt,",
        ),
        (["trousers->skirt", "trousers->left_leg"], "trousers is edited already"),
    ],
)
def test_wrong_edits(texts, words):
    with pytest.raises(ValueError) as caught:
        edited_maps.parse_edits(texts)
    assert words in str(caught.value)


def test_labels_that_are_not_there():
    with pytest.raises(
        ValueError, match="--edit: the map shows no skirt; it shows background, trousers"
    ):
        edited_maps.relabelled(
            np.array([[0, 4]], np.uint8), edited_maps.parse_edits(["skirt->trousers"])
        )
