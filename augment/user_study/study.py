"""What a study shows, drawn from a seed; and its key, which says what every image is and stays with whoever asks."""

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
    pair: row of the pairs; a real image is the pair's target
    shown: what each picture to be judged is, in the order on the page: a generator's name, or REAL
    """

    part: int
    practice: bool
    pair: int
    shown: tuple[str, ...]


def draw(
    form: str, pairs: pd.DataFrame, generators: Sequence[str], images: int, practice: int, seed: int
) -> list[Trial]:
    """The trials in the order in which a rater sees them. No two have one target: nobody meets an image again.

    Args:
        pairs: in random order, with the column `target`.
        images: real ones of each part and as many generated ones; or pairs of form `ab`.
        practice: how many of the first trials of each part do not count.

    Raises:
        ValueError: the generators do not suit the form, too few trials would count, or there are too few pairs.
    """
    if repeated := sorted({name for name in generators if generators.count(name) > 1}):
        raise ValueError(f"--generator {repeated[0]}: given twice")
    if form == AB and len(generators) < 2:
        raise ValueError("--form ab compares generators: give --generator at least twice")
    if practice >= images:
        raise ValueError(f"--practice {practice}: must be fewer than --images {images}, or a kind of image might never count")
    rows = np.flatnonzero(~pairs["target"].duplicated())
    needed = images if form == AB else 2 * images * len(generators)
    if needed > len(rows):
        raise ValueError(f"the study needs {needed} held-out images with another of the same person, and there are {len(rows)}")
    rng = np.random.default_rng(seed)
    if form == AB:
        return [
            Trial(0, number < practice, int(row), tuple(rng.permutation(np.array(generators)).tolist()))
            for number, row in enumerate(rows[:images])
        ]
    trials = []
    for part, generator in enumerate(generators):
        own = rows[2 * images * part :][: 2 * images]
        kinds = [REAL] * images + [generator] * images
        for place, number in enumerate(rng.permutation(2 * images)):
            trials.append(Trial(part, place < practice, int(own[number]), (kinds[number],)))
    return trials


def key(
    form: str, trials: Sequence[Trial], pairs: pd.DataFrame, pictures: Sequence[Sequence[np.ndarray]], about: Mapping[str, Any]
) -> dict[str, Any]:
    """What user_study.key.json holds. `study`, its name, is a hash of all the rest and of the pictures of every trial."""
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
