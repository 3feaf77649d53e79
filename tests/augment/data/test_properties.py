"""Properties that hold for any names, splits and numbers, and for files of any bytes."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from augment.data import numbers, split
from augment.data.listing import Listing, frame
from augment.data.params import SplitParams
from augment.images import untrusted
from augment.prepared.market1501 import parse_name

WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=8
)


@given(st.lists(st.integers(0, 4).map(str), min_size=1, max_size=12), st.integers(0, 9))
def test_every_query_finds_another_camera_where_there_is_one(cameras, seed):
    asked = split.query_places(cameras, np.random.default_rng(seed))
    assert len({cameras[place] for place in asked}) == len(asked) < max(len(cameras), 1)
    gallery = [camera for place, camera in enumerate(cameras) if place not in asked]
    several = len(set(cameras)) > 1
    assert len(asked) >= (len(cameras) > 1)
    for place in asked:
        assert any(camera != cameras[place] for camera in gallery) if several else gallery


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=30), st.booleans())
def test_numbered_images_have_strict_names_unlike_one_another(people, keep):
    rows = frame(
        [(f"{n}.jpg", identity, camera, "train", "") for n, (identity, camera) in enumerate(people)]
    )
    numbered, _ = numbers.number(Listing(Path("root"), rows, keep_numbers=keep))
    assert numbered["name"].is_unique
    for row in numbered.itertuples():
        name = parse_name(row.name)
        assert (name.pid, name.camid, name.sequence, name.box) == (row.pid, row.camid, 1, 1)
    assert (
        numbered.groupby("pid")["identity"].nunique().max()
        == 1
        == numbered.groupby("identity")["pid"].nunique().max()
    )
    assert numbered.groupby("camid")["camera"].nunique().max() == 1


@given(st.lists(WORDS, unique=True, max_size=20), st.integers(0, 5))
def test_natural_order_is_one_order(words, seed):
    shuffled = list(np.random.default_rng(seed).permutation(np.array(words, object)))
    assert sorted(words, key=numbers.natural) == sorted(shuffled, key=numbers.natural)


def test_natural_order_of_numbers():
    assert sorted(["a10", "a9", "a", "10", "9", "a9b"], key=numbers.natural) == [
        "9",
        "10",
        "a",
        "a9",
        "a9b",
        "a10",
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefg"), st.sampled_from(["", "1", "2"])),
        min_size=1,
        max_size=40,
    ),
    st.floats(0.01, 0.99),
    st.integers(0, 3),
)
def test_a_drawn_split_can_be_scored_or_is_refused(images_of, share, seed):
    if not all(camera for _, camera in images_of):
        images_of = [(identity, "") for identity, _ in images_of]
    rows = frame(
        [(f"{n}.jpg", identity, camera, "", "") for n, (identity, camera) in enumerate(images_of)]
    )
    try:
        drawn, _ = split.draw(rows, SplitParams(share, seed))
    except ValueError as error:
        assert re.search("no identity can be retrieved|leaves none", str(error))
        return
    parts = {name: own for name, own in drawn.groupby("split")}
    assert parts.keys() == {"train", "query", "gallery"}
    assert not set(parts["train"]["identity"]) & set(parts["gallery"]["identity"])
    assert set(parts["query"]["identity"]) == set(parts["gallery"]["identity"])


def encoded(kind):
    with io.BytesIO() as memory:
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 8, 3), dtype=np.uint8)).save(
            memory, kind
        )
        return memory.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_broken_bytes_are_read_or_refused_by_name(tmp_path, kind, data):
    """With bytes changed, cut or inserted: a picture, or a ValueError that names the file."""
    whole = bytearray(encoded(kind))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(whole)))
        change = data.draw(st.binary(max_size=6))
        whole[place : place + data.draw(st.integers(0, 6))] = change
    file = tmp_path / "a.jpg"
    file.write_bytes(bytes(whole))
    for read in (untrusted.check, untrusted.read):
        try:
            read(file)
        except ValueError as error:
            assert str(error).startswith(f"{file}: ")
