import io
import os
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from generators.body.pose import flip, pose_maps
from generators.training.pairs import ImageSet, decode, make_batch, training_pairs


def test_pairs_are_all_ordered_pairs_of_usable_images_of_an_identity():
    pids = np.array([7, 3, 7, -1, 0, 3, 7, -1, 0, 5])
    keypoints = torch.ones(10, 18, 2)
    keypoints[6, 8] = -1.0  # the third image of identity 7 lacks a hip
    wanted = sorted([*permutations([0, 2], 2), *permutations([1, 5], 2)])
    pairs = training_pairs(pids, keypoints)
    assert pairs.dtype == torch.int64 and pairs.tolist() == [list(pair) for pair in wanted]


def test_no_pairs_at_all():
    assert training_pairs([1, 2, -1, -1], torch.ones(4, 18, 2)).shape == (0, 2)
    assert training_pairs([1, 1], torch.full((2, 18, 2), -1.0)).shape == (0, 2)


def test_263632_pairs_on_market1501():
    folder = os.environ.get("MARKET1501_ANNOTATIONS")
    if folder is None:
        pytest.skip(
            "MARKET1501_ANNOTATIONS does not name the folder with market-annotation-train.csv"
        )
    table = pd.read_csv(Path(folder) / "market-annotation-train.csv", sep=":")
    keypoints = np.stack(
        [
            np.stack([np.fromstring(text.strip(" []"), sep=",") for text in table[name]])
            for name in table.columns[1:]
        ],
        -1,
    )
    pids = table["name"].str.split("_").str[0].astype(int).to_numpy()
    pairs = training_pairs(pids, torch.from_numpy(keypoints).float())
    assert len(pairs) == 263_632
    # Of 12,116 usable images of 745 identities, four are the only image of their identity.
    assert len(pairs.unique()) == 12_112 and len(np.unique(pids[pairs.unique().numpy()])) == 741


def test_decode_reads_and_resizes(tmp_path):
    draws = np.random.default_rng(0)
    paths = []
    for row in range(5):
        paths.append(tmp_path / f"{row}.png")
        Image.fromarray(draws.integers(0, 256, (16, 8, 3), dtype=np.uint8)).save(paths[-1])
    Image.new("L", (8, 16), 77).save(tmp_path / "grey.png")
    done = []
    pixels = decode([*paths, tmp_path / "grey.png"], (16, 8), done.append)
    assert pixels.dtype == torch.uint8 and pixels.shape == (6, 3, 16, 8) and sum(done) == 6
    assert np.array_equal(pixels[3].permute(1, 2, 0).numpy(), np.asarray(Image.open(paths[3])))
    assert (pixels[5] == 77).all()
    half = decode(paths, (8, 4)).float()
    blocks = pixels[:5].float().unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2))
    assert (
        half - blocks
    ).abs().mean() < 20  # a wider filter than the block mean, but the same picture


@pytest.mark.parametrize("kind", ["truncated", "text", "missing"])
def test_decode_names_a_bad_file(tmp_path, kind):
    good, bad = tmp_path / "good.jpg", tmp_path / "bad.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (128, 64, 3), dtype=np.uint8)).save(
        good
    )
    if kind == "truncated":
        whole = io.BytesIO()
        Image.open(good).save(whole, "JPEG")
        bad.write_bytes(whole.getvalue()[:900])
    elif kind == "text":
        bad.write_text("not an image")
    with pytest.raises(
        ValueError, match=r"bad\.jpg: not a readable image .*; remove or replace the file"
    ):
        decode([good, bad], (64, 32))


def test_batch_holds_the_pairs(people):
    images, _ = people
    batch = make_batch(images, torch.tensor([[0, 3], [5, 2]]), 1.5, "cpu")
    assert batch.source_image.shape == (2, 3, 32, 16) and batch.target_pose.shape == (2, 18, 32, 16)
    assert torch.equal(
        ((batch.source_image[1] + 1) * 127.5).round().to(torch.uint8), images.pixels[5]
    )
    assert torch.equal(batch.target_keypoints[0], images.keypoints[3])
    assert torch.equal(batch.target_pose, pose_maps(images.keypoints[[3, 2]], (32, 16), 1.5))
    assert batch.source_pose[1, 4].abs().max() == 0  # this joint is missing in image 5
    assert len(batch) == 2 and batch.source_image.min() >= -1 and batch.source_image.max() <= 1


def test_batch_flips_images_and_joints_together(people):
    images, _ = people
    rows = torch.tensor([[0, 3], [5, 2]])
    plain = make_batch(images, rows, 1.5, "cpu", None)
    turned = make_batch(images, rows, 1.5, "cpu", torch.tensor([True, False]))
    assert torch.equal(turned.source_image[0], plain.source_image[0].flip(-1))
    assert torch.equal(turned.target_image[0], plain.target_image[0].flip(-1))
    assert torch.equal(turned.target_keypoints[0], flip(plain.target_keypoints[0], 16))
    assert torch.equal(turned.source_image[1], plain.source_image[1])
    assert torch.equal(turned.source_pose[1], plain.source_pose[1])


def test_image_set_states_its_shapes():
    with pytest.raises(
        ValueError,
        match=r"ImageSet.pixels must be uint8 \[N, 3, H, W\], got torch.float32 \[2, 3, 8, 4\]",
    ):
        ImageSet(torch.zeros(2, 3, 8, 4), torch.zeros(2, 18, 2))
    with pytest.raises(
        ValueError, match=r"ImageSet.keypoints must be float32 \[2, 18, 2\], got .*\[3, 18, 2\]"
    ):
        ImageSet(torch.zeros(2, 3, 8, 4, dtype=torch.uint8), torch.zeros(3, 18, 2))
