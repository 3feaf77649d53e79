"""The page of a study: one file with its images, and nothing that reveals what they are."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from augment.files import whole
from augment.results import templates
from augment.results.user_study import study

HERE = Path(__file__).parent
# PATN paper, section 4.3.3; the paper does not mention a pause before the next image.
SHOWN_MS = 1000
PAUSE_MS = 500


def write(
    file: Path,
    key: Mapping[str, Any],
    shown: Sequence[Sequence[np.ndarray]],
    given: Sequence[Mapping[str, np.ndarray]],
    shown_ms: int = SHOWN_MS,
    pause_ms: int = PAUSE_MS,
) -> None:
    """Write the page.

    Args:
        file: path of the page.
        key: from study.key.
        shown: for each trial, the images to judge, uint8 [H, W, 3].
        given: for each trial, what the generators were given: caption -> image.
        shown_ms: how long an image of form `real-or-generated` is visible.
        pause_ms: pause before each trial.
    """
    parts: list[list[dict[str, Any]]] = [
        [] for _ in range(max(trial["part"] for trial in key["trials"]) + 1)
    ]
    for trial, pictures, task in zip(key["trials"], shown, given, strict=True):
        parts[trial["part"]].append(
            {
                "id": trial["id"],
                "practice": trial["practice"],
                # Not compressed: the length of a blurred image would give it away.
                "shown": [_png(picture, 0) for picture in pictures],
                "given": [[caption, _png(picture, 9)] for caption, picture in task.items()],
            }
        )
    data = {
        "study": key["study"],
        "form": key["form"],
        "shown_ms": shown_ms,
        "pause_ms": pause_ms,
        "parts": parts,
    }
    text = (
        templates.environment(HERE)
        .get_template("study.html")
        .render(
            css=(HERE / "study.css").read_text(),
            js=(HERE / "study.js").read_text(),
            data=data,
            dataset=key["dataset"],
            judged=key["form"] == study.REAL_OR_GENERATED,
            parts=len(parts),
            trials=len(parts[0]),
            practice=key["practice"],
            choices=len(key["trials"][0]["shown"]),
        )
    )
    with whole(file) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _png(picture: np.ndarray, level: int) -> str:
    """Encode uint8 [H, W, 3] as a data URL; level: compression level, 0 to 9."""
    with io.BytesIO() as memory:
        Image.fromarray(picture).save(memory, "PNG", compress_level=level)
        return "data:image/png;base64," + base64.b64encode(memory.getvalue()).decode()
