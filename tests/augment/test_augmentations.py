import pytest

from augment.augmentations import TAKES, Augmentation, check_set, from_flags, parse

NAMES = (
    "none",
    "classic",
    "patn",
    "patn-recomposed",
    "patn-star",
    "patn-star-recomposed",
    "patn-leak_free",
    "patn-leak_free-recomposed",
    "puppet",
    "puppet-pose",
    "puppet-plate",
    "puppet-plate_cast",
    "puppet-pose_plate",
    "puppet-online",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_and_its_augmentation_give_each_other(name):
    assert parse(name).name == name


def test_what_names_mean():
    assert parse("patn-leak_free-recomposed") == Augmentation("patn", "leak_free", recomposed=True)
    assert parse("puppet") == Augmentation("puppet", "leak_free", takes=TAKES)
    assert parse("puppet-pose_plate").takes == ("pose", "plate")
    assert parse("puppet-online").online and parse("puppet-online").takes == TAKES


@pytest.mark.parametrize(
    "name", ["patn-paper", "patn-fre", "puppet-cast_plate", "puppet-star", "none-star", ""]
)
def test_other_names_are_refused(name):
    with pytest.raises(
        ValueError,
        match=f"unknown augmentation '{name}'; known, .*: none, classic, patn, .*puppet-online",
    ):
        parse(name)


def test_flags():
    assert from_flags(None, None, None).name == "none"
    assert from_flags("patn", None, None).name == "patn"
    assert from_flags("patn", "star", "other").name == "patn-star-recomposed"
    assert (
        from_flags("puppet", None, None)
        == from_flags("puppet", "leak_free", "other")
        == parse("puppet")
    )
    assert from_flags("puppet", None, "source").name == "puppet-pose"
    with pytest.raises(ValueError, match="their protocol is leak_free, not paper"):
        from_flags("puppet", "paper", None)


def test_only_some_have_images_on_disk():
    assert [name for name in NAMES if not parse(name).on_disk] == [
        "none",
        "classic",
        "puppet-online",
    ]


def test_what_a_generator_is_trained_on():
    assert parse("patn-leak_free").trained_on(0.3) == parse("puppet").trained_on(0.3) == 0.3
    assert parse("patn-star").trained_on(0.3) is None
    assert parse("puppet").trained_on(1.0) is None
    assert [name for name in NAMES if parse(name).needs_training] == list(NAMES[2:8])
    assert [name for name in NAMES if parse(name).saw_all] == list(NAMES[2:6])
    assert [name for name in NAMES if parse(name).by_puppets] == [
        name for name in NAMES if "recomposed" in name or "puppet" in name
    ]
    assert [name for name in NAMES if parse(name).is_plain] == ["none"]


@pytest.mark.parametrize("name", ["patn", "patn-recomposed", "puppet", "puppet-plate"])
def test_extended_sets(name):
    for ratio in (1, 2, 3):
        check_set(parse(name), 1.0, ratio)


@pytest.mark.parametrize(
    ("name", "portion", "message"),
    [
        (
            "patn",
            0.3,
            "--ratio 2 extends the set of all real images: it requires --portion 1.0, not 0.3",
        ),
        ("none", 1.0, "none adds no images: it has no extended set, so --ratio 2 has no meaning"),
        ("puppet-online", 1.0, "puppet-online adds no images: it has no extended set"),
        (
            "patn-star",
            1.0,
            "nothing is removed, so all protocols are the same: use patn, not patn-star",
        ),
        ("patn-leak_free-recomposed", 1.0, "use patn-recomposed, not patn-leak_free-recomposed"),
    ],
)
def test_extended_sets_that_there_are_not(name, portion, message):
    check_set(parse(name), portion, 1)
    with pytest.raises(ValueError, match=message):
        check_set(parse(name), portion, 2)


def test_takes_are_those_of_the_generator():
    from generators.puppet import puppet

    assert TAKES == puppet.TAKES
