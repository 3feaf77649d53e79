from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from augment import params, paths
from augment.images import contact_sheet
from augment.results.report_card import pairs, sheets
from augment.results.report_card.render import Renderer, renderer
from generators.registry import generator_class
from generators.training.pairs import make_batch

SIZE = (32, 16)
(HEIGHT, WIDTH), GAP = contact_sheet.CELL, contact_sheet.GAP_PX


@pytest.fixture
def held(project):
    return pairs.held_out("mini_market", None, 0)


@pytest.fixture
def outputs(held):
    draws = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (len(held.pairs), 3, *SIZE), generator=draws, dtype=torch.uint8)


@pytest.fixture
def scores(held):
    """Rows of pairs.csv; every metric orders them differently."""
    rng, number = np.random.default_rng(1), len(held.pairs)
    made = {
        name: rng.random(number) for name in ("ssim", "l1", "identity_cosine", "nearest_distance")
    }
    training = sorted(
        path.relative_to(paths.PREPARED)
        for path in (paths.PREPARED / "bounding_box_train").glob("*.jpg")
    )
    found = held.frame().assign(
        **made, pckh_right=rng.integers(0, 10, number), pckh_counted=10, mask_ssim=np.nan
    )
    return found.assign(nearest=[str(rng.choice(training)) for _ in range(number)])


def fresh(name: str, **changes) -> Renderer:
    """Of a generator with the weights that it is born with."""
    kind = generator_class(name)
    generator = kind(replace(params.load(kind.Params, f"generators.{name}"), **changes))
    return Renderer(name, SIZE, (), generator, [], lambda held: None)


def cell(sheet: Image.Image, column: int, top: int) -> np.ndarray:
    left = GAP + column * (WIDTH + GAP)
    return np.asarray(sheet)[top : top + HEIGHT, left : left + WIDTH]


def drawn(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


FIRST = GAP + contact_sheet.CAPTION_PX  # top of a sheet's first pictures


def test_the_best_the_median_and_the_worst():
    scores = pd.DataFrame(
        {"pid": range(9), "ssim": [0.1, 0.9, np.nan, 0.5, 0.3, 0.7, 0.2, 0.8, 0.6]}
    )
    assert sheets.chosen(scores, "ssim", True, 2) == {
        "best": [1, 7],
        "median": [8, 3],
        "worst": [0, 6],
    }
    assert sheets.chosen(scores, "ssim", False, 2) == {
        "best": [0, 6],
        "median": [3, 8],
        "worst": [1, 7],
    }


def test_every_person_once_and_ties_in_order():
    scores = pd.DataFrame({"pid": [4, 4, 5, 6, 5], "l1": [0.1, 0.2, 0.3, 0.3, 0.4]})
    found = sheets.chosen(scores, "l1", False, 5)
    assert found == {"best": [0, 2, 3], "median": [2, 1, 3], "worst": [4, 3, 1]}


def test_a_sheet_for_each_metric_that_there_is(held, outputs, scores, tmp_path):
    folder = tmp_path / "sheets"
    folder.mkdir()
    (folder / "best_ds.png").write_bytes(b"of an older card")
    sheets.write(folder, renderer("copy_source", None, SIZE, "cpu"), held, scores, outputs)
    wanted = ["best_identity_cosine", "best_l1", "best_pckh", "best_ssim", "closest"]
    assert sorted(file.stem for file in folder.iterdir()) == wanted
    before = (folder / "best_ssim.png").read_bytes()
    sheets.write(folder, renderer("copy_source", None, SIZE, "cpu"), held, scores, outputs)
    assert (folder / "best_ssim.png").read_bytes() == before


@pytest.mark.parametrize(
    "metric, ends", [("ssim", ("idxmax", "idxmin")), ("l1", ("idxmin", "idxmax"))]
)
def test_the_first_column_is_the_best_and_then_the_worst(
    held, outputs, scores, tmp_path, metric, ends
):
    sheets.write(tmp_path, renderer("copy_source", None, SIZE, "cpu"), held, scores, outputs)
    sheet = Image.open(tmp_path / f"best_{metric}.png")
    band = contact_sheet.CAPTION_PX + 4 * (HEIGHT + GAP) + contact_sheet.NOTE_PX
    assert sheet.height == GAP + 3 * band and sheet.width == GAP + 3 * (WIDTH + GAP)  # three people
    for number, end in zip((0, 2), ends, strict=True):
        row, top = getattr(scores[metric], end)(), FIRST + number * band
        for line, path in ((0, scores["source"][row]), (2, scores["target"][row])):
            shown = drawn(Image.open(paths.PREPARED / path))
            assert np.array_equal(cell(sheet, 0, top + line * (HEIGHT + GAP)), shown)
        output = drawn(Image.fromarray(outputs[row].permute(1, 2, 0).numpy()))
        assert np.array_equal(cell(sheet, 0, top + 3 * (HEIGHT + GAP)), output)
        written = np.asarray(sheet)[top + 3 * (HEIGHT + GAP) + HEIGHT :][
            : contact_sheet.NOTE_PX, : GAP + WIDTH
        ]
        assert written.min() < 128, "its score under it"


def test_the_closest_training_images(held, outputs, scores, tmp_path):
    sheets.write(tmp_path, renderer("copy_source", None, SIZE, "cpu"), held, scores, outputs)
    sheet, row = Image.open(tmp_path / "closest.png"), scores["nearest_distance"].idxmin()
    output = drawn(Image.fromarray(outputs[row].permute(1, 2, 0).numpy()))
    assert np.array_equal(cell(sheet, 0, FIRST), output)
    nearest = drawn(Image.open(paths.PREPARED / scores["nearest"][row]))
    assert np.array_equal(cell(sheet, 0, FIRST + HEIGHT + GAP), nearest)


def batch_of(one: Renderer, held, row: int):
    images = held.images(SIZE, getattr(one.generator.params, "parsing", None))
    return make_batch(images, held.pairs[row : row + 1], one.generator.params.sigma_px, "cpu")


def test_attention_masks_stand_beside_their_pair(held, outputs, scores, tmp_path):
    one = renderer("patn", None, SIZE, "cpu")  # the trained one
    sheets.write(tmp_path, one, held, scores, outputs)
    sheet, first = Image.open(tmp_path / "attention.png"), scores.drop_duplicates("pid").index
    blocks = one.generator.params.blocks
    assert sheet.width == GAP + (4 + blocks) * (WIDTH + GAP) and len(first) == 3
    for number, row in enumerate(first):
        top = FIRST + number * (HEIGHT + GAP + contact_sheet.NOTE_PX)
        output = Image.fromarray(outputs[row].permute(1, 2, 0).numpy())
        assert np.array_equal(cell(sheet, 3, top), drawn(output))
        for block, mask in enumerate(
            one.generator.attention(batch_of(one, held, row))[:, 0].numpy()
        ):
            shown = np.asarray(sheets.heat(mask, output), float)
            assert np.abs(cell(sheet, 4 + block, top) - shown).max() <= 2, (
                "batches of another size round otherwise"
            )


def test_vanilla_blocks_have_no_such_sheet(held, outputs, scores, tmp_path):
    sheets.write(tmp_path, fresh("patn", block="resnet"), held, scores, outputs)
    assert not {"attention.png", "alignment.png", "parsing.png"} & {
        file.name for file in tmp_path.iterdir()
    }


def test_alignments_of_places_that_are_in_sight(held, outputs, scores, tmp_path):
    one = fresh("apatn")
    lost = sheets.JOINTS.index("right_wrist")
    row = int(scores.drop_duplicates("pid").index[0])
    from generators.body.skeleton import JOINTS

    held.keypoints[held.pairs[row, 1], JOINTS.index("right_wrist")] = -1.0
    sheets.write(tmp_path, one, held, scores, outputs)
    sheet = Image.open(tmp_path / "alignment.png")
    batch = batch_of(one, held, row)
    step = HEIGHT + GAP + contact_sheet.NOTE_PX
    in_sight = [name for name in sheets.JOINTS if batch.target_pose[0, JOINTS.index(name)].any()]
    assert len(in_sight) < len(sheets.JOINTS) and sheets.JOINTS[lost] not in in_sight
    source = Image.open(paths.PREPARED / scores["source"][row])
    for line, name in enumerate(in_sight):
        found = one.generator.alignment(batch, batch.target_pose[:, [JOINTS.index(name)]])[
            :, 0, 0
        ].numpy()
        for block, where in enumerate(found):
            shown = np.asarray(sheets.heat(where, source), float)
            assert np.abs(cell(sheet, 4 + block, FIRST + line * step) - shown).max() <= 2
    # The next line is the whole person's, and only the first of a pair has its images.
    assert (
        np.array_equal(cell(sheet, 0, FIRST), drawn(source))
        and (cell(sheet, 0, FIRST + len(in_sight) * step) == 255).all()
    )


@pytest.mark.parametrize("name", ["spgnet", "spt", "warping_gan"])
def test_parsing_maps_true_and_predicted(held, outputs, scores, tmp_path, name):
    from generators.body.parsing import COLOURS

    one = fresh(name)
    sheets.write(tmp_path, one, held, scores, outputs)
    sheet, row = Image.open(tmp_path / "parsing.png"), int(scores.drop_duplicates("pid").index[0])
    images = held.images(SIZE, "files")
    batch = batch_of(one, held, row)
    blank = replace(
        batch, target_image=0 * batch.target_image, target_parsing=0 * batch.target_parsing
    )
    palette = np.array(COLOURS, np.uint8)
    for line, labels in (
        (3, images.parsing[held.pairs[row, 1]]),
        (4, one.generator.predict_parsing(blank)[0]),
    ):
        picture = drawn(Image.fromarray(palette[labels.numpy()]))
        assert np.array_equal(cell(sheet, 0, FIRST + line * (HEIGHT + GAP)), picture)


def test_heat_is_brightest_where_the_weight_is():
    weights = np.zeros((4, 2))
    weights[3, 1] = 7.0
    shown = np.asarray(sheets.heat(weights, Image.new("RGB", (16, 32), (90, 20, 200))), float).sum(
        2
    )
    y, x = np.unravel_index(shown.argmax(), shown.shape)
    assert y >= HEIGHT * 3 / 4 and x >= WIDTH / 2 and shown.max() > 2 * shown[0, 0]
    even = np.asarray(sheets.heat(np.full((4, 2), 0.5), Image.new("RGB", (16, 32), (90, 20, 200))))
    assert len(np.unique(even.reshape(-1, 3), axis=0)) == 1, "equal weights have no brightest place"
