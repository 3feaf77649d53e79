"""The trials of a study, drawn from a seed, and its key.

The key says what every image is, and stays with the experimenter.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

REAL_OR_GENERATED, AB = FORMS = ("real-or-generated", "ab")
REAL, GENERATED = "real", "generated"


@dataclass(frozen=True)
class Trial:
    """One question to a rater.

    part: trials of one part follow one another; 0-based
    practice: whether the answer is left out of the scores
    pair: number of the pair; a real image is its target
    shown: the origin of each image to judge, in the order on the page: a generator's name, or REAL
    """

    part: int
    practice: bool
    pair: int
    shown: tuple[str, ...]


def draw(
    form: str, generators: Sequence[str], images: int, practice: int, seed: int
) -> list[Trial]:
    """The trials in the order in which a rater sees them, each with its own pair: 0, 1, ...

    Args:
        form: one of FORMS.
        generators: their names.
        images: number of real images per part, and of generated ones; in form `ab`, number of pairs.
        practice: number of practice trials at the start of each part.
        seed: random seed of the order.

    Raises:
        ValueError: If the generators do not suit the form, or one kind of image might be practice
            only.
    """
    if repeated := sorted({name for name in generators if generators.count(name) > 1}):
        raise ValueError(f"--generator {repeated[0]}: occurs twice")
    if form == AB and len(generators) < 2:
        raise ValueError("--form ab compares generators: use --generator at least twice")
    if practice >= images:
        raise ValueError(
            f"--practice {practice}: must be fewer than --images {images}, so that some images of each kind count"
        )
    rng = np.random.default_rng(seed)
    if form == AB:
        orders = [rng.permutation(len(generators)) for _ in range(images)]
        return [
            Trial(0, pair < practice, pair, tuple(generators[int(place)] for place in order))
            for pair, order in enumerate(orders)
        ]
    trials = []
    for part, generator in enumerate(generators):
        for place, number in enumerate(rng.permutation(2 * images)):
            kind = REAL if number < images else generator
            trials.append(Trial(part, place < practice, 2 * images * part + int(number), (kind,)))
    return trials


def distinct(pairs: pd.DataFrame, number: int) -> np.ndarray:
    """Rows of the first `number` pairs with different targets, so that no image is judged twice.

    Raises:
        ValueError: If there are too few.
    """
    rows = np.flatnonzero(~pairs["target"].duplicated())
    if len(rows) < number:
        raise ValueError(
            f"the study needs {number} held-out images that are in a pair, but the data set has {len(rows)}; "
            "use fewer --images, or fewer generators at a time"
        )
    return rows[:number]


def key(
    form: str,
    trials: Sequence[Trial],
    pairs: pd.DataFrame,
    pictures: Sequence[Sequence[np.ndarray]],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """The content of user_study.key.json.

    `study`, its name, is a hash of everything else and of the images of all trials.
    """
    rows = [
        {
            "id": f"t{number:03}",
            "part": trial.part,
            "practice": trial.practice,
            "shown": list(trial.shown),
            "source": pairs["source"].iloc[trial.pair],
            "target": pairs["target"].iloc[trial.pair],
        }
        for number, trial in enumerate(trials)
    ]
    content = {"form": form, **about, "trials": rows}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    for shown in pictures:
        for picture in shown:
            digest.update(picture.tobytes())
    return {"study": digest.hexdigest()[:16], **content}
