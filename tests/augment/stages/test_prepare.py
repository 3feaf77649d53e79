import re

import hostile
import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from augment import prepared
from augment.prepared import index, keypoints
from generators.body.parsing import LABELS


def use(folder, **dataset):
    """Change dataset keys in the folder's params.yaml."""
    file = folder / "params.yaml"
    params = yaml.safe_load(file.read_text())
    params["dataset"] |= dataset
    file.write_text(yaml.safe_dump(params))


@pytest.fixture
def real(project, market):
    """The project, set to the Market-1501 folder of the fixture."""
    annotations = [str(market / f"market-annotation-{split}.csv") for split in ("train", "test")]
    use(project, name="market1501", root=str(market), annotations=annotations)
    return project


def test_mini_market_is_whole(finished):
    rows = index.read(finished / "data/prepared/index.csv")
    assert rows["split"].value_counts()["train"] == 20
    assert all((finished / "data/prepared" / path).is_file() for path in rows["path"])
    found = keypoints.read(finished / "data/prepared/keypoints.csv", (128, 64))
    assert set(found) == {path.rsplit("/", 1)[1] for path in rows["path"]}
    assert (finished / "data/prepared/contact_sheet.png").is_file()
    assert sorted(p.name for p in (finished / "data").iterdir()) == [
        "generated",
        "prepared",
        "reduced",
    ]


def test_real_folder_is_copied_and_counted(real, market, augment):
    result = augment("prepare")
    assert result.exit_code == 0, result.output
    rows = index.read(real / "data/prepared/index.csv")
    assert len(rows) == 12 and rows["pid"].min() == -1
    assert "query/0003_c2s1_000321_00.jpg" in set(rows["path"])
    for path in rows["path"]:
        original = market / path if (market / path).is_file() else market / f"{path}.jpg"
        assert (real / "data/prepared" / path).read_bytes() == original.read_bytes()
    # Identities 2 and 7 have two images with a torso each, identity 11 only one.
    assert "4 training pairs; 1 of 6 training images lack a hip or shoulder" in result.output
    for line in (
        "- bounding_box_train: 1 Thumbs.db not read",
        "- query: 1 names end in .jpg.jpg, read as .jpg",
        "- query: 2 names have box 00",
        "- 12 images copied byte for byte",
        "- 0 groups of images have equal bytes",
    ):
        assert f"{line}\n" in result.output
    assert not (real / "data/prepared/names.csv").exists()
    assert prepared.about() == prepared.About("market1501", (128, 64), True)
    counts = pd.read_csv(real / "data/prepared/counts.csv").set_index("split")
    assert counts.loc["gallery", ["junk", "distractors"]].tolist() == [1, 1]
    poses = ["with_pose", "all_18", "no_joint", "no_row", "no_torso"]
    assert counts.loc["train", poses].tolist() == [5, 5, 1, 0, 1]
    assert counts.loc["query", poses].tolist() == [0, 0, 0, 2, 2]


def test_an_empty_list_of_keypoint_files_is_meant_so(real, augment):
    use(real, annotations=[])
    result = augment("prepare")
    assert (
        result.exit_code == 0
        and "- no keypoints: re-ID models can be trained, but no images generated" in result.output
    )
    assert prepared.joints() == {}


def test_max_ids_may_differ_by_split(real, augment):
    use(real, max_ids={"train": 1, "test": 2})
    assert augment("prepare").exit_code == 0
    rows = index.read(real / "data/prepared/index.csv")
    assert rows.loc[rows["split"] == "train", "pid"].unique().tolist() == [2]
    assert sorted(rows.loc[rows["split"] == "gallery", "pid"]) == [1, 3]


def test_parsing_maps_are_merged(real, market, augment):
    folder = real / "parsed"
    folder.mkdir()
    for name in (path.name for path in market.glob("*/*.jpg")):
        labels = np.zeros((128, 64), np.uint8)
        labels[40:60] = 7  # LIP's coat
        Image.fromarray(labels).save(
            (folder / name.replace(".jpg.jpg", ".jpg")).with_suffix(".png")
        )
    use(real, parsing={"root": str(folder), "labels": "lip20"})
    result = augment("prepare")
    assert result.exit_code == 0, result.output
    merged = np.asarray(Image.open(real / "data/prepared/parsing/0002_c1s1_002100_01.png"))
    assert (merged[40:60] == LABELS.index("upper_clothes")).all() and not merged[:40].any()
    Image.fromarray(np.full((128, 64), 20, np.uint8)).save(folder / "0002_c1s1_002100_01.png")
    assert "0002_c1s1_002100_01.png: label 20 is not one of lip20's" in augment("prepare").output
    (folder / "0002_c1s1_002100_01.png").unlink()
    missing = (
        "0002_c1s1_002100_01.png: not found (nor as .npy); dataset.parsing needs one map per image"
    )
    assert missing in augment("prepare").output


def test_a_failed_prepare_leaves_the_old_data(real, market, augment):
    before = (real / "data/prepared/index.csv").read_bytes()
    broken = market / "query" / "0001_c1s1_000111_00.jpg"
    broken.write_bytes(b"")
    result = augment("prepare")
    assert result.exit_code == 1 and re.search(
        f"Error: {re.escape(str(broken))}: is empty", result.output
    )
    assert (real / "data/prepared/index.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ({"root": "nowhere"}, "nowhere: folder not found (params.yaml: dataset.root)"),
        (
            {"parsing": {"root": "gone", "labels": "lip20"}},
            "gone: folder not found (params.yaml: dataset.parsing.root)",
        ),
        ({"root": None}, "market1501 needs root (a folder) and annotations (a list of CSV files)"),
        (
            {"annotations": ["gone.csv"]},
            "gone.csv: keypoint file not found (params.yaml: dataset.annotations)",
        ),
        (
            {"name": "market"},
            "dataset.name: 'market' is not one of mini_market, folder, market1501, market_like, msmt17, ",
        ),
    ],
)
def test_bad_sources_are_named_before_anything_is_done(real, augment, dataset, message):
    use(real, **dataset)
    result = augment("prepare", "--dry-run")
    assert result.exit_code == 1 and message in result.output


NAME = "0002_c3s1_002300_01.jpg"
BAD = {
    "bomb": (
        lambda p: hostile.png_header(p, 30_000, 30_000),
        "{file}: far too many pixels by its header; images have at",
    ),
    "large": (
        lambda p: hostile.png_header(p, 6_000, 6_000),
        "{file}: is a PNG file by its content; expected JPEG",
    ),
    "cut": (hostile.truncated, "{file}: cannot be decoded (image file is truncated"),
    "gif": (hostile.gif, "{file}: is a GIF file by its content; expected JPEG"),
    "empty": (hostile.empty, "{file}: is empty"),
    "cmyk": (
        hostile.cmyk,
        "{file}: CMYK; Market-1501 images are RGB (`name: market_like` accepts any)",
    ),
    "deep": (hostile.sixteen_bits, "{file}: is a PNG file by its content; expected JPEG"),
    "turned": (
        hostile.rotated,
        "{file}: 128 high and 64 wide after a rotation by EXIF; Market-1501 images are 128 by 64",
    ),
    "size": (
        lambda p: Image.new("RGB", (32, 64)).save(p) or p,
        "{file}: 64 high and 32 wide; Market-1501 images are 128",
    ),
    "link": (
        lambda p: hostile.link(p, p.parents[2] / "project" / "params.yaml"),
        "'{file}': lies outside {root} through a",
    ),
    "newline": (
        lambda p: hostile.with_newline(p.parent),
        r"0001_c1s1_000001\n_01.jpg': the name holds a control character; ",
    ),
    "bytes": (
        lambda p: hostile.with_foreign_bytes(p.parent),
        r"0001_c1s1_\udcff_01.jpg': the name holds bytes that are",
    ),
    "foreign": (
        lambda p: (p.parent / "notes.txt").touch(),
        "notes.txt: 'notes.txt' is not a Market-1501 name such as 0002_c1",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_in_the_real_layout(real, market, augment, kind):
    make, message = BAD[kind]
    file, before = market / "bounding_box_train" / NAME, sorted((real / "data").rglob("*"))
    make(file)
    result = augment("prepare")
    assert result.exit_code == 1 and message.format(file=file, root=market) in result.output, (
        result.output
    )
    assert sorted((real / "data").rglob("*")) == before


def test_bad_files_are_named_together(real, market, augment):
    for number in range(12):
        hostile.empty(market / "query" / f"0001_c1s1_{number:06d}_00.jpg")
    output = augment("prepare").output
    assert "Error: 12 problems; nothing was written:\n" in output and output.endswith(
        ": is empty\n  and 2 more\n"
    )


def test_equal_bytes_are_reported(real, market, augment):
    first = market / "bounding_box_train/0002_c1s1_002100_01.jpg"
    (market / "bounding_box_train" / NAME).write_bytes(first.read_bytes())
    output = augment("prepare").output
    assert (
        f"- 1 groups of images have equal bytes\n  equal: {first}, {market / 'bounding_box_train' / NAME}\n"
        in output
    )


def test_a_missing_or_empty_folder_is_named(real, market, augment):
    for file in (market / "query").iterdir():
        file.unlink()
    assert f"Error: {market / 'query'}: holds no images\n" in augment("prepare").output
    (market / "query").rmdir()
    message = f"{market / 'query'}: folder not found; dataset.root must hold bounding_box_train, query, bounding_box_test"
    assert message in augment("prepare").output


def test_keypoints_of_other_images_are_named(real, market, augment):
    file = market / "market-annotation-train.csv"
    keypoints.write({"0099_c1s1_000001_01.jpg": np.full((18, 2), 5)}, file)
    assert (
        f"{file}: 1 of 1 names match no image under {market}, e.g. '0099_c1s1_000001_01.jpg'"
        in augment("prepare").output
    )
    use(real, annotations=[str(market / "market-annotation-test.csv")] * 2)
    assert "has a row in another keypoint file already" in augment("prepare").output


def test_both_spellings_of_one_name_are_named(real, market, augment):
    (market / "query" / "0003_c2s1_000321_00.jpg").write_bytes(
        (market / "query" / "0003_c2s1_000321_00.jpg.jpg").read_bytes()
    )
    assert "its name occurs twice when '.jpg.jpg' is read as '.jpg'" in augment("prepare").output
