"""Matches names in keypoint files with images; the only matcher.

A rule compares a key of the name with a key of the image's path. There are two sets of rules:

| rules | for | a name with a folder |
|---|---|---|
| ANY_FOLDER | a folder of images and a file about it (`match`) | also refers to an image in another folder, if unique |
| AS_WRITTEN | a data set and its keypoint files (`match_as_written`) | refers to that path only |

A name without suffix (OpenPose and MMPose write none) refers to the image that has this name apart
from its suffix. So an image whose name ends in the suffix twice (Market-1501 has .jpg.jpg) matches
the name that ends in it once.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import PurePosixPath

from augment.images.untrusted import SUFFIXES
from augment.prepared.market1501 import tidy

Rule = tuple[Callable[[str], str], Callable[[str], str]]  # key of a name, key of an image's path


def path(name: str) -> str:
    return name


def bare(name: str) -> str:
    return name.rpartition("/")[2]


def without_suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    return name[: -len(suffix)] if suffix.lower() in SUFFIXES else name


def bare_without_suffix(name: str) -> str:
    return bare(without_suffix(name))


ANY_FOLDER: tuple[Rule, ...] = (
    (path, path), (bare, bare), (path, without_suffix), (bare, bare_without_suffix),
)  # fmt: skip
AS_WRITTEN: tuple[Rule, ...] = (
    (path, path), (path, bare), (path, without_suffix), (path, bare_without_suffix),
)  # fmt: skip
# For Market-1501, where some files end in .jpg.jpg and their rows in .jpg, or vice versa.
TIDIED: tuple[Rule, ...] = tuple((tidy, key) for _, key in AS_WRITTEN)


def by_rule(names: Iterable[str], images: Mapping[str, str], rule: Rule) -> dict[str, str]:
    """Match names with images by one rule: name -> image.

    Images that share their key with another image are left out.

    Args:
        images: image -> its path, with `/`.
    """
    of_name, of_path = rule
    keys = {image: of_path(file) for image, file in images.items()}
    number = Counter(keys.values())
    image_of = {key: image for image, key in keys.items() if number[key] == 1}
    return {name: image_of[of_name(name)] for name in names if of_name(name) in image_of}


def match(names: Collection[str], images: Collection[str]) -> dict[str, str]:
    """Match by ANY_FOLDER: image -> name in the keypoint file, for images that have one.

    Each image is matched by the first rule that fits. If several names fit an image by the same
    rule, they are ambiguous and not used.
    """
    matched: dict[str, str] = {}
    for rule in ANY_FOLDER:
        image_of = by_rule(names, {image: image for image in images}, rule)
        number, taken = Counter(image_of.values()), set(matched.values())
        for name, image in image_of.items():
            if number[image] == 1 and image not in matched and name not in taken:
                matched[image] = name
    return {image: matched[image] for image in images if image in matched}


def match_as_written(
    names: Collection[str], trees: Sequence[tuple[Mapping[str, str], Sequence[Rule]]]
) -> tuple[int, dict[str, str]]:
    """Match by the tree and the one rule that fit most names, the first of equals.

    Args:
        trees: image -> path, and rules, for each of several folders that hold the same images.

    Returns:
        The number of the tree, and name -> image of the names that fit. Several names may refer to
        one image.
    """
    matches = [
        (number, by_rule(names, images, rule))
        for number, (images, rules) in enumerate(trees)
        for rule in rules
    ]
    return max(matches, key=lambda match: len(match[1]))


def suggestion(names: Collection[str], images: Collection[str]) -> str:
    """Guess what would make unmatched names match: a sentence, or empty."""
    sample = sorted(names)[:200]
    number = Counter(bare(image) for image in images)
    if any(number[bare(name)] > 1 for name in sample):
        return "bare names that occur in several folders are ambiguous: write paths relative to the images' folder"
    for change, keys in (
        ("the suffix differs", bare_without_suffix),
        ("small and capital letters differ", lambda name: bare(name).lower()),
        (
            "suffix, and small and capital letters, differ",
            lambda name: bare_without_suffix(name).lower(),
        ),
        ("folders are joined into the name", lambda name: _letters(without_suffix(name))),
        (
            "the names have something appended",
            lambda name: bare_without_suffix(name).rpartition("_")[0],
        ),
    ):
        whole = {keys(image): image for image in images}
        if change.startswith("the names"):
            whole = {bare_without_suffix(image): image for image in images}
        hits = [(name, whole[keys(name)]) for name in sample if keys(name) in whole]
        if 2 * len(hits) > len(sample):
            return f"{change}: {hits[0][0]!r} is probably {hits[0][1]!r}"
    if sample and (near := get_close_matches(sample[0], sorted(images)[:5000], 1)):
        return f"nearest to {sample[0]!r} is {near[0]!r}"
    return ""


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
