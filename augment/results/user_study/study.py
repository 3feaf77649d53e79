"""What a study shows, drawn from a seed; and its key, which says what every image is and stays with
whoever asks.
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

    part: trials of one part are asked together; 0-based
    practice: whether the answer does not count
    pair: number of the pair; a real image is its target
    shown: what each picture to be judged is, in the order on the page: a generator's name, or REAL
    """

    part: int
    practice: bool
    pair: int
    shown: tuple[str, ...]


def draw(
    form: str, generators: Sequence[str], images: int, practice: int, seed: int
) -> list[Trial]:
    """The trials in the order in which a rater sees them, each of a pair of its own: 0, 1, ...

    Args:
        images: real ones of each part and as many generated ones; or pairs of form `ab`.
        practice: how many of the first trials of each part do not count.

    Raises:
        ValueError: the generators do not suit the form, or a kind of image might never count.
    """
    if repeated := sorted({name for name in generators if generators.count(name) > 1}):
        raise ValueError(f"--generator {repeated[0]}: given twice")
    if form == AB and len(generators) < 2:
        raise ValueError("--form ab compares generators: give --generator at least twice")
    if practice >= images:
        raise ValueError(
            f"--practice {practice}: must be fewer than --images {images}, so that some images of each kind count"
        )
    rng = np.random.default_rng(seed)
    if form == AB:
        orders = [rng.permutation(len(generators)) for _ in range(images)]
        shown = [tuple(generators[one] for one in order) for order in orders]
        return [Trial(0, pair < practice, pair, shown[pair]) for pair in range(images)]
    trials = []
    for part, generator in enumerate(generators):
        for place, number in enumerate(rng.permutation(2 * images)):
            kind = REAL if number < images else generator
            trials.append(Trial(part, place < practice, 2 * images * part + int(number), (kind,)))
    return trials


def distinct(pairs: pd.DataFrame, number: int) -> np.ndarray:
    """Rows of the first `number` pairs whose targets differ: nobody judges an image twice.
    ValueError if there are fewer.
    """
    rows = np.flatnonzero(~pairs["target"].duplicated())
    if len(rows) < number:
        raise ValueError(
            f"the study needs {number} held-out images that are in a pair, and the data set has {len(rows)}; "
            "give fewer --images, or fewer generators at a time"
        )
    return rows[:number]


def key(
    form: str,
    trials: Sequence[Trial],
    pairs: pd.DataFrame,
    pictures: Sequence[Sequence[np.ndarray]],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """What user_study.key.json holds. `study`, its name, is a hash of all the rest and of the
    pictures of every trial.
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
