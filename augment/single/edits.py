"""Edits of a parsing map by name: "trousers->skirt"."""

from collections.abc import Sequence

import numpy as np

from generators.body.parsing import LABELS


def parse(texts: Sequence[str]) -> dict[int, int]:
    """Label -> the label it becomes. ValueError names what is no edit, an unknown label, or one
    that is edited twice.
    """
    found: dict[int, int] = {}
    for text in texts:
        names = [name.strip() for name in text.split("->")]
        if len(names) != 2:
            raise ValueError(
                f"--edit {text!r}: expected FROM->TO, as 'trousers->skirt' (in quotes, for the shell)"
            )
        for name in names:
            if name not in LABELS:
                raise ValueError(
                    f"--edit {text!r}: unknown label {name!r}; there are {', '.join(LABELS)}"
                )
        old, new = map(LABELS.index, names)
        if old in found:
            raise ValueError(
                f"--edit {text!r}: {names[0]} is edited already; each label can become one other"
            )
        found[old] = new
    return found


def relabelled(labels: np.ndarray, edits: dict[int, int]) -> np.ndarray:
    """Labels uint8 [H, W] after all edits at once. ValueError where the map does not show a label
    that is edited.
    """
    for old in edits:
        if not (labels == old).any():
            shown = ", ".join(LABELS[label] for label in np.unique(labels))
            raise ValueError(f"--edit: the map shows no {LABELS[old]}; it shows {shown}")
    table = np.arange(len(LABELS), dtype=np.uint8)
    for old, new in edits.items():
        table[old] = new
    return table[labels]
