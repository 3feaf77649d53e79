import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment.prepared.market1501 import Name, parse_name, tidy, unused_name

NAMES = st.builds(
    Name,
    st.one_of(st.integers(-1, 9999), st.integers(10_000, 999_999_999)),
    st.integers(0, 98),
    st.integers(0, 9),
    st.integers(0, 999_999),
    st.integers(0, 99),
)


@given(NAMES)
def test_names_print_and_parse(name):
    assert parse_name(str(name)) == name


@given(st.from_regex(r"(-1|[0-9]{3,6})_c[0-9]{1,3}s[0-9]_[0-9]{6}_[0-9]{2}\.jpg", fullmatch=True))
def test_what_parses_prints_as_itself(text):
    try:
        name = parse_name(text)
    except ValueError as error:
        assert repr(text) in str(error)
    else:
        assert str(name) == text


@pytest.mark.parametrize(
    "text",
    [
        "0002_c1s1_000451_03.png",
        "2_c1s1_000451_03.jpg",
        "0002_c1s1_000451_03_g.jpg",
        "0002_c0s1_000451_03.jpg",
        "00002_c1s1_000451_03.jpg",
        "0002_c01s1_000451_03.jpg",
        "0002_c100s1_000451_03.jpg",
        "٠٠٠٢_c1s1_000451_03.jpg",
    ],
)
def test_other_names_are_refused(text):
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        parse_name(text)


@given(
    st.lists(st.integers(0, 999_999), unique=True, max_size=20),
    st.integers(1, 9999),
    st.integers(0, 5),
)
def test_generated_names_are_strict_and_unlike(numbers, pid, camid):
    names = [unused_name(pid, camid, number) for number in numbers]
    assert len(set(names)) == len(names)
    assert all(
        re.fullmatch(r"\d{4}_c[1-6]s\d_\d{6}_00\.jpg", name) and parse_name(name).pid == pid
        for name in names
    )


def test_too_many_generated_images():
    with pytest.raises(ValueError, match="1000000 generated images in one set"):
        unused_name(1, 0, 1_000_000)


def test_suffixes_are_tidied():
    assert [tidy(name) for name in ("a.jpg", "a.jpg.jpg", "a.jpg.jpg.jpg", "a.png")] == [
        "a.jpg",
        "a.jpg",
        "a.jpg",
        "a.png",
    ]
