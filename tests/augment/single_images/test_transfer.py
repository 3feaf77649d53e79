import json
from pathlib import Path

import hostile
import numpy as np
import pytest
import tiny_models
import torch
from PIL import Image

from augment.single_images import transfer as single_transfer
from augment.single_images.output import check_output
from generators.body.pose import rescale
from generators.registry import GENERATORS
from generators.training.checkpoint import load_generator
from generators.training.pairs import ImageSet, decode, make_batch
from generators.training.sheets import to_uint8


@pytest.fixture
def transfer(augment, empty):
    def run(*options: str, model: str = "packed_patn.pt", output: str = "out"):
        return augment("transfer", "--model", model, "--output", output, *options)

    return run


def done(result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


def refused(result) -> str:
    assert result.exit_code == 1, result.output
    return result.output.splitlines()[-1]


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path))


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def test_one_image_and_the_pose_of_another(transfer, empty):
    output = done(transfer("--image", "A.png", "--pose", "B.png"))
    assert "transfer: patn at 32x16: A.png in the pose of B.png -> out" in output
    assert sorted(files("out")) == ["B.png", "made_by.json", "sheet.png"]
    # The same as the pipeline renders: images resized alike, joints moved along.
    generator = load_generator(empty / "patn.pt", "cpu")
    sizes = [(128, 64), (96, 40)]
    points = [
        rescale(tiny_models.located(None, torch.zeros(1, 3, 32, 16)), (32, 16), size)[0]
        for size in sizes
    ]
    points = torch.stack(
        [rescale(one[None], size, (32, 16))[0] for one, size in zip(points, sizes, strict=True)]
    )
    batch = make_batch(
        ImageSet(decode(["A.png", "B.png"], (32, 16)), points), torch.tensor([[0, 1]]), 1.5, "cpu"
    )
    expected = to_uint8(generator.generate(batch))[0]
    assert np.abs(pixels("out/B.png").astype(int) - expected).max() <= 1 and expected.std() > 20
    made_by = json.loads((empty / "out/made_by.json").read_text())
    assert made_by["model"] == "patn" and made_by["images"] == [
        {"image": "B.png", "source": "A.png"}
    ]


def test_again_gives_the_same_bytes_and_replaces_its_own(transfer):
    done(transfer("--image", "A.png", "--pose", "walk", "--frames", "5"))
    first = files("out")
    (Path("out") / "walk_001.png").unlink()
    done(transfer("--image", "A.png", "--pose", "walk", "--frames", "5"))
    assert files("out") == first and not [
        path for path in Path().iterdir() if "partial" in path.name
    ]


@pytest.mark.parametrize("name", ["walk", "turn"])
def test_named_sequence(transfer, name):
    output = done(transfer("--image", "A.png", "--pose", name, "--frames", "6", "--scale"))
    assert "6 images, sheet.png and poses.gif" in output
    assert sorted(path.stem for path in Path("out").glob(f"{name}_*.png")) == [
        f"{name}_{k:03d}" for k in range(6)
    ]
    assert pixels(f"out/{name}_000.png").shape == (128, 64, 3)
    with Image.open("out/poses.gif") as animation:
        assert (
            animation.n_frames == 6 and animation.size == (256, 256) and animation.info["loop"] == 0
        )


def test_folder_of_images(transfer, empty):
    (empty / "poses").mkdir()
    for number in range(3):
        tiny_models.person_image(empty / f"poses/p{number}.png")
    Image.new("RGB", (64, 128)).save(empty / "poses/nobody.png")
    output = done(transfer("--image", "A.png", "--pose", "poses"))
    assert "1 left out, e.g. nobody shows no torso" in output
    assert sorted(files("out")) == [
        "made_by.json",
        "p0.png",
        "p1.png",
        "p2.png",
        "poses.gif",
        "sheet.png",
    ]
    assert json.loads((empty / "out/made_by.json").read_text())["left_out"] == [
        "nobody shows no torso"
    ]


def test_keypoint_files(transfer, empty):
    """Joints of A and the poses come from files: no pose network is needed."""
    tiny_models.keypoint_file(empty / "A.csv", "whatever.jpg")
    tiny_models.keypoint_file(empty / "poses.csv", "x.jpg", "y.jpg", shift=3)
    given = ("--image", "A.png", "--image-keypoints", "A.csv", "--pose", "poses.csv")
    done(transfer(*given, model="patn.pt"))
    assert sorted(files("out")) == ["made_by.json", "poses.gif", "sheet.png", "x.png", "y.png"]
    assert (pixels("out/x.png") == pixels("out/y.png")).all()
    # Of a folder of keypoint files, and of larger images.
    (empty / "folder").mkdir()
    tiny_models.keypoint_file(empty / "folder/one.csv", "x.jpg", shift=3)
    done(transfer(*given[:-1], "folder", model="patn.pt", output="again"))
    assert (pixels("again/x.png") == pixels("out/x.png")).all()
    done(transfer(*given, "--pose-size", "256x128", model="patn.pt", output="larger"))
    assert (pixels("larger/x.png") != pixels("out/x.png")).any()


def test_size_of_the_images_that_poses_are_of(transfer, empty):
    tiny_models.keypoint_file(empty / "poses.csv", "x.png", "y.png")
    given = ("--image", "B.png", "--pose", "poses.csv")
    assert refused(transfer(*given)) == (
        "Error: poses.csv: x.png: a joint at (114, 46) lies outside the source image (96 x 40 px), so these are joints of a "
        "larger image: set its size with --pose-size HEIGHTxWIDTH"
    )
    for name in ("x.png", "y.png"):
        tiny_models.person_image(empty / name)
    done(transfer(*given))
    found = pixels("out/x.png")
    done(transfer(*given, "--pose-size", "128x64"))
    assert (pixels("out/x.png") == found).all()


def test_puppet_needs_no_file(transfer, empty):
    tiny_models.keypoint_file(empty / "A.csv", "A.png")
    joints = ("--image", "A.png", "--image-keypoints", "A.csv")
    done(transfer(*joints, "--pose", "A.csv", model="puppet"))
    drawn, real = pixels("out/A.png").astype(int), pixels("A.png").astype(int)
    assert drawn.shape == (128, 64, 3)
    # In the own pose: far from the person nothing changes, on the torso neither.
    assert (
        np.abs(drawn[:, :6] - real[:, :6]).max() <= 1
        and np.abs(drawn[32:60, 24:40] - real[32:60, 24:40]).max() <= 2
    )
    tiny_models.person_map(empty / "A_map.png")
    output = done(transfer(*joints, "--pose", "turn", "--parsing", "A_map.png", model="puppet"))
    assert "outlines from the parsing map" in output
    done(
        transfer(
            "--image", "A.png", "--pose", "walk", "--pose-network", "packed_patn.pt", model="puppet"
        )
    )


def test_pairs(transfer, empty):
    (empty / "crops/b").mkdir(parents=True)
    for name in ("a.png", "b/c.png"):
        tiny_models.person_image(empty / "crops" / name)
    Image.new("RGB", (64, 128)).save(empty / "crops/nobody.png")
    (empty / "pairs.csv").write_text("from,to\na.png,b/c.png\nb/c.png,a.png\na.png,nobody.png\n")
    output = done(transfer("--pairs", "pairs.csv", "--root", "crops"))
    assert "2 pairs of pairs.csv" in output
    assert "1 left out, e.g. a.png -> nobody.png: no torso visible in nobody.png" in output
    assert sorted(files("out")) == [
        "000000_a_to_c.png",
        "000001_c_to_a.png",
        "made_by.json",
        "sheet.png",
    ]


@pytest.mark.parametrize(
    "text, message",
    [
        ("a,b\n", "pairs.csv: row 1: expected the header 'from,to', found 'a,b'"),
        ("from,to\n", "pairs.csv: has no pair"),
        ("from,to\nA.png\n", "pairs.csv: row 2: expected two names, found 1"),
        (
            "from,to\nA.png,C.png\n",
            "pairs.csv: row 2: C.png not found; names are relative to --root",
        ),
        (
            "from,to\nA.png,../A.png\n",
            "pairs.csv: row 2: '../A.png': lies outside .; only files inside it are read",
        ),
        (
            "from,to\nA.png,/etc/passwd\n",
            "pairs.csv: row 2: '/etc/passwd': lies outside .; only files inside it are read",
        ),
        (
            'from,to\nA.png,"B\n.png"\n',
            "pairs.csv: row 2: 'B\\n.png': the name holds a control character; rename the file",
        ),
        ("from,to\nA.png,\xff\x00\n", "pairs.csv: row 2: "),
    ],
)
def test_pairs_that_are_none(transfer, empty, text, message):
    (empty / "pairs.csv").write_text(text)
    assert refused(transfer("--pairs", "pairs.csv")).startswith(f"Error: {message}")


def test_without_joints(transfer, empty):
    three_ways = (
        "Error: A.png: its joints are unknown. Use one of: --image-keypoints FILE with a row for it; --pose-network "
        "FILE, from `augment train-pose-network`; a --model with a pose network, from `augment pack`"
    )
    assert refused(transfer("--image", "A.png", "--pose", "walk", model="patn.pt")) == three_ways
    assert refused(transfer("--image", "A.png", "--pose", "walk", model="puppet")) == three_ways
    Image.new("RGB", (64, 128)).save(empty / "black.png")
    assert refused(transfer("--image", "black.png", "--pose", "walk")) == (
        "Error: black.png: no joints found; a person needs both shoulders and both hips. Provide them with "
        "--image-keypoints FILE, or use a clearer image"
    )
    assert refused(transfer("--image", "A.png", "--pose", "black.png")) == (
        "Error: black.png: holds no pose with both shoulders and both hips; use a clearer image or a "
        "keypoint file"
    )
    tiny_models.keypoint_file(empty / "two.csv", "x.jpg", "y.jpg")
    assert refused(
        transfer(
            "--image", "A.png", "--pose", "walk", "--image-keypoints", "two.csv", model="patn.pt"
        )
    ) == ("Error: two.csv: has no row for A.png (rows: x.jpg, y.jpg, ...)")
    assert refused(
        transfer("--image", "A.png", "--pose", "walk", "--pose-network", "patn.pt")
    ).startswith("Error: patn.pt: holds no pose network")


def test_wrong_files(transfer, empty):
    image = ("--image", "A.png")
    assert refused(transfer(*image, "--pose", "absent")) == (
        "Error: absent: not found; --pose takes an image, a keypoint file, a folder of either, or walk or turn"
    )
    message = refused(transfer(*image, "--pose", "walk", model="absent.pt"))
    assert message.startswith(
        "Error: absent.pt: not found; --model takes a generator's file, or puppet"
    )
    assert refused(transfer(*image, "--pose", "walk", model="pose_network.pt")) == (
        "Error: pose_network.pt: holds pose_network, which renders no images; pass a generator's file"
    )
    assert refused(transfer(*image, "--pose", "walk", model="A.png")).startswith(
        "Error: A.png: not a readable checkpoint ("
    )
    (empty / "list.csv").write_text("from,to\nA.png,B.png\n")
    assert (
        refused(transfer(*image, "--pose", "list.csv"))
        == "Error: list.csv: is a list of pairs; pass it as --pairs"
    )
    (empty / "none").mkdir()
    assert refused(transfer(*image, "--pose", "none")).startswith(
        "Error: none: holds no images (.jpg "
    )
    tiny_models.person_image(empty / "none/a.png")
    tiny_models.keypoint_file(empty / "none/a.csv", "a.png")
    assert refused(transfer(*image, "--pose", "none")).startswith(
        "Error: none: holds images and keypoint files (a.png, a.csv)"
    )
    for options, words in (
        (image, "expected --image and --pose, or --pairs"),
        ((), "expected --image and --pose, or --pairs"),
        (
            (*image, "--pose", "walk", "--pairs", "list.csv"),
            "expected --image and --pose, or --pairs",
        ),
        ((*image, "--pose", "walk", "--root", "."), "--root belongs to --pairs"),
        (
            (*image, "--pose", "walk", "--pose-size", "12"),
            "'12': expected HEIGHTxWIDTH, e.g. 128x64",
        ),
        (
            (*image, "--pose", "walk", "--heading", "nan"),
            "a heading of nan degrees is not a number",
        ),
    ):
        result = transfer(*options)
        assert result.exit_code and words in result.output


@pytest.mark.parametrize(
    "make, words",
    [
        (
            lambda path: hostile.png_header(path, 30_000, 30_000),
            "far too many pixels by its header",
        ),
        (hostile.truncated, "cannot be decoded"),
        (hostile.gif, "is a GIF file by its content"),
        (hostile.empty, "is empty"),
    ],
)
def test_hostile_images(transfer, empty, make, words):
    make(empty / "bad.jpg")
    assert words in refused(transfer("--image", "bad.jpg", "--pose", "B.png"))
    assert words in refused(transfer("--image", "A.png", "--pose", "bad.jpg"))
    (empty / "poses").mkdir()
    make(empty / "poses/bad.jpg")
    assert words in refused(transfer("--image", "A.png", "--pose", "poses"))
    (empty / "pairs.csv").write_text("from,to\nA.png,bad.jpg\n")
    assert words in refused(transfer("--pairs", "pairs.csv"))
    assert not (empty / "out").exists()


def test_links_out_of_a_folder_of_poses(transfer, empty):
    (empty / "poses").mkdir()
    hostile.link(empty / "poses/x.png", empty / "A.png")
    assert "lies outside poses through a symbolic link" in refused(
        transfer("--image", "A.png", "--pose", "poses")
    )


def test_pictures_that_are_odd_but_right(transfer, empty):
    for make in (hostile.cmyk, hostile.sixteen_bits, hostile.rotated):
        make(empty / "odd.jpg")
        done(transfer("--image", "odd.jpg", "--pose", "B.png"))


def test_whole_or_not_at_all(transfer, empty, monkeypatch):
    real = single_transfer.painter

    def breaking(model):
        paint, calls = real(model), []

        def once(wanted):
            calls.append(1)
            if len(calls) > 1:
                raise ValueError("the machine is on fire")
            return paint(wanted)

        return once

    monkeypatch.setattr(single_transfer, "painter", breaking)
    before = sorted(path.name for path in empty.iterdir())
    assert "on fire" in refused(transfer("--image", "A.png", "--pose", "walk", "--frames", "20"))
    assert sorted(path.name for path in empty.iterdir()) == before


def test_other_peoples_folders_stay(transfer, empty):
    (empty / "out").mkdir()
    (empty / "out/thesis.txt").write_text("years of work")
    message = "Error: out: exists and holds files that this command has not written; remove it or choose another --output"
    assert refused(transfer("--image", "A.png", "--pose", "walk")) == message
    (empty / "out/thesis.txt").rename(empty / "thesis.txt")
    done(transfer("--image", "A.png", "--pose", "B.png"))
    (empty / "thesis.txt").rename(empty / "out/thesis.txt")  # also next to our own
    assert refused(transfer("--image", "A.png", "--pose", "walk")) == message
    assert (empty / "out/thesis.txt").read_text() == "years of work"
    with pytest.raises(ValueError, match="this command has not written"):
        check_output(empty / "A.png")
    done(transfer("--image", "A.png", "--pose", "walk", output="walk"))
    done(transfer("--image", "A.png", "--pose", "walk", output="walk"))
    done(transfer("--image", "A.png", "--pose", "walk", output="again"))
    assert refused(transfer("--image", "again/walk_000.png", "--pose", "walk", output="again")) == (
        "Error: again/walk_000.png: lies in --output again, which is replaced; choose another"
    )
    assert "exists and holds" in refused(transfer("--image", "A.png", "--pose", "walk", output="."))


def test_dry_run_writes_nothing(transfer, empty):
    done(transfer("--image", "A.png", "--pose", "walk", "--dry-run"))
    assert not (empty / "out").exists()


def test_parsing_maps(transfer, empty):
    tiny_models.person_map(empty / "A_map.png")
    image = ("--image", "A.png", "--pose", "B.png")
    output = done(transfer(*image, model="packed_spt.pt", output="drawn"))
    assert (
        "parsing map drawn from keypoints, coarser than those spt was trained on; --parsing takes a better one"
        in output
    )
    assert "parsing map as given" in done(
        transfer(*image, "--parsing", "A_map.png", model="packed_spt.pt")
    )
    assert (pixels("out/B.png") != pixels("drawn/B.png")).any()
    assert refused(transfer(*image, "--parsing", "A_map.png")) == (
        "Error: packed_patn.pt: patn uses no parsing map; leave --parsing out"
    )
    tiny_models.write(empty / "coarse.pt", tiny_models.generator("spt", parsing="from_keypoints"))
    coarse = (*image, "--pose-network", "packed_spt.pt")
    assert "parsing map drawn from keypoints\n" in done(transfer(*coarse, model="coarse.pt"))
    assert refused(transfer(*coarse, "--parsing", "A_map.png", model="coarse.pt")).startswith(
        "Error: coarse.pt: spt was trained on maps drawn from keypoints"
    )
    Image.new("L", (10, 10)).save(empty / "small.png")
    assert refused(transfer(*image, "--parsing", "small.png", model="packed_spt.pt")) == (
        "Error: small.png: is 10 x 10 px; its image is 128 x 64"
    )


@pytest.mark.parametrize("name", [name for name in GENERATORS if name != "puppet"])
def test_every_generator_renders(transfer, empty, name):
    """The person's own pose matters, and so does the target's."""
    tiny_models.write(empty / "any.pt", tiny_models.generator(name))
    given = (
        "--image",
        "A.png",
        "--pose",
        "walk",
        "--frames",
        "3",
        "--pose-network",
        "packed_patn.pt",
    )
    done(transfer(*given, model="any.pt"))
    frames = [pixels(f"out/walk_00{number}.png") for number in range(3)]
    assert frames[0].shape == (32, 16, 3) and frames[0].std() > 3
    assert not (frames[0] == frames[1]).all() and not (frames[1] == frames[2]).all()
