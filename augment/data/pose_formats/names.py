"""Which image a name in a keypoint file means."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from pathlib import PurePosixPath

from augment.images.untrusted import SUFFIXES


def match(found: Collection[str], images: Collection[str]) -> dict[str, str]:
    """Image -> name in the keypoint file, of the images that have one; both as paths with `/`,
    images' relative to their root.

    A name means the image of the same path; else the image of the same bare name, where that is
    unique on both sides. A name without suffix (OpenPose and MMPose write none) means the image
    whose name it is without its own; so a file that ends in its suffix twice (Market-1501 has
    .jpg.jpg) answers to the name with one.
    """
    matched: dict[str, str] = {}
    taken: set[str] = set()
    for of_name, of_image in (
        (_path, _path),
        (_bare, _bare),
        (_path, _without_suffix),
        (_bare, _bare_without_suffix),
    ):
        names, wanted = _unique(found, of_name), _unique(images, of_image)
        for key, image in wanted.items():
            if key in names and image not in matched and names[key] not in taken:
                matched[image] = names[key]
                taken.add(names[key])
    return {image: matched[image] for image in images if image in matched}


def suggestion(found: Collection[str], images: Collection[str]) -> str:
    """What would make names match that match nothing, as far as can be seen; a sentence, or
    empty.
    """
    sample = sorted(found)[:200]
    bare = Counter(_bare(image) for image in images)
    if any(bare[_bare(name)] > 1 for name in sample):
        return "bare names that several folders hold are ambiguous: write the path from the images' folder in front"
    for change, keys in (
        ("the suffix differs", _bare_without_suffix),
        ("small and capital letters differ", lambda name: _bare(name).lower()),
        (
            "suffix, and small and capital letters, differ",
            lambda name: _bare_without_suffix(name).lower(),
        ),
        ("folders are joined into the name", lambda name: _letters(_without_suffix(name))),
        (
            "the names have something added at their end",
            lambda name: _bare_without_suffix(name).rpartition("_")[0],
        ),
    ):
        whole = {keys(image): image for image in images}
        if change.startswith("the names"):
            whole = {_bare_without_suffix(image): image for image in images}
        hits = [(name, whole[keys(name)]) for name in sample if keys(name) in whole]
        if 2 * len(hits) > len(sample):
            return f"{change}: {hits[0][0]!r} is probably {hits[0][1]!r}"
    if sample and (near := get_close_matches(sample[0], sorted(images)[:5000], 1)):
        return f"nearest to {sample[0]!r} is {near[0]!r}"
    return ""


def _unique(texts: Iterable[str], key: Callable[[str], str]) -> dict[str, str]:
    """key(text) -> text, of the keys that come once."""
    texts = list(texts)
    number = Counter(key(text) for text in texts)
    return {key(text): text for text in texts if number[key(text)] == 1}


def _path(name: str) -> str:
    return name


def _bare(name: str) -> str:
    return name.rpartition("/")[2]


def _without_suffix(name: str) -> str:
    return (
        name[: -len(suffix)] if (suffix := PurePosixPath(name).suffix).lower() in SUFFIXES else name
    )


def _bare_without_suffix(name: str) -> str:
    return _bare(_without_suffix(name))


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
