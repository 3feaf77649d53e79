"""Small user studies of made-up pictures and answers: what their page and their table are tested
with.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from augment.results.user_study import page, study

PAIRS = pd.DataFrame(
    {"source": [f"s{n}.jpg" for n in range(40)], "target": [f"t{n}.jpg" for n in range(40)]}
)


def make(form, generators, images, practice, dataset="mini_market"):
    """(key, the pictures of each trial): random ones, no two alike."""
    trials = study.draw(form, generators, images, practice, 0)
    rng = np.random.default_rng(0)
    shown = [
        [rng.integers(0, 255, (64, 32, 3), dtype=np.uint8) for _ in trial.shown] for trial in trials
    ]
    about = {
        "dataset": dataset,
        "generators": list(generators),
        "practice": practice,
        "shown_ms": page.SHOWN_MS,
    }
    return study.key(form, trials, PAIRS, shown, about), shown


def write(folder: Path, form, generators, images, practice, dataset="mini_market", **times_ms):
    """(the page's file, key, pictures); user_study.key.json lies beside the page."""
    key, shown = make(form, generators, images, practice, dataset)
    task = {
        "the person": np.zeros((128, 64, 3), np.uint8),
        "the pose": np.full((384, 192, 3), 90, np.uint8),
    }
    file = folder / "user_study.html"
    page.write(file, key, shown, [task if form == study.AB else {}] * len(shown), **times_ms)
    file.with_suffix(".key.json").write_text(json.dumps(key))
    return file, key, shown


def answers(key, rater, decide):
    """What the page would save: decide(trial of the key) -> answer."""
    extra = {} if key["form"] == study.AB else {"shown_ms": 1000.0, "seen": 1}
    rows = [
        {"id": trial["id"], "answer": decide(trial), "reaction_ms": 500.0, **extra}
        for trial in key["trials"]
    ]
    return {"study": key["study"], "form": key["form"], "rater": rater, "trials": rows}
