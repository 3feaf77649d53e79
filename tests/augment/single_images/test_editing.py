"""texture-transfer, edit-image and try-on, as commands on files."""

import json

import numpy as np
import pytest
import tiny_models
from PIL import Image

from augment.prepared.parsing import picture
from augment.single_images import edited_maps
from augment.single_images.clothing import clothing_mask

PERSON = ("--model", "packed_spt.pt", "--output", "out.png")


@pytest.fixture
def run(augment, empty):
    tiny_models.person_map(empty / "A_map.png")
    Image.fromarray(np.asarray(Image.open(empty / "A_map.png").resize((40, 96), 0))).save(
        empty / "B_map.png"
    )

    def command(name: str, *options: str, code: int = 0) -> str:
        result = augment(name, *PERSON, *options)
        assert result.exit_code == code, result.output
        return result.output if code == 0 else result.output.splitlines()[-1]

    return command


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def test_textures_go_both_ways(run, empty):
    both = ("--a", "A.png", "--a-parsing", "A_map.png", "--b", "B.png", "--b-parsing", "B_map.png")
    assert "A's clothes on B -> out.png, B's on A -> out_back.png, out_sheet.png" in run(
        "texture-transfer", *both
    )
    assert pixels("out.png").shape == pixels("out_back.png").shape == (32, 16, 3)
    small = pixels("out.png")
    run("texture-transfer", *both, "--scale")
    for name, image, map_file in (
        ("out.png", "B.png", "B_map.png"),
        ("out_back.png", "A.png", "A_map.png"),
    ):
        labels, onto, made = np.asarray(Image.open(map_file)), pixels(image), pixels(name)
        seen = edited_maps.resized(edited_maps.resized(labels, (32, 16)), labels.shape)
        assert made.shape == onto.shape and (made[seen == 0] == onto[seen == 0]).all()
        assert (made[seen > 0] != onto[seen > 0]).any(1).mean() > 0.9
    run("texture-transfer", *both)
    assert (pixels("out.png") == small).all()
    run("texture-transfer", *both, "--background", "network")
    assert (pixels("out.png") != small).any()
    alone = ("--a-keypoints", "A.csv", "--b-keypoints", "B.csv", "--model", "spt.pt")
    for name in "AB":
        tiny_models.keypoint_file(empty / f"{name}.csv", f"{name}.png")
    run("texture-transfer", *both, *alone)  # the last --model counts: this one has no pose network


def test_edits(run, empty):
    image = ("--image", "A.png", "--parsing", "A_map.png")
    assert "edit-image: 949 of 8,192 pixels of the map changed -> out.png, out_map.png" in run(
        "edit-image", *image, "--edit", "trousers->skirt"
    )
    expected = np.asarray(Image.open(empty / "A_map.png")).copy()
    expected[expected == 4] = 5
    assert (edited_maps.read(empty / "out_map.png") == expected).all()
    edited = pixels("out.png")
    # The same map, as a paint program saves it.
    picture(expected).convert("RGB").save("edited.png")
    run("edit-image", *image, "--edited", "edited.png")
    assert (pixels("out.png") == edited).all()
    # An unchanged map is the reconstruction: A's textures on A.
    run("edit-image", *image, "--edited", "A_map.png")
    unchanged = pixels("out.png")
    run(
        "texture-transfer",
        "--a",
        "A.png",
        "--a-parsing",
        "A_map.png",
        "--b",
        "A.png",
        "--b-parsing",
        "A_map.png",
    )
    assert (pixels("out.png") == unchanged).all() and (unchanged != edited).any()


def test_sleeves(run, empty):
    image = ("--image", "A.png", "--parsing", "A_map.png")
    run("edit-image", *image, "--sleeves", "long")
    long = edited_maps.read(empty / "out_map.png")
    before = np.asarray(Image.open(empty / "A_map.png"))
    assert (
        ((before == 6) & (long == 3)).sum() > 100
        and (long == 6)[58:].any()
        and not (long == 6)[30:50].any()
    )
    picture(long).save("long.png")
    run("edit-image", "--image", "A.png", "--parsing", "long.png", "--sleeves", "short")
    short = edited_maps.read(empty / "out_map.png")
    assert ((long == 3) & (short == 6)).sum() > 50
    bare = np.where(before == 6, 0, before).astype(np.uint8)
    Image.fromarray(bare).save("bare.png")
    output = run("edit-image", "--image", "A.png", "--parsing", "bare.png", "--sleeves", "long")
    assert "--sleeves long changes nothing: the map shows no arm" in output


def clothing(path, background=240):
    image = np.full((60, 50, 3), background, np.uint8)
    image[10:50, 10:40] = 30, 90, 200
    Image.fromarray(image).save(path)


def test_try_on(run, empty):
    clothing(empty / "C.png")
    marks = {
        "left_collar": [11, 33],
        "right_collar": [11, 16],
        "left_hem": [48, 32],
        "right_hem": [48, 17],
    }
    (empty / "C.json").write_text(json.dumps(marks))
    person = ("--person", "A.png", "--parsing", "A_map.png", "--scale")
    output = run("try-on", *person, "--clothing", "C.png", "--landmarks", "C.json")
    assert (
        "landmarks left out: left_elbow, right_elbow, left_sleeve_end, right_sleeve_end" in output
    )
    assert "as one piece" not in output
    labels, real, made = np.asarray(Image.open("A_map.png")), pixels("A.png"), pixels("out.png")
    mask = edited_maps.resized(edited_maps.resized(labels, (32, 16)), labels.shape) == 3
    assert (made[~mask] == real[~mask]).all()  # the face too
    assert (made[mask] != real[mask]).any(1).mean() > 0.9
    # With a map of the clothing, the same; as a fabric, other.
    Image.fromarray(((pixels("C.png") != 240).any(2) * 255).astype(np.uint8)).save("C_map.png")
    run(
        "try-on",
        *person,
        "--clothing",
        "C.png",
        "--landmarks",
        "C.json",
        "--clothing-parsing",
        "C_map.png",
    )
    assert (pixels("out.png") == made).all()
    run("try-on", *person, "--clothing", "C.png")
    assert (pixels("out.png") != made).any() and (pixels("out.png")[~mask] == real[~mask]).all()
    (empty / "C.json").write_text(json.dumps({"left_collar": [11, 33]}))
    assert "moved as one piece" in run(
        "try-on", *person, "--clothing", "C.png", "--landmarks", "C.json"
    )
    run("try-on", *person, "--clothing", "C.png", "--region", "trousers", "--sleeves", "long")


def test_refusals(run, empty, augment):
    image = ("--image", "A.png", "--parsing", "A_map.png")
    person = ("--person", "A.png", "--parsing", "A_map.png")
    edit = (*image, "--edit", "trousers->skirt")
    assert run("edit-image", *edit, "--model", "patn.pt", code=1) == (
        "Error: patn.pt: holds patn; this command needs spt, which paints by parsing maps"
    )
    tiny_models.write(
        empty / "base.pt", tiny_models.generator("spt", configuration="baseline", style="mask")
    )
    assert "baseline uses no parsing maps" in run("edit-image", *edit, "--model", "base.pt", code=1)
    assert "its joints are unknown" in run("edit-image", *edit, "--model", "spt.pt", code=1)
    assert run("edit-image", *image, "--edit", "hair->skirt", code=1) == (
        "Error: --edit: the map shows no hair; it shows background, face, upper_clothes, trousers, left_arm"
    )
    assert run("edit-image", *image, "--edited", "B_map.png", code=1) == (
        "Error: B_map.png: is 96 x 40 px; its image is 128 x 64"
    )
    for options, words in (
        (image, "nothing to change: expected --edited, --edit or --sleeves"),
        ((*edit, "--edited", "A_map.png"), "expected --edited or --edit, not both"),
        (
            (*edit, "--output", "out.jpg"),
            "--output out.jpg: must end in .png",
        ),
    ):
        assert words in run("edit-image", *options, code=2)
    # No input is overwritten, not even by a sheet or map next to the output.
    before = (empty / "A_map.png").read_bytes()
    assert run("edit-image", *edit, "--output", "A.png", code=1) == (
        "Error: --output A.png: A.png would be overwritten; choose another name"
    )
    Image.open("A.png").save("A.bmp")
    assert "A_map.png would be overwritten" in run(
        "edit-image",
        "--image",
        "A.bmp",
        "--parsing",
        "A_map.png",
        "--edit",
        "trousers->skirt",
        "--output",
        "A.png",
        code=1,
    )
    assert (empty / "A_map.png").read_bytes() == before
    clothing(empty / "C.png")
    cloth = (*person, "--clothing", "C.png")
    assert "--region 'background' is not a part of a person" in run(
        "try-on", *cloth, "--region", "background", code=1
    )
    assert run("try-on", *cloth, "--region", "skirt", code=1) == (
        "Error: A_map.png: shows no skirt; choose another --region, or edit the map first"
    )
    assert "--clothing-parsing belongs to --landmarks" in run(
        "try-on", *cloth, "--clothing-parsing", "A_map.png", code=2
    )
    assert not (empty / "out.png").exists()


def test_clothing_on_its_background(tmp_path):
    clothing(tmp_path / "C.png")
    image = Image.open(tmp_path / "C.png").convert("RGB")
    expected = np.zeros((60, 50), bool)
    expected[10:50, 10:40] = True
    assert (clothing_mask(image, tmp_path / "C.png", None, 3) == expected).all()
    plain = Image.new("RGB", (50, 60), "white")
    with pytest.raises(ValueError, match=r"C\.png: 0% of it differ from the colour of its border"):
        clothing_mask(plain, tmp_path / "C.png", None, 3)
    labels = np.where(expected, 3, 5).astype(np.uint8)
    Image.fromarray(labels).save(tmp_path / "map.png")
    assert (clothing_mask(image, tmp_path / "C.png", tmp_path / "map.png", 3) == expected).all()
    Image.fromarray(np.zeros((60, 50), np.uint8)).save(tmp_path / "map.png")
    with pytest.raises(ValueError, match=r"map\.png: shows nothing"):
        clothing_mask(image, tmp_path / "C.png", tmp_path / "map.png", 3)
    Image.fromarray(np.zeros((6, 5), np.uint8)).save(tmp_path / "map.png")
    with pytest.raises(ValueError, match=r"map\.png: is 6 x 5 px; .*C\.png is 60 x 50"):
        clothing_mask(image, tmp_path / "C.png", tmp_path / "map.png", 3)
